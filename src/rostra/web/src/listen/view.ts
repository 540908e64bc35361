/** Puts what is known on the page. Knows the document and the words, decides nothing. */
import { w } from "../words/index.ts";
import type { Screen } from "./screen.ts";
import type { Shown } from "./waiting.ts";

export const el = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;

const ICONS = { play: "M7 3.5v17L21 12z", await: "M7 3.5v17L21 12z", stop: "M6 6h12v12H6z", none: "M12 2a10 10 0 1 0 .01 0zm0 2.5a7.5 7.5 0 1 1-.01 0z" };

export const put = (id: string, text: string): void => {
  const e = el(id);
  if (e.textContent !== text) e.textContent = text;
};

export function showWords(spoken: string): void {
  document.documentElement.lang = spoken;
  document.querySelector("summary")!.textContent = w.details;
}

/** `instead`: of the words, where there is more to say. */
export function showScreen(s: Screen, instead?: Shown | null): void {
  const [says, follows] = instead?.says ?? (w[s.says] as [string, string]);
  put("says", says);
  put("follows", follows);
  el("now").dataset["says"] = s.says;
  const go = el<HTMLButtonElement>("go");
  if (go.dataset["does"] !== s.button) {
    go.dataset["does"] = s.button;
    go.disabled = s.button === "none";
    go.ariaLabel = s.button === "none" ? says : w[s.button];
    el("icon").setAttribute("d", ICONS[s.button]);
  }
  go.classList.toggle("busy", s.busy);
}

export function showTitle(title: string): void {
  put("title", title);
  document.title = w.title(title);
}

/** A length of time in words: "2 days", "3:07:09", "4:05". */
export function span(s: number): string {
  s = Math.max(0, Math.ceil(s));
  if (s >= 48 * 3600) return w.days(Math.floor(s / 86400));
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  const rest = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return h ? `${h}:${rest}` : rest.replace(/^0/, "");
}

/** A moment in the reader's own time: the hour alone when it is today. */
export function moment(atS: number, nowS: number): string {
  const at = new Date(atS * 1000);
  const today = at.toDateString() === new Date(nowS * 1000).toDateString();
  const date: Intl.DateTimeFormatOptions = today ? {} : { weekday: "short", day: "numeric", month: "short" };
  return at.toLocaleString(navigator.language, { ...date, hour: "2-digit", minute: "2-digit" });
}
