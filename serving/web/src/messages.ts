/** What the page and its worker say to each other. */

import type { Answer, Attention, Description } from "./translator";
import type { Token } from "./tokenizer/tokenizer";

/** The questions and their answers. */
export interface Calls {
  load: { ask: { url: string; litert: string }; answer: Description };
  translate: { ask: { text: string }; answer: Answer };
  attention: { ask: { source: Token[]; ids: number[] }; answer: Attention };
}

export type Kind = keyof Calls;

export type Request = { [K in Kind]: { id: number; kind: K; ask: Calls[K]["ask"] } }[Kind];

export type Reply = { id: number; answer: Calls[Kind]["answer"] } | { id: number; error: string };
