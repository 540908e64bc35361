/** The listener's page. Brings player, screen and document together. */
import { language, translated, w } from "../words/index.ts";
import { appleHls, Native, nativeHls, onApplePhone } from "./native.ts";
import type { Notice, Player } from "./player.ts";
import { Push, pushable } from "./push.ts";
import { screen, type Phase, type RoomState } from "./screen.ts";
import { mediaSource } from "./sink.ts";
import type { Link } from "./stream.ts";
import {
  el,
  moment,
  put,
  showLevels,
  showScreen,
  showStage,
  showTally,
  showTitle,
  showWords,
  span,
  type Seat,
} from "./view.ts";
import { attachVolume } from "./volume.ts";
import type { Theatre } from "./theatre.ts";

interface State {
  title: string;
  state: RoomState;
  at: number;
  now: number;
  /** When media time began, by the server's clock; 0 before. */
  epoch: number;
  started: number;
  ended: number;
  listening: number;
  stage: Seat[];
  flush_s: number;
}

/** How often the page asks for the state while no parts tell it, seconds; each time somewhere in the upper half. */
const ASK_S = 20;
/** ... and when the doors are about to open. */
const ASK_SOON_S = 4;
/** Those who waited for the doors come in over so many seconds. */
const DOORS_SPREAD_S = 2;
/**
 * Pushed sound that does not come within this, twice, although the server answers: something on the way keeps it. Less
 * than DEAD_S. Not after one try: an edge with a crowd at its door must not be asked for a large file on top.
 */
const KEPT_BACK_S = 7;

const audio = el<HTMLAudioElement>("audio");
const query = new URLSearchParams(location.search);
const base = location.pathname.replace(/\/+$/, "");

let phase: Phase = "idle";
let heard = false;
let room: RoomState | null = null;
/** The edge said that the stage is gone. Snapshots of sound that is still in hand do not know it yet. */
let cut = false;
let state: State | null = null;
/** The server's clock minus the one of this page, seconds: what is cached tells an older time, so the highest is nearest. */
let offset = -Infinity;
let until = 0;
let player: Player | null = null;
let theatre: Theatre | null = null;
let playSilence: ((audio: HTMLAudioElement) => void) | null = null;
let tappedAt = 0;
let firstSoundMs: number | null = null;
let askTimer = 0;
let doors = 0;
let keptBack = 0;
let inVain = 0;
let pushFailed = false;

const clock = (): number => performance.now() / 1000;
const serverNow = (): number => clock() + offset;

function render(): void {
  showScreen(screen({ phase, room: cut ? "interrupted" : room, heard, online: navigator.onLine }));
  el("volume").hidden = !player;
  el("tally").hidden = room === "ended" || room === "cancelled";
  if (phase === "ended") el("stage").hidden = true;
  const now = serverNow();
  const t = state;
  const left = t ? t.at - now : 0;
  put(
    "when",
    !t
      ? ""
      : room === "ended" && t.ended
        ? w.endedAt(moment(t.ended, now))
        : t.started && room !== "scheduled"
          ? w.began(moment(t.started, now))
          : left > 0
            ? w.begins(moment(t.at, now))
            : "",
  );
  const waits = room === "scheduled" || room === "open";
  const back = Math.ceil(until - clock());
  put(
    "count",
    back > 0 && (phase === "full" || phase === "reconnecting")
      ? w.backIn(back)
      : waits && t
        ? left > 0
          ? w.beginsIn(span(left))
          : w.beginsNow
        : "",
  );
}

function enter(next: Phase): void {
  phase = next;
  render();
}

function learn(s: State): void {
  state = s;
  offset = Math.max(offset, s.now - clock());
  if (player instanceof Push && phase === "connecting") player.flush = s.flush_s;
  showTitle(s.title);
  mediaSession();
  if (!heard) {
    room = s.state;
    showTally(s.listening);
    if (s.stage.length || room === "open" || room === "live") showStage(s.stage);
  } else if (player?.figures().via !== "push") room = s.state; // Parts tell it sooner, and in time with the sound.
  if (room === "scheduled") void extras(); // There is time, and a tap must find the silence ready.
  if (phase === "armed" && room !== "scheduled") openDoors();
  else if (room === "scheduled" && player && !heard) armed(); // The tap came before we knew.
  render();
}

