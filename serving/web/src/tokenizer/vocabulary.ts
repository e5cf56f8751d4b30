/** The pieces of a SentencePiece model, by id and by text. */

import { PieceType, type Piece } from "./model_proto";

const BYTE_PIECE = /^<0x([0-9A-F]{2})>$/;

export class Vocabulary {
  readonly unknown: number;
  readonly userDefined: string[];
  private readonly reserved = new Map<string, number>();
  private readonly words = new Map<string, number>();

  constructor(readonly pieces: readonly Piece[]) {
    this.unknown = pieces.findIndex((piece) => piece.type === PieceType.unknown);
    this.userDefined = pieces.filter(({ type }) => type === PieceType.userDefined).map(({ text }) => text);
    pieces.forEach((piece, id) => (isWord(piece) ? this.words : this.reserved).set(piece.text, id));
  }

  /** The ids of the pieces that text is made of. */
  get wordIds(): Iterable<[string, number]> {
    return this.words;
  }

  id(text: string): number {
    return this.reserved.get(text) ?? this.words.get(text) ?? this.unknown;
  }

  is(id: number, type: number): boolean {
    return this.pieces[id].type === type;
  }

  /** Return the id of a byte's piece, in a model that falls back to bytes. */
  byteId(byte: number): number {
    return this.id(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  }

  /** Return the byte that a piece stands for. */
  byte(id: number): number {
    return parseInt(BYTE_PIECE.exec(this.pieces[id].text)?.[1] ?? "", 16);
  }
}

function isWord({ type }: Piece): boolean {
  return type === PieceType.normal || type === PieceType.userDefined || type === PieceType.unused;
}
