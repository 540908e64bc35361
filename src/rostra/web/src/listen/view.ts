/** Puts what is known on the page. Knows the document and the words, decides nothing. */
import { language, w } from "../words/index.ts";
import type { Screen } from "./screen.ts";

export const el = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;

const ICONS = { play: "M7 3.5v17L21 12z", await: "M7 3.5v17L21 12z", stop: "M6 6h12v12H6z", none: "M12 2a10 10 0 1 0 .01 0zm0 2.5a7.5 7.5 0 1 1-.01 0z" };

/** dBFS below which a voice counts as silent, and the loudness that fills the meter. */
const SILENT_DB = -50;
const FULL_DB = -10;

export interface Seat {
  i: string;
  n: string;
  r: string;
  m?: number;
}

export const put = (id: string, text: string): void => {
  const e = el(id);
  if (e.textContent !== text) e.textContent = text;
};

export function showWords(spoken: string): void {
  document.documentElement.lang = spoken;
  document.querySelector("h2")!.textContent = w.stage;
  document.querySelector("summary")!.textContent = w.details;
  el("loud").ariaLabel = w.volume;
}

export function showScreen(s: Screen): void {
  const [says, follows] = w[s.says] as [string, string];
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

const number = new Intl.NumberFormat(language);

export function showTally(n: number): void {
  put("tally", n > 0 ? w.listening(n, number.format(n)) : "");
}

/** 0 to 1, for the meter. */
export const loudness = (db: number | undefined): number =>
  db === undefined ? 0 : Math.min(1, Math.max(0, (db - SILENT_DB) / (FULL_DB - SILENT_DB)));

export function showStage(seats: readonly Seat[]): void {
  el("stage").hidden = false;
  const list = el("voices");
  const old = new Map(Array.from(list.children, (li) => [(li as HTMLElement).dataset["seat"], li as HTMLElement]));
  const items = seats.map((seat) => {
    const li = old.get(seat.i) ?? document.createElement("li");
    if (!li.firstChild) {
      li.dataset["seat"] = seat.i;
      li.append(document.createElement("b"), document.createElement("span"), document.createElement("i"));
    }
    li.firstChild!.textContent = seat.n;
    li.dataset["role"] = w.roles[seat.r] ?? "";
    li.classList.toggle("muted", !!seat.m);
    if (seat.m) li.children[1]!.textContent = `${li.dataset["role"]} · ${w.muted}`;
    return li;
  });
  if (items.length) list.replaceChildren(...items);
  else {
    const li = document.createElement("li");
    li.append(Object.assign(document.createElement("span"), { textContent: w.nobody }));
    list.replaceChildren(li);
  }
  showLevels({});
}

export function showLevels(levels: Record<string, number>): void {
  for (const li of el("voices").children as HTMLCollectionOf<HTMLElement>) {
    const seat = li.dataset["seat"];
    if (seat === undefined || li.classList.contains("muted")) continue;
    const level = loudness(levels[seat]);
    li.dataset["level"] = String(level);
    const says = level > 0 ? w.speaking : li.dataset["role"]!;
    if (li.children[1]!.textContent !== says) li.children[1]!.textContent = says;
  }
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