async function ask(): Promise<void> {
  window.clearTimeout(askTimer);
  const close = state && Math.abs(state.at - serverNow()) < 60;
  const every = !state || (close && room === "scheduled") ? ASK_SOON_S : ASK_S;
  askTimer = window.setTimeout(ask, every * (0.5 + Math.random() / 2) * 1000);
  if (document.hidden && phase !== "armed" && !(player && !(player instanceof Push))) return;
  if (player instanceof Push && heard) return;
  try {
    const answer = await fetch(`${base}/state`);
    if (answer.status === 404 && !player) enter("absent");
    if (answer.ok) learn((await answer.json()) as State);
  } catch {
    // The next time may succeed; what is shown stays true until then.
  }
}

function onLink(link: Link): void {
  window.clearTimeout(keptBack);
  if (link.at === "connecting") {
    until = 0;
    if (phase !== "reconnecting") enter(heard ? "sounding" : "connecting");
    if (inVain++) keptBack = window.setTimeout(() => void unusable(), KEPT_BACK_S * 1000);
  } else if (link.at === "connected") {
    until = inVain = 0;
    cut = false; // Where it still holds, the edge says so again.
    enter(heard ? "sounding" : "connecting");
  } else if (link.at === "waiting") {
    until = clock() + link.inS;
    enter(link.full ? "full" : "reconnecting");
  } else if (link.why === "early") {
    room = "scheduled";
    void ask();
    armed();
  } else if (link.why === "ended") {
    room = "ended";
    leave("ended");
  } else leave(link.why === "absent" ? "absent" : "unsupported");
  render();
}

const events = {
  link: onLink,
  sounding(): void {
    firstSoundMs ??= performance.now() - tappedAt;
    heard = true;
    if (phase === "connecting" || phase === "dry") enter("sounding");
    else render();
    void extras();
  },
  dry(): void {
    heard = false;
    hush();
    if (phase === "sounding") enter("dry");
    else render();
  },
  snapshot(json: string): void {
    try {
      const s = JSON.parse(json) as { v: number; s: RoomState; n: number; l: Record<string, number>; st?: Seat[] };
      if (s.v !== 1) return;
      room = s.s;
      showTally(s.n);
      if (s.st) showStage(s.st);
      showLevels(s.l);
      theatre?.hear(s.l, s.n);
      render();
    } catch {
      // Of a later version than this page: the sound does not depend on it.
    }
  },
  notice(n: Notice): void {
    if (n.e === "interrupted" || n.e === "resumed") cut = n.e === "interrupted";
    render();
  },
  finished(): void {
    room = "ended";
    if (state) state.ended ||= serverNow();
    leave("ended");
  },
  unusable: () => void unusable(),
};

/** Pushed sound does not arrive although the server does answer: take it in pieces instead. */
async function unusable(): Promise<void> {
  if (player && !(player instanceof Push) && player.figures().via === "hls") return leave("unsupported");
  if (!(player instanceof Push) || heard) return;
  try {
    const answer = await fetch(`${base}/state`);
    // Where nobody is heard, nothing has to come.
    if (!answer.ok || ((await answer.json()) as State).state !== "live") return;
  } catch {
    return; // The network is gone: that is not the push's fault.
  }
  pushFailed = true;
  player.stop();
  player = null;
  await begin();
}

/** `?via=` is for tests, and for whoever looks into a network that stands in the way. */
async function choose(): Promise<Player> {
  const via = query.get("via");
  const native = () => new Native(base, audio, events);
  if (via === "native" || (!via && nativeHls() && onApplePhone())) return native();
  if ((!via || via === "push") && pushable() && !pushFailed) {
    const push = new Push(base, audio, events, query.get("codec"));
    if (state) push.flush = state.flush_s;
    return push;
  }
  if (via !== "hls" && (appleHls() || (nativeHls() && !mediaSource()))) return native();
  const { HlsJs } = await import("./hls.ts");
  return new HlsJs(base, audio, events);
}

