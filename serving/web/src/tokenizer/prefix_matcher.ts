/** Which of some symbols, in UTF-8, a text begins with. */
export class PrefixMatcher {
  private readonly symbols: Uint8Array[];

  constructor(symbols: readonly string[]) {
    const encoder = new TextEncoder();
    this.symbols = symbols.map((symbol) => encoder.encode(symbol)).sort((a, b) => b.length - a.length);
  }

  /** Return the length in bytes of the longest symbol at `start`; 0 where there is none. */
  longest(bytes: Uint8Array, start: number): number {
    const found = this.symbols.find((symbol) => symbol.every((byte, i) => bytes[start + i] === byte));
    return found?.length ?? 0;
  }
}
