/**
 * Reads SentencePiece's `.model` file: the message ModelProto of sentencepiece_model.proto, in as far as it takes part
 * in encoding and decoding.
 */

import { PbfReader } from "pbf";

export const PieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface Piece {
  text: string;
  score: number;
  type: number;
}

export interface NormalizerSpec {
  charsmap: Uint8Array;
  addDummyPrefix: boolean;
  removeExtraWhitespaces: boolean;
  escapeWhitespaces: boolean;
}

export interface ModelProto {
  pieces: Piece[];
  /** 1 unigram, 2 BPE, 3 word, 4 char. */
  kind: number;
  byteFallback: boolean;
  whitespaceAsSuffix: boolean;
  /** What an unknown piece is written as. */
  unknownSurface: string;
  normalizer: NormalizerSpec;
  denormalizer: NormalizerSpec;
}

function emptySpec(): NormalizerSpec {
  return { charsmap: new Uint8Array(), addDummyPrefix: true, removeExtraWhitespaces: true, escapeWhitespaces: true };
}

/** Throws where `bytes` is no such message. */
export function readModelProto(bytes: Uint8Array): ModelProto {
  const proto: ModelProto = {
    pieces: [],
    kind: 1,
    byteFallback: false,
    whitespaceAsSuffix: false,
    unknownSurface: " \u2047 ",
    normalizer: emptySpec(),
    denormalizer: emptySpec(),
  };
  new PbfReader(bytes).readFields(readModelField, proto);
  return proto;
}

function readModelField(tag: number, proto: ModelProto, reader: PbfReader): void {
  if (tag === 1) proto.pieces.push(reader.readMessage(readPieceField, { text: "", score: 0, type: PieceType.normal }));
  else if (tag === 2) reader.readMessage(readTrainerField, proto);
  else if (tag === 3) reader.readMessage(readNormalizerField, proto.normalizer);
  else if (tag === 5) reader.readMessage(readNormalizerField, proto.denormalizer);
}

function readPieceField(tag: number, piece: Piece, reader: PbfReader): void {
  if (tag === 1) piece.text = reader.readString();
  else if (tag === 2) piece.score = reader.readFloat();
  else if (tag === 3) piece.type = reader.readVarint();
}

function readTrainerField(tag: number, proto: ModelProto, reader: PbfReader): void {
  if (tag === 3) proto.kind = reader.readVarint();
  else if (tag === 24) proto.whitespaceAsSuffix = reader.readBoolean();
  else if (tag === 35) proto.byteFallback = reader.readBoolean();
  else if (tag === 44) proto.unknownSurface = reader.readString();
}

function readNormalizerField(tag: number, spec: NormalizerSpec, reader: PbfReader): void {
  if (tag === 2) spec.charsmap = reader.readBytes();
  else if (tag === 3) spec.addDummyPrefix = reader.readBoolean();
  else if (tag === 4) spec.removeExtraWhitespaces = reader.readBoolean();
  else if (tag === 5) spec.escapeWhitespaces = reader.readBoolean();
}
