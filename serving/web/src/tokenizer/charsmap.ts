/**
 * SentencePiece's compiled normalisation rules, such as nmt_nfkc: a double array (Aoe 1989, as Darts-clone lays it out)
 * of byte sequences, whose values point to what each sequence is replaced by.
 */

/** A replacement and the number of bytes that it stands for. */
export interface Rule {
  replacement: Uint8Array;
  length: number;
}

export class Charsmap {
  private readonly units: Uint32Array;
  private readonly replacements: Uint8Array;

  /**
   * @param blob The double array's size in bytes (uint32, little endian), the double array, and the replacements, each
   *   ended by a zero. Empty, there are no rules.
   */
  constructor(blob: Uint8Array) {
    if (blob.length === 0) {
      this.units = new Uint32Array();
      this.replacements = blob;
      return;
    }
    const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
    const size = view.getUint32(0, true);
    if (size % 4 !== 0 || 4 + size >= blob.length) {
      throw new Error(`the tokeniser's normalisation rules are damaged: ${size} of ${blob.length} bytes`);
    }
    this.units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.replacements = blob.subarray(4 + size);
  }

  /** Return the rule for the longest sequence that starts at `start`. */
  longest(bytes: Uint8Array, start: number): Rule | undefined {
    if (this.units.length === 0) return undefined;
    let value = -1;
    let length = 0;
    let node = offset(this.units[0]);
    for (let i = start; i < bytes.length; i++) {
      node ^= bytes[i];
      const unit = this.units[node];
      if (unit === undefined || label(unit) !== bytes[i]) break;
      node ^= offset(unit);
      if (hasValue(unit)) {
        value = this.units[node] & 0x7fffffff;
        length = i + 1 - start;
      }
    }
    if (length === 0) return undefined;
    const end = this.replacements.indexOf(0, value);
    return { replacement: this.replacements.subarray(value, end < 0 ? undefined : end), length };
  }
}

function offset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function label(unit: number): number {
  return unit & (0x80000000 | 0xff);
}

function hasValue(unit: number): boolean {
  return ((unit >>> 8) & 1) === 1;
}
