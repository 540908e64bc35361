/** The front page: rooms on air and to come. */
import { language, translated, w } from "../words/index.ts";
import { wHome, wLater } from "../words/later.ts";
import { make } from "./dom.ts";
import { ServerTime } from "./servertime.ts";
import type { RoomState } from "./state.ts";
import { el, moment, put } from "./view.ts";

interface Room {
  id: string;
  title: string;
  state: RoomState;
  at: number;
  listening: number;
  speakers?: string[];
  picture?: string;
  invited?: boolean;
  late?: boolean;
}

/** The list is asked for again after so many seconds, somewhere in the upper half. */
const ASK_S = 30;

const number = new Intl.NumberFormat(language);
const time = new ServerTime();
const clock = (): number => performance.now() / 1000;

function item(room: Room): HTMLLIElement {
  const on = room.state === "live" || room.state === "interrupted";
  const tells =
    on && room.listening > 0
      ? `${wHome.state[room.state]} · ${wLater.listening(room.listening, number.format(room.listening))}`
      : on
        ? wHome.state[room.state]
        : room.late
          ? wHome.late
          : room.state === "open"
            ? wHome.state[room.state]
            : w.begins(moment(room.at, time.at(clock())));
  const about = make("span", { className: "quiet tells" }, room.invited ? `${tells} · ${wHome.invited}` : tells);
  const texts = make("div", {}, make("b", { dir: "auto" }, room.title), about);
  if (room.speakers?.length) texts.append(make("span", { className: "quiet" }, wHome.with(room.speakers.join(", "))));
  const a = make("a", { href: `/r/${encodeURIComponent(room.id)}` }, texts);
  if (room.picture) a.append(make("img", { src: `/p/${room.picture}`, alt: "", loading: "lazy", decoding: "async" }));
  return make("li", { className: room.state }, a);
}

function show(rooms: Room[]): void {
  const onAir = rooms.filter((r) => r.state === "live" || r.state === "interrupted" || r.state === "open");
  const toCome = rooms.filter((r) => r.state === "scheduled").sort((a, b) => a.at - b.at);
  onAir.sort((a, b) => b.listening - a.listening || a.at - b.at);
  const part = (title: string, list: Room[]) =>
    list.length ? [make("section", {}, make("h2", {}, title), make("ul", {}, ...list.map(item)))] : [];
  const parts = [...part(wHome.onAir, onAir), ...part(wHome.toCome, toCome)];
  el("rooms").replaceChildren(...(parts.length ? parts : nothing()));
  el("rooms").ariaBusy = "false";
}

const nothing = (): HTMLElement[] => [
  make("h2", {}, wHome.none),
  make("p", { className: "quiet" }, wHome.noneHow),
  make("p", {}, make("code", {}, 'rostra room create "A title" --at 2031-05-01T19:30')),
  make("p", { className: "quiet" }, wHome.noneThen),
];

async function ask(): Promise<void> {
  window.setTimeout(ask, ASK_S * (0.5 + Math.random() / 2) * 1000);
  if (document.hidden) return;
  try {
    const answer = await fetch("/rooms.json");
    if (!answer.ok) throw new Error(String(answer.status));
    time.learn(Date.parse(answer.headers.get("date") ?? "") / 1000, clock());
    show(((await answer.json()) as { rooms: Room[] }).rooms);
  } catch {
    if (!el("rooms").firstChild) el("rooms").append(make("p", { className: "quiet" }, wHome.lost));
  }
}

document.documentElement.lang = language;
put("title", wHome.title);
void translated.then(ask);