async function begin(): Promise<void> {
  enter("connecting");
  const chosen = await choose().catch(() => null);
  if (phase !== "connecting") return;
  if (!chosen) return leave("paused");
  player = chosen;
  player.start();
  audio.play().catch((e: unknown) => {
    if (e instanceof DOMException && e.name === "NotAllowedError") leave("tap");
  });
  mediaSession();
  render();
}

/** Nobody is heard: no level may stand still as if somebody were. */
function hush(): void {
  theatre?.hear({}, null);
  showLevels({});
}

function leave(next: Phase): void {
  window.clearTimeout(keptBack);
  window.clearTimeout(doors);
  const old = player;
  player = null;
  old?.stop();
  endSilence();
  heard = cut = false;
  hush();
  if ("mediaSession" in navigator) navigator.mediaSession.playbackState = "paused";
  enter(next);
  if (next === "unsupported") el<HTMLDetailsElement>("more").open = true; // The addresses for other players stand there.
}

function endSilence(): void {
  if (!audio.loop) return;
  audio.loop = false;
  audio.pause();
}

function armed(): void {
  player?.stop();
  player = null;
  playSilence?.(audio);
  enter("armed");
  void ask();
}

function openDoors(): void {
  window.clearTimeout(doors);
  phase = "connecting";
  doors = window.setTimeout(
    () => {
      endSilence();
      void begin();
    },
    Math.random() * DOORS_SPREAD_S * 1000,
  );
}

function tap(): void {
  if (el<HTMLButtonElement>("go").disabled) return;
  if (player || phase === "armed" || phase === "connecting") return leave("paused");
  tappedAt = performance.now();
  firstSoundMs = null;
  inVain = 0;
  if (room === "scheduled") armed();
  else void begin();
}

function mediaSession(): void {
  if (!("mediaSession" in navigator)) return;
  const s = navigator.mediaSession;
  s.metadata = new MediaMetadata({ title: state?.title ?? "Rostra", artist: "Rostra" });
  s.playbackState = player ? "playing" : "paused";
  s.setActionHandler("play", () => player || tap());
  s.setActionHandler("pause", () => player && leave("paused"));
  s.setActionHandler("stop", () => player && leave("paused"));
}

/** What is not needed until sound plays comes after it. */
async function extras(): Promise<void> {
  if (theatre) return;
  // An edge that dies in this moment must not be an error: the next sound asks again.
  const later = await import("./later.ts").catch(() => null);
  if (theatre || !later) return;
  const { attachDetails, Theatre } = later;
  playSilence = later.playSilence;
  if (phase === "armed") playSilence(audio);
  theatre = new Theatre(el("theatre"), el("voices"));
  attachDetails(() => player?.figures() ?? null, base);
}

showWords("en");
showTitle(decodeURIComponent(base.split("/").pop() ?? ""));
const given = el("state")?.textContent;
if (given) learn(JSON.parse(given) as State);
const showVolume = attachVolume(audio, tap);
el("go").addEventListener("click", tap);
el("more").addEventListener("toggle", () => void extras());
audio.addEventListener("pause", () => {
  // Not by us: a call came in, the headphones were pulled out, another app took the sound.
  if (player && heard && phase === "sounding" && !audio.seeking) leave("paused");
});
addEventListener("online", () => {
  player?.hurry();
  render();
});
addEventListener("offline", render);
document.addEventListener("visibilitychange", () => document.hidden || void ask());
window.setInterval(render, 1000);
render();
void ask();
void translated.then((done) => {
  if (!done || language === "en") return;
  showWords(language);
  el("go").dataset["does"] = "";
  showVolume();
  if (state) learn(state);
  render();
});

declare global {
  interface Window {
    rostra: { stats(): Record<string, unknown> };
  }
}
window.rostra = {
  stats() {
    const figures = player?.figures();
    // From the mixer to the ear; true to a second, for the server's clock comes in an answer that may be cached so long.
    const media = figures && figures.via !== "native"; // whose times begin where it joined
    const latencyS = media && state?.epoch && heard ? serverNow() - state.epoch - figures.mediaTimeS : null;
    const shown = el("now").dataset["says"];
    return { phase, room: cut ? "interrupted" : room, heard, says: shown, firstSoundMs, latencyS, ...figures };
  },
};
