/** The front page: rooms on air and to come. */
import { language, translated, w } from "../words/index.ts";
import { wHome } from "../words/later.ts";
import { el, moment, put } from "./view.ts";
import type { RoomState } from "./screen.ts";

interface Room {
  id: string;
  title: string;
  state: RoomState;
  at: number;
  listening: number;
}

/** The list is asked for again after so many seconds, somewhere in the upper half. */
const ASK_S = 30;

const number = new Intl.NumberFormat(language);
const node = (tag: string, text: string, ...children: Node[]): HTMLElement => {
  const e = document.createElement(tag);
  if (text) e.textContent = text;
  e.append(...children);
  return e;
};

function item(room: Room): HTMLElement {
  const on = room.state === "live" || room.state === "interrupted";
  const tells =
    on && room.listening > 0
      ? `${wHome.state[room.state]} · ${w.listening(room.listening, number.format(room.listening))}`
      : on || room.state === "open"
        ? wHome.state[room.state]
        : w.begins(moment(room.at, Date.now() / 1000));
  const a = node("a", "", node("b", room.title), Object.assign(node("span", tells), { className: "quiet" }));
  a.setAttribute("href", `/r/${encodeURIComponent(room.id)}`);
  const li = node("li", "", a);
  li.className = room.state;
  return li;
}

function show(rooms: Room[]): void {
  const onAir = rooms.filter((r) => r.state === "live" || r.state === "interrupted" || r.state === "open");
  const toCome = rooms.filter((r) => r.state === "scheduled").sort((a, b) => a.at - b.at);
  onAir.sort((a, b) => b.listening - a.listening || a.at - b.at);
  const part = (title: string, list: Room[]) =>
    list.length ? [node("section", "", node("h2", title), node("ul", "", ...list.map(item)))] : [];
  const parts = [...part(wHome.onAir, onAir), ...part(wHome.toCome, toCome)];
  el("rooms").replaceChildren(...(parts.length ? parts : [Object.assign(node("p", wHome.none), { className: "quiet" })]));
  el("rooms").ariaBusy = "false";
}

async function ask(): Promise<void> {
  window.setTimeout(ask, ASK_S * (0.5 + Math.random() / 2) * 1000);
  if (document.hidden) return;
  try {
    const answer = await fetch("/rooms.json");
    if (!answer.ok) throw new Error(String(answer.status));
    show(((await answer.json()) as { rooms: Room[] }).rooms);
  } catch {
    if (!el("rooms").firstChild) el("rooms").append(Object.assign(node("p", wHome.lost), { className: "quiet" }));
  }
}

document.documentElement.lang = language;
put("title", wHome.title);
void translated.then(ask);
