/** A model in the page: text in, hypotheses out, as `keras_s2s.LiteRTTranslator` gives them. */

import { Graphs, type Arrays } from "./graphs";
import { readModelFile, type Manifest } from "./model_file";
import { EOS, PAD, Tokenizer, type Token } from "./tokenizer/tokenizer";

export interface Hypothesis {
  ids: number[];
  tokens: Token[];
  text: string;
  logProb: number;
}

/** What a text has more of than the model reads. */
export interface Excess {
  count: number;
  limit: number;
  unit: "tokens" | "characters";
}

export interface Answer {
  text: string;
  source: Token[];
  overlong: Excess | undefined;
  /** The plain answer, by the search that was chosen at export. */
  plain: Hypothesis;
  /** By beam search, best first. */
  nBest: Hypothesis[];
  /** Tokenising and both searches. */
  milliseconds: number;
}

/** For each token of an output, the share of attention that each source token got. */
export type Attention = number[][];

/** What the page shows of a model. */
export interface Description {
  weights: string;
  beamSize: number;
  method: "greedy" | "beam";
  longestSource: number;
  hasAttention: boolean;
}

export class OverlongError extends Error {
  constructor({ count, unit, limit }: Excess) {
    super(`This text has ${count} ${unit} and the model reads at most ${limit}. Split it.`);
  }
}

/** As `keras_s2s.data.tokenizer.CHARACTERS_A_TOKEN`: what comes after them in a text is cut off first. */
const CHARACTERS_A_TOKEN = 64;

export class Translator {
  private constructor(
    private readonly graphs: Graphs,
    private readonly manifest: Manifest,
    private readonly sourceTokenizer: Tokenizer,
    private readonly targetTokenizer: Tokenizer,
  ) {}

  /**
   * @param content A `.tflite` file.
   * @throws Error It is not whole, or not made by keras_s2s.
   */
  static async load(content: Uint8Array<ArrayBuffer>): Promise<Translator> {
    const { model, manifest, sourceModel, targetModel } = await readModelFile(content);
    const [source, target] = [new Tokenizer(sourceModel), new Tokenizer(targetModel)];
    return new Translator(await Graphs.load(model, manifest.signatures), manifest, source, target);
  }

  get description(): Description {
    const { weights, search, limits, signatures } = this.manifest;
    return {
      weights,
      beamSize: search.beam_size,
      method: search.method,
      longestSource: limits.max_source_length,
      hasAttention: "attention" in signatures.decode_step.outputs,
    };
  }

  /** @throws OverlongError The text is longer than the limit of a model that refuses those. */
  async translate(text: string): Promise<Answer> {
    const start = performance.now();
    const { source, overlong } = this.read(text);
    if (overlong && this.manifest.limits.overlong === "error") throw new OverlongError(overlong);
    const nBest = await this.search("beam", source);
    const plain = this.manifest.search.method === "beam" ? nBest[0] : (await this.search("greedy", source))[0];
    return { text, source, overlong, plain, nBest, milliseconds: performance.now() - start };
  }

  /**
   * Ask what the model looked at when it wrote an output: its decoder is fed that output, a token at a time.
   *
   * @param source The source's tokens, `<EOS>` at the end.
   * @param ids The output's, without.
   */
  async attention(source: readonly Token[], ids: readonly number[]): Promise<Attention> {
    let arrays = await this.graphs.run("encode", this.inputs(source));
    const rows: Attention = [];
    for (const token of [EOS, ...ids.slice(0, -1)]) {
      const outputs = await this.graphs.run("decode_step", { ...arrays, token: Int32Array.of(token) });
      rows.push(Array.from(outputs.attention.subarray(0, source.length)));
      arrays = { ...arrays, ...outputs }; // what no step changes is the memory that attention looks at
    }
    return rows;
  }

  delete(): void {
    this.graphs.delete();
  }

  /** As `keras_s2s.data.source_limit.read_sources`. */
  private read(text: string): { source: Token[]; overlong: Excess | undefined } {
    const limit = this.manifest.limits.max_source_length;
    const most = CHARACTERS_A_TOKEN * limit;
    const beginning = firstCharacters(text, most);
    const tokens = this.sourceTokenizer.encode(beginning);
    const source = tokens.length <= limit ? tokens : [...tokens.slice(0, limit - 1), tokens[tokens.length - 1]];
    if (beginning.length < text.length) {
      return { source, overlong: { count: Array.from(text).length, limit: most, unit: "characters" } };
    }
    return { source, overlong: tokens.length > limit ? { count: tokens.length, limit, unit: "tokens" } : undefined };
  }

  private inputs(tokens: readonly Token[]): Arrays {
    const source = new Int32Array(this.manifest.limits.max_source_length).fill(PAD);
    source.set(tokens.map(({ id }) => id));
    return { source, source_length: Int32Array.of(tokens.length) };
  }

  private async search(method: "greedy" | "beam", source: readonly Token[]): Promise<Hypothesis[]> {
    const { tokens, log_probs: scores } = await this.graphs.run(method, this.inputs(source));
    const width = tokens.length / scores.length;
    return Array.from(scores)
      .map((logProb, row) => this.hypothesis(tokens.subarray(row * width, (row + 1) * width), logProb, source))
      .filter(({ logProb }) => logProb > this.manifest.search.least_log_prob); // there is no hypothesis below it
  }

  private hypothesis(row: Arrays[string], logProb: number, source: readonly Token[]): Hypothesis {
    const written = Array.from(row).filter((id) => id !== PAD);
    const copies = this.manifest.search.copy_unknown;
    const tokens = this.targetTokenizer.tokens(written, copies ? this.sourceTokenizer.surfaces(source) : []);
    const ids = tokens.map(({ id }) => id);
    const text = copies ? this.targetTokenizer.decodeCopies(tokens) : this.targetTokenizer.decode(ids);
    return { ids, tokens, text, logProb };
  }
}

/** Return the first characters of a text: code points, not the units of UTF-16 that `length` counts. */
function firstCharacters(text: string, count: number): string {
  let end = 0;
  for (let found = 0; found < count && end < text.length; found++) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  return text.slice(0, end);
}
