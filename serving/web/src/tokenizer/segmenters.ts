/** How a normalised text is cut into pieces: one function for each kind of SentencePiece model. */

import { PieceType } from "./model_proto";
import { SPACE } from "./normalizer";
import type { Vocabulary } from "./vocabulary";

export interface Segment {
  text: string;
  id: number;
}

export type Segmenter = (normalized: string) => Segment[];

const UNKNOWN_PENALTY = 10;

/** A node of the tree of all pieces, a character a step. */
interface Node {
  id: number;
  next: Map<string, Node>;
}

/**
 * The likeliest segmentation under a unigram model (Kudo 2018, https://aclanthology.org/P18-1007), by Viterbi's
 * algorithm. Sums are rounded to float32 as in unigram_model.cc, so that equal scores are equal here too.
 */
export function unigramSegmenter(vocabulary: Vocabulary): Segmenter {
  const root = pieceTree(vocabulary);
  const scores = vocabulary.pieces.filter(({ type }) => type === PieceType.normal).map(({ score }) => score);
  const highest = scores.reduce((a, b) => Math.max(a, b), 2 ** -126);
  const unknownScore = Math.fround(scores.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY);

  function score(id: number, text: string): number {
    if (!vocabulary.is(id, PieceType.userDefined)) return vocabulary.pieces[id].score;
    return Math.fround(new TextEncoder().encode(text).length * highest) - 0.1;
  }

  return (normalized) => {
    const characters = Array.from(normalized);
    const best = new Float32Array(characters.length + 1);
    const from = new Int32Array(characters.length + 1).fill(-1);
    const ids = new Int32Array(characters.length + 1);

    function offer(start: number, end: number, id: number, total: number): void {
      if (from[end] !== -1 && total <= best[end]) return;
      best[end] = total;
      from[end] = start;
      ids[end] = id;
    }

    for (let start = 0; start < characters.length; start++) {
      let single = false;
      let node = root.next.get(characters[start]);
      for (let end = start + 1; node; end++) {
        if (node.id >= 0) {
          offer(start, end, node.id, score(node.id, vocabulary.pieces[node.id].text) + best[start]);
          single ||= end === start + 1;
        }
        node = end < characters.length ? node.next.get(characters[end]) : undefined;
      }
      if (!single) offer(start, start + 1, vocabulary.unknown, Math.fround(unknownScore + best[start]));
    }
    const segments: Segment[] = [];
    for (let end = characters.length; end > 0; end = from[end]) {
      segments.push({ text: characters.slice(from[end], end).join(""), id: ids[end] });
    }
    return segments.reverse();
  };
}

function pieceTree(vocabulary: Vocabulary): Node {
  const root: Node = { id: -1, next: new Map() };
  for (const [text, id] of vocabulary.wordIds) {
    if (vocabulary.is(id, PieceType.unused)) continue;
    let node = root;
    for (const character of text) {
      let next = node.next.get(character);
      if (!next) node.next.set(character, (next = { id: -1, next: new Map() }));
      node = next;
    }
    node.id = id;
  }
  return root;
}

/** One piece a character, but for the user's symbols. */
export function characterSegmenter(vocabulary: Vocabulary): Segmenter {
  const symbols = [...vocabulary.userDefined].sort((a, b) => b.length - a.length);
  return (normalized) => {
    const segments: Segment[] = [];
    for (let rest = normalized; rest;) {
      const text = symbols.find((symbol) => rest.startsWith(symbol)) ?? String.fromCodePoint(rest.codePointAt(0) ?? 0);
      segments.push({ text, id: vocabulary.id(text) });
      rest = rest.slice(text.length);
    }
    return segments;
  };
}

/** One piece a word, with the space that stands before it. */
export function wordSegmenter(vocabulary: Vocabulary): Segmenter {
  const words = new RegExp(`${SPACE}[^${SPACE}]*|[^${SPACE}]+`, "gu");
  return (normalized) => (normalized.match(words) ?? []).map((text) => ({ text, id: vocabulary.id(text) }));
}
