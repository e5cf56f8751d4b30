/** Compares with SentencePiece, on what tests/web/test_tokenizer.py wrote into $TOKENIZER_CASES. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Tokenizer } from "../src/tokenizer/tokenizer";

interface Case {
  name: string;
  texts: string[];
  ids: number[][];
  /** Without `<EOS>`. */
  pieces: string[][];
  rows: number[][];
  decoded: string[];
}

const folder = process.env.TOKENIZER_CASES;
if (!folder) throw new Error("TOKENIZER_CASES is not set: run this test by pytest (tests/web/test_tokenizer.py)");

describe.each(readdirSync(folder).filter((file) => file.endsWith(".model")))("%s", (file) => {
  const model = new Uint8Array(readFileSync(join(folder, file)));
  const expected = JSON.parse(readFileSync(join(folder, file.replace(/model$/, "json")), "utf-8")) as Case;
  const tokenizer = new Tokenizer(model);

  test("encodes alike", () => {
    const different = expected.texts.flatMap((text, i) => {
      const tokens = tokenizer.encode(text);
      const received = { ids: tokens.map(({ id }) => id), pieces: tokens.slice(0, -1).map((token) => token.text) };
      const wanted = { ids: expected.ids[i], pieces: expected.pieces[i] };
      return JSON.stringify(received) === JSON.stringify(wanted) ? [] : [{ text, wanted, received }];
    });
    expect(different.slice(0, 5), `${different.length} of ${expected.texts.length}`).toEqual([]);
  });

  test("decodes alike", () => {
    const different = expected.rows.flatMap((row, i) => {
      const received = tokenizer.decode(row);
      return received === expected.decoded[i] ? [] : [{ row, wanted: expected.decoded[i], received }];
    });
    expect(different.slice(0, 5), `${different.length} of ${expected.rows.length}`).toEqual([]);
  });
});
