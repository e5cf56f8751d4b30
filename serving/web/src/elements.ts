/** Finding and making elements. */

/**
 * @param type What it has to be, such as HTMLInputElement.
 * @throws Error The page has no such element.
 */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/** Make an element; strings among its children become text, never HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Make an element whose style knows a share between 0 and 1 as `--share`. */
export function makeShare<K extends "span" | "td">(
  tag: K,
  share: number,
  attributes: Record<string, string>,
  ...children: string[]
): HTMLElementTagNameMap[K] {
  const made = make(tag, attributes, ...children);
  made.style.setProperty("--share", share.toFixed(4)); // the server's policy allows no style attributes
  return made;
}
