/** Makes pieces of the page. Texts become text, never markup. */
type Props<K extends keyof HTMLElementTagNameMap> = Partial<HTMLElementTagNameMap[K]>;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props<K> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const e = Object.assign(document.createElement(tag), props) as HTMLElementTagNameMap[K];
  e.append(...children);
  return e;
}

/** Somewhere within `s` seconds: thousands that are told the same in one part must not ask in the same moment. */
export const within = (s: number, then: () => void): number => window.setTimeout(then, Math.random() * s * 1000);

export const say = (e: HTMLElement, text: string): void => {
  if (e.textContent !== text) e.textContent = text;
};
