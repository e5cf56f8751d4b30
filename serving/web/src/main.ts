/** The page: chooses a model, sends what is typed to the worker, shows what comes back. */

import { element, make } from "./elements";
import { Engine } from "./engine";
import { megabytes, milliseconds } from "./figures";
import { latest } from "./latest";
import { listModels, type Model } from "./models";
import { prepareOffline } from "./offline";
import type { Answer, Description, Hypothesis } from "./translator";
import { showAnswers, showHeatMap, showTokens } from "./views";

/** A screen reader speaks when typing rests so long, in milliseconds. */
const REST = 800;
/** A button says so long that it was pressed, in milliseconds. */
const COPIED = 1500;
const EMPTY = "The translation appears here as you type";

const chooser = element("model", HTMLSelectElement);
const text = element("text", HTMLTextAreaElement);
const translation = element("translation", HTMLElement);
const copy = element("copy", HTMLButtonElement);
const attentionSwitch = element("attention-switch", HTMLInputElement);

let engine: Engine;
let model: Model | undefined;
let description: Description | undefined;
let answer: Answer | undefined;
let chosen: Hypothesis | undefined;
let announcing: ReturnType<typeof setTimeout>;

const translate = latest(async (typed: string) => {
  const asked = description;
  if (!asked) return; // it is translated when the model is there
  try {
    const received = await engine.ask("translate", { text: typed });
    if (asked === description) show(received);
  } catch (error) {
    clear(typed);
    notify(message(error));
  }
});

const drawAttention = latest(async (hypothesis: Hypothesis) => {
  if (!answer) return;
  const { source } = answer;
  try {
    const attention = await engine.ask("attention", { source, ids: hypothesis.ids });
    if (hypothesis === chosen) showHeatMap(source, hypothesis.tokens, attention);
  } catch (error) {
    if (hypothesis === chosen) notify(message(error));
  }
});

const load = latest(async (wanted: Model) => {
  description = undefined;
  model = wanted;
  clear("");
  translation.textContent = `Loading ${wanted.name} (${megabytes(wanted.bytes)}) …`;
  announce(translation.textContent);
  history.replaceState(null, "", `#${encodeURIComponent(wanted.name)}`);
  try {
    const litert = new URL("litert/", document.baseURI).href;
    description = await engine.ask("load", { url: new URL(wanted.url, document.baseURI).href, litert });
    element("attention", HTMLElement).hidden = !description.hasAttention;
    notify("");
    clear(text.value);
    translate(text.value);
  } catch (error) {
    translation.textContent = "";
    notify(`${wanted.name} cannot be loaded: ${message(error)}`);
  }
});

function show(received: Answer): void {
  if (!received.source.some(({ id }) => id > 1)) {
    clear(received.text);
    return;
  }
  answer = received;
  const { overlong } = received;
  notify(
    overlong
      ? `This text has ${overlong.count} ${overlong.unit} and the model reads ${overlong.limit}: its end is not translated.`
      : "",
  );
  showTokens("source", received.source);
  showAnswers(received, choose);
  element("details", HTMLElement).hidden = false;
  choose(received.plain);
}

/** Show one of the answers. */
function choose(hypothesis: Hypothesis): void {
  chosen = hypothesis;
  translation.textContent = hypothesis.text;
  translation.classList.remove("empty");
  translation.dataset.of = answer?.text ?? "";
  copy.disabled = false;
  showTokens("target", hypothesis.tokens);
  showFacts();
  announce(hypothesis.text);
  if (description?.hasAttention && attentionSwitch.checked) drawAttention(hypothesis);
}

function clear(of: string): void {
  answer = chosen = undefined;
  translation.textContent = EMPTY;
  translation.classList.add("empty");
  translation.dataset.of = of;
  copy.disabled = true;
  element("details", HTMLElement).hidden = true;
  element("heat-map", HTMLElement).replaceChildren();
  notify("");
  announce("");
  showFacts();
}

function showFacts(): void {
  const facts: Record<string, string> = {};
  if (model) facts.File = megabytes(model.bytes);
  if (description) facts.Weights = description.weights;
  if (answer && chosen) {
    facts.Time = milliseconds(answer.milliseconds);
    facts.Tokens = `${answer.source.length} → ${chosen.tokens.length}`;
  }
  const entries = Object.entries(facts).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value)),
  );
  element("facts", HTMLElement).replaceChildren(...entries);
}

/** Tell what went wrong, or that nothing did. */
function notify(problem: string): void {
  const notice = element("notice", HTMLElement);
  notice.hidden = !problem;
  if (notice.textContent !== problem) notice.textContent = problem;
}

/** Let a screen reader say a text when typing rests. */
function announce(spoken: string): void {
  clearTimeout(announcing);
  announcing = setTimeout(() => (element("announcement", HTMLElement).textContent = spoken), REST);
}

async function copyTranslation(): Promise<void> {
  await navigator.clipboard.writeText(chosen?.text ?? "");
  copy.textContent = "Copied";
  announce("Copied");
  setTimeout(() => (copy.textContent = "Copy"), COPIED);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function offerModels(models: readonly Model[]): Model {
  const wanted = decodeURIComponent(location.hash.slice(1));
  const first = models.find(({ name }) => name === wanted) ?? models[0];
  chooser.replaceChildren(...models.map(({ name }) => make("option", { value: name }, name)));
  chooser.value = first.name;
  chooser.disabled = false;
  chooser.addEventListener("change", () => {
    const other = models.find(({ name }) => name === chooser.value);
    if (other) load(other);
  });
  return first;
}

async function start(): Promise<void> {
  clear("");
  text.addEventListener("input", () => {
    translate(text.value);
  });
  attentionSwitch.addEventListener("change", () => {
    if (attentionSwitch.checked && chosen) drawAttention(chosen);
    else element("heat-map", HTMLElement).replaceChildren();
  });
  copy.addEventListener("click", () => {
    void copyTranslation();
  });
  const kept = await prepareOffline();
  engine = new Engine(new Worker(new URL("./worker.ts", import.meta.url)));
  load(offerModels(await listModels()));
  element("offline", HTMLElement).textContent = kept
    ? "Kept in this browser: the page and the models that you open work offline from now on."
    : "This browser keeps no copy of the page: it works as long as its server does.";
}

start().catch((error: unknown) => {
  notify(message(error));
});
