/** Reads a `.tflite` file that keras_s2s wrote: the model, and the zip of tokenisers and manifest behind it. */

import { unzipSync } from "fflate";

/** As `keras_s2s.deploy.device.manifest.FORMAT`. */
export const FORMAT = "keras_s2s/tflite/2";

const FILES = ["manifest.json", "source.model", "target.model"] as const;

export interface Tensor {
  shape: number[];
  dtype: string;
}

export interface Signature {
  inputs: Record<string, Tensor>;
  outputs: Record<string, Tensor>;
}

/** What the page needs of the manifest; `keras_s2s.deploy.device.description` writes it. */
export interface Manifest {
  format: string;
  weights: string;
  limits: { max_source_length: number; max_target_length: number; overlong: "truncate" | "error" };
  search: { method: "greedy" | "beam"; beam_size: number; least_log_prob: number; copy_unknown?: boolean };
  signatures: Record<string, Signature>;
  model_bytes: number;
  model_sha256: string;
}

export interface ModelFile {
  model: Uint8Array<ArrayBuffer>;
  manifest: Manifest;
  sourceModel: Uint8Array;
  targetModel: Uint8Array;
}

/** @throws Error `content` is no TFLite file, a damaged one, or one that keras_s2s did not write. */
export async function readModelFile(content: Uint8Array<ArrayBuffer>): Promise<ModelFile> {
  if (String.fromCharCode(...content.subarray(4, 8)) !== "TFL3") throw new Error("this is not a TFLite file");
  const [manifestJson, sourceModel, targetModel] = unzip(content);
  const manifest = JSON.parse(new TextDecoder().decode(manifestJson)) as Manifest;
  if (manifest.format !== FORMAT) {
    throw new Error(
      `its format is ${manifest.format}, expected ${FORMAT}: export it again with this version of keras-s2s`,
    );
  }
  const model = content.subarray(0, manifest.model_bytes);
  if ((await sha256(model)) !== manifest.model_sha256) {
    throw new Error("the file is damaged: copy or export it again");
  }
  return { model, manifest, sourceModel, targetModel };
}

function unzip(content: Uint8Array): Uint8Array[] {
  const foreign = "this file has no manifest of keras-s2s: it was cut short, or not made by `keras-s2s export tflite`";
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(content);
  } catch (error) {
    throw new Error(foreign, { cause: error });
  }
  return FILES.map((name) => {
    const file = files[name];
    if (!file) throw new Error(foreign);
    return file;
  });
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
