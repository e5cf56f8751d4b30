import { expect, test } from "vitest";
import { megabytes, milliseconds, percent } from "../src/figures";
import { latest } from "../src/latest";

test("percentages, times and sizes", () => {
  expect([1, 0.5, 0.012, 0.0011, 0.00034, 0.00001, 0.000001, 0].map(percent)).toEqual([
    ...["100 %", "50 %", "1.2 %", "0.11 %", "0.034 %", "0.001 %", "< 0.001 %", "< 0.001 %"],
  ]);
  expect([0.44, 12.34, 250.6].map(milliseconds)).toEqual(["0.4 ms", "12.3 ms", "251 ms"]);
  expect([9_312_059, 604_000].map(megabytes)).toEqual(["9.3 MB", "0.60 MB"]);
});

test("of many calls the first and the last do their work", async () => {
  const done: string[] = [];
  const type = latest(async (text: string) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    done.push(text);
  });
  for (const text of ["a", "ab", "abc", "abcd"]) type(text);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(done).toEqual(["a", "abcd"]);
  type("later");
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(done).toEqual(["a", "abcd", "later"]);
});
