/** Who is on stage, who speaks, and how many listen. Shown when sound plays: until then there is nobody to hear. */
import { language } from "../words/index.ts";
import { wLater as w } from "../words/later.ts";
import type { Seat } from "./state.ts";
import { el, put } from "./view.ts";

/** dBFS below which a voice counts as silent, and the loudness that fills the meter. */
const SILENT_DB = -50;
const FULL_DB = -10;

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
