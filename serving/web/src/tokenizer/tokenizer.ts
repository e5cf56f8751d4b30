/** Text to ids and back, equal to `keras_s2s.data.tokenizer.Tokenizer`. */

import { PieceType, readModelProto, type ModelProto } from "./model_proto";
import { Normalizer, SPACE } from "./normalizer";
import { characterSegmenter, unigramSegmenter, wordSegmenter, type Segment, type Segmenter } from "./segmenters";
import { Vocabulary } from "./vocabulary";

export const PAD = 0;
export const EOS = 1;
export const UNKNOWN = 2;

const SEGMENTERS: Record<number, (vocabulary: Vocabulary) => Segmenter> = {
  1: unigramSegmenter,
  3: wordSegmenter,
  4: characterSegmenter,
};

/** A token: its id, and the text that it stands for where that is known. */
export interface Token {
  id: number;
  text: string;
}

export class Tokenizer {
  private readonly proto: ModelProto;
  private readonly vocabulary: Vocabulary;
  private readonly normalizer: Normalizer;
  private readonly denormalizer: Normalizer | undefined;
  private readonly segment: Segmenter;
  /** Whether each piece is a word with the space before it. */
  private readonly writesWords: boolean;

  /**
   * @param model SentencePiece's `.model` file.
   * @throws Error `model` is no such file, or of a kind or with reserved ids that keras_s2s does not make.
   */
  constructor(model: Uint8Array) {
    this.proto = readModelProto(model);
    this.vocabulary = new Vocabulary(this.proto.pieces);
    const [pad, eos] = [PAD, EOS].map((id) => this.proto.pieces[id]?.type);
    if (pad !== PieceType.control || eos !== PieceType.control || this.vocabulary.unknown !== UNKNOWN) {
      throw new Error("the tokeniser's reserved ids are not 0 pad, 1 </s>, 2 <unk>: was it made by keras_s2s?");
    }
    const makeSegmenter = SEGMENTERS[this.proto.kind];
    if (!makeSegmenter) throw new Error("the tokeniser is none of the kinds unigram, char and word");
    this.segment = makeSegmenter(this.vocabulary);
    this.writesWords = this.proto.pieces.slice(UNKNOWN + 1).every(({ text }) => text.startsWith(SPACE));
    const { normalizer, denormalizer, whitespaceAsSuffix } = this.proto;
    this.normalizer = new Normalizer(normalizer, whitespaceAsSuffix, this.vocabulary.userDefined);
    this.denormalizer = denormalizer.charsmap.length > 0 ? new Normalizer(denormalizer) : undefined;
  }

  /** The number of ids. */
  get size(): number {
    return this.proto.pieces.length;
  }

  /** Return a text's tokens, `<EOS>` at the end. */
  encode(text: string): Token[] {
    const tokens: Token[] = [];
    for (const segment of this.segment(this.normalizer.normalize(text))) {
      const last = tokens.at(-1);
      if (segment.id !== UNKNOWN) tokens.push(segment);
      else if (this.proto.byteFallback) tokens.push(...this.bytes(segment));
      else if (last?.id === UNKNOWN)
        last.text += segment.text; // a run of unknown characters is one token
      else tokens.push({ ...segment });
    }
    return [...tokens, { id: EOS, text: this.proto.pieces[EOS].text }];
  }

  private bytes({ text }: Segment): Token[] {
    return [...new TextEncoder().encode(text)].map((byte) => {
      const id = this.vocabulary.byteId(byte);
      return { id, text: this.proto.pieces[id].text };
    });
  }

  /**
   * Return the tokens that ids stand for, up to the first `<EOS>`. One from `size` on is the copy of a source token,
   * whose position is the rest: an unknown token with the text of it.
   *
   * @param surfaces The source's pieces as they are copied, by `surfaces` of its tokeniser.
   */
  tokens(ids: readonly number[], surfaces: readonly string[] = []): Token[] {
    const space = this.writesWords ? SPACE : "";
    return untilEos(ids).map((id) =>
      id < this.size
        ? { id, text: this.proto.pieces[id].text }
        : { id: UNKNOWN, text: space + surfaces[id - this.size] },
    );
  }

  /** Return tokens of a source as they are copied: of words without the space before them. */
  surfaces(tokens: readonly Token[]): string[] {
    const space = this.writesWords ? SPACE.length : 0;
    return tokens.map(({ text }) => (text.startsWith(SPACE) ? text.slice(space) : text));
  }

  /** Return the text of tokens, in which the unknown ones are copies. */
  decodeCopies(tokens: readonly Token[]): string {
    const copies = tokens.filter(({ id }) => id === UNKNOWN).map(({ text }) => text.replaceAll(SPACE, " "));
    // No piece has these characters: normalisation replaces the one that the unknown token is written as.
    const parts = this.decode(tokens.map(({ id }) => id)).split(this.proto.unknownSurface);
    const text = parts.map((part, i) => part + (copies[i] ?? "")).join("");
    return this.writesWords && copies.length > 0 ? text.replace(/^ /, "") : text;
  }

  /** Return the text that ids stand for, up to the first `<EOS>`. */
  decode(ids: readonly number[]): string {
    let text = "";
    let bytes: number[] = [];
    let atStart = true;
    let spaceTaken = false;

    const flush = (): void => {
      text += decodeBytes(bytes);
      bytes = [];
    };

    for (const id of untilEos(ids)) {
      if (this.vocabulary.is(id, PieceType.byte)) {
        bytes.push(this.vocabulary.byte(id));
        continue;
      }
      flush();
      if (spaceTaken || text) atStart = false;
      const surface = this.surface(id, atStart);
      spaceTaken = surface.spaceTaken;
      text += surface.text;
    }
    flush();
    return this.denormalizer ? this.denormalizer.normalize(text) : text;
  }

  /** Return a piece as it stands in a text, and whether it gave the one space that a text's beginning loses. */
  private surface(id: number, atStart: boolean): { text: string; spaceTaken: boolean } {
    if (this.vocabulary.is(id, PieceType.control)) return { text: "", spaceTaken: false };
    if (id === UNKNOWN) return { text: this.proto.unknownSurface, spaceTaken: false };
    const { addDummyPrefix, removeExtraWhitespaces } = this.proto.normalizer;
    let piece = this.proto.pieces[id].text;
    let spaceTaken = false;
    if (atStart && (addDummyPrefix || removeExtraWhitespaces) && piece.startsWith(SPACE)) {
      piece = piece.slice(SPACE.length);
      spaceTaken = !removeExtraWhitespaces; // else all spaces at the beginning go
    }
    return { text: piece.replaceAll(SPACE, " "), spaceTaken };
  }
}

function untilEos(ids: readonly number[]): number[] {
  const end = ids.indexOf(EOS);
  return end < 0 ? [...ids] : ids.slice(0, end);
}

/** Decode UTF-8; each byte that is part of no character becomes U+FFFD, as SentencePiece has it. */
function decodeBytes(bytes: readonly number[]): string {
  let text = "";
  for (let start = 0; start < bytes.length;) {
    const length = [1, 2, 3, 4].find((n) => isCharacter(bytes.slice(start, start + n), n));
    text += length
      ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes.slice(start, start + length)))
      : "\ufffd";
    start += length ?? 1;
  }
  return text;
}

function isCharacter(bytes: readonly number[], length: number): boolean {
  if (bytes.length < length) return false;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
    return Array.from(text).length === 1;
  } catch {
    return false;
  }
}
