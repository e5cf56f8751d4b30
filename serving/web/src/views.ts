/** Draws answers, tokens and attention. */

import { element, make, makeShare } from "./elements";
import { percent } from "./figures";
import { SPACE } from "./tokenizer/normalizer";
import { UNKNOWN, type Token } from "./tokenizer/tokenizer";
import type { Answer, Attention, Hypothesis } from "./translator";

const HINT = "Where the model looked (columns) when it wrote each token (rows). Stronger colour: more attention.";

/** Return the different answers, best first; the plain one, which another search may have found, stands first. */
export function answersOf({ plain, nBest }: Answer): Hypothesis[] {
  return [plain, ...nBest.filter((other) => !same(other, plain))];
}

/** Whether two answers are the same: of the same tokens, and with the same words copied. */
function same(a: Hypothesis, b: Hypothesis): boolean {
  return a.ids.join() === b.ids.join() && a.text === b.text;
}

/** Show the answers as a choice, the first one chosen. */
export function showAnswers(answer: Answer, choose: (hypothesis: Hypothesis) => void): void {
  const bestIsPlain = answer.nBest.length > 0 && same(answer.plain, answer.nBest[0]);
  const answers = answersOf(answer);
  const likeliest = Math.max(...answers.map(({ logProb }) => logProb));
  const choices = answers.map((hypothesis, i) => {
    const input = make("input", { type: "radio", name: "answer", value: String(i), ...(i === 0 && { checked: "" }) });
    input.addEventListener("change", () => {
      choose(hypothesis);
    });
    const choice = make(
      "label",
      { class: "answer" },
      input,
      make("span", { class: "text", dir: "auto" }, hypothesis.text || "(nothing)"),
      make("span", { class: "probability" }, percent(Math.exp(hypothesis.logProb))),
      makeShare("span", Math.exp(hypothesis.logProb - likeliest), { class: "bar", "aria-hidden": "true" }),
    );
    if (i === 0 && !bestIsPlain)
      choice.append(make("span", { class: "note" }, "by greedy search; those below by beam search"));
    return choice;
  });
  element("answers", HTMLElement).replaceChildren(...choices);
  const inOrder = answer.nBest.every(({ logProb }, i) => i === 0 || logProb <= answer.nBest[i - 1].logProb);
  element("answers-hint", HTMLElement).hidden = inOrder;
}

export function showTokens(id: "source" | "target", tokens: readonly Token[]): void {
  const unknown = id === "source" ? "unknown" : "copied";
  element(id, HTMLElement).replaceChildren(
    ...tokens.map((token) =>
      make(
        "li",
        { "data-id": String(token.id), ...(token.id === UNKNOWN && { class: "unknown" }) },
        make("span", { class: "piece" }, visible(token)),
        make("span", { class: "id" }, token.id === UNKNOWN ? unknown : String(token.id)),
      ),
    ),
  );
}

/** Draw attention as a table: a row for each written token, a column for each read one. */
export function showHeatMap(source: readonly Token[], target: readonly Token[], attention: Attention): void {
  const head = source.map((token) => make("th", { scope: "col" }, make("span", {}, visible(token))));
  const rows = target.map((written, i) => {
    const cells = source.map((read, j) => {
      const share = percent(attention[i][j]);
      const cell = makeShare("td", attention[i][j], { title: `${visible(written)} ← ${visible(read)}: ${share}` });
      cell.append(make("span", { class: "unseen" }, share));
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, visible(written)), ...cells);
  });
  const corner = make("td");
  const table = make(
    "table",
    { class: "heat-map", "aria-labelledby": "attention-hint" },
    make("thead", {}, make("tr", {}, corner, ...head)),
    make("tbody", {}, ...rows),
  );
  const region = { class: "scroll", tabindex: "0", role: "region", "aria-label": "Attention, a table" };
  element("heat-map", HTMLElement).replaceChildren(
    make("p", { id: "attention-hint", class: "hint" }, HINT),
    make("div", region, table),
  );
}

/** Return a token's text with the space at its beginning made visible. */
function visible({ text }: Token): string {
  return text.replaceAll(SPACE, "␣");
}
