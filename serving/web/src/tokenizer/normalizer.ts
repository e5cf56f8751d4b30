/** SentencePiece's normalisation of a text, as normalizer.cc does it. */

import { Charsmap } from "./charsmap";
import type { NormalizerSpec } from "./model_proto";
import { PrefixMatcher } from "./prefix_matcher";

/** What SentencePiece writes for a space: U+2581. */
export const SPACE = "\u2581";

const SPACE_BYTES = [0xe2, 0x96, 0x81];
const BLANK = 0x20;

export class Normalizer {
  private readonly rules: Charsmap;
  private readonly space: readonly number[];
  private readonly matcher: PrefixMatcher;

  /**
   * @param userDefined Symbols that are kept as they are.
   */
  constructor(
    private readonly spec: NormalizerSpec,
    private readonly whitespaceAsSuffix = false,
    userDefined: readonly string[] = [],
  ) {
    this.rules = new Charsmap(spec.charsmap);
    this.space = spec.escapeWhitespaces ? SPACE_BYTES : [BLANK];
    this.matcher = new PrefixMatcher(userDefined);
  }

  normalize(text: string): string {
    const bytes = new TextEncoder().encode(text);
    const trims = this.spec.removeExtraWhitespaces;
    let start = trims ? this.skipBlanks(bytes) : 0;
    if (start === bytes.length) return "";

    const out: number[] = [];
    if (this.spec.addDummyPrefix && !this.whitespaceAsSuffix) out.push(...this.space);
    let afterBlank = trims;
    while (start < bytes.length) {
      const { replacement, length } = this.prefix(bytes, start);
      let first = 0;
      while (afterBlank && replacement[first] === BLANK) first++;
      for (let i = first; i < replacement.length; i++) {
        if (replacement[i] === BLANK) out.push(...this.space);
        else out.push(replacement[i]);
      }
      if (first < replacement.length) afterBlank = replacement[replacement.length - 1] === BLANK;
      afterBlank &&= trims;
      start += length;
    }
    if (trims) while (endsWith(out, this.space)) out.length -= this.space.length;
    if (this.spec.addDummyPrefix && this.whitespaceAsSuffix) out.push(...this.space);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(out));
  }

  /** Return where the first prefix starts that is more than one blank. */
  private skipBlanks(bytes: Uint8Array): number {
    let start = 0;
    while (start < bytes.length) {
      const { replacement, length } = this.prefix(bytes, start);
      if (replacement.length !== 1 || replacement[0] !== BLANK) break;
      start += length;
    }
    return start;
  }

  /** Return what the text at `start` begins with, normalised: a user's symbol, a rule's sequence, or one character. */
  private prefix(bytes: Uint8Array, start: number): { replacement: Uint8Array; length: number } {
    const symbol = this.matcher.longest(bytes, start);
    const rule = symbol > 0 ? undefined : this.rules.longest(bytes, start);
    if (rule) return rule;
    const length = symbol > 0 ? symbol : characterBytes(bytes[start]);
    return { replacement: bytes.subarray(start, start + length), length };
  }
}

/** Return how many bytes the UTF-8 character has that starts with `first`. */
function characterBytes(first: number): number {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

function endsWith(bytes: readonly number[], end: readonly number[]): boolean {
  const start = bytes.length - end.length;
  return start >= 0 && end.every((byte, i) => bytes[start + i] === byte);
}
