/** The worker: it holds the model, so that typing never waits for it. One request after another. */

import { startLiteRt } from "./graphs";
import type { Calls, Kind, Reply, Request } from "./messages";
import { Translator } from "./translator";

let translator: Translator | undefined;
let last: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<Request>) => {
  last = last.then(async () => {
    const reply: Reply = await answer(data).then(
      (result) => ({ id: data.id, answer: result }),
      (error: unknown) => ({ id: data.id, error: error instanceof Error ? error.message : String(error) }),
    );
    self.postMessage(reply);
  });
};

async function answer(request: Request): Promise<Calls[Kind]["answer"]> {
  if (request.kind === "load") return load(request.ask.url, request.ask.litert);
  if (!translator) throw new Error("no model is loaded");
  if (request.kind === "translate") return translator.translate(request.ask.text);
  return translator.attention(request.ask.source, request.ask.ids);
}

async function load(url: string, litert: string): Promise<Calls["load"]["answer"]> {
  translator?.delete();
  translator = undefined;
  const [content] = await Promise.all([download(url), startLiteRt(litert)]);
  translator = await Translator.load(content);
  await translator.translate(""); // memory is laid out here, not at the first letter
  return translator.description;
}

async function download(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url).catch(() => undefined);
  if (!response) throw new Error("this browser has no copy of it, and the server does not answer");
  if (!response.ok) throw new Error(`the server has it no more (${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}
