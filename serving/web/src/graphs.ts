/** The graphs of a model, run by LiteRT: named arrays in, named arrays out. */

import { loadAndCompile, loadLiteRt, Tensor, type CompiledModel, type TypedArray } from "@litertjs/core";
import type { Manifest } from "./model_file";

export type Arrays = Record<string, TypedArray>;

declare global {
  /** Where LiteRT's loader looks for settings; it takes the place away after loading. */

  var Module: { locateFile(file: string): string; printErr(line: string): void } | undefined;
}

// LiteRT tells on the stream of errors what it does.
const CHATTER = /^(INFO|WARNING|VERBOSE):/;

let loading: Promise<unknown> | undefined;

/** Load LiteRT itself, once. */
export function startLiteRt(folder: string): Promise<unknown> {
  globalThis.Module = {
    // In a worker the loader would look for its .wasm file beside the worker's script.
    locateFile: (file) => folder + file,
    printErr: (line) => {
      if (!CHATTER.test(line)) console.error(line);
    },
  };
  loading ??= loadLiteRt(folder);
  return loading;
}

export class Graphs {
  private constructor(
    private readonly compiled: CompiledModel,
    private readonly signatures: Manifest["signatures"],
  ) {}

  static async load(model: Uint8Array, signatures: Manifest["signatures"]): Promise<Graphs> {
    return new Graphs(await loadAndCompile(model, { accelerator: "wasm" }), signatures);
  }

  /**
   * Run a signature.
   *
   * @param inputs Arrays by name; those that the signature does not take are left aside.
   */
  async run(signature: string, inputs: Arrays): Promise<Arrays> {
    const described = this.signatures[signature].inputs;
    const tensors: Record<string, Tensor> = {};
    for (const [name, { shape }] of Object.entries(described)) tensors[name] = new Tensor(inputs[name], shape);
    const results = await this.compiled.run(signature, tensors);
    const outputs: Arrays = {};
    for (const [name, tensor] of Object.entries(results)) outputs[name] = tensor.toTypedArray();
    for (const tensor of [...Object.values(tensors), ...Object.values(results)]) tensor.delete();
    return outputs;
  }

  delete(): void {
    this.compiled.delete();
  }
}
