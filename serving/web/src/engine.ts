/** The page's end of the worker. */

import type { Calls, Kind, Reply } from "./messages";

interface Waiting {
  resolve: (answer: never) => void;
  reject: (error: Error) => void;
}

export class Engine {
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.answer as never);
    };
    worker.onerror = (event) => {
      for (const { reject } of this.waiting.values()) reject(new Error(event.message || "the worker stopped"));
      this.waiting.clear();
    };
  }

  ask<K extends Kind>(kind: K, ask: Calls[K]["ask"]): Promise<Calls[K]["answer"]> {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, kind, ask });
    });
  }
}
