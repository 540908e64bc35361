/** The listener's page. Brings player, screen and document together. */
import { language, translated, w } from "../words/index.ts";
import { appleHls, nativeHls, onApplePhone } from "./apple.ts";
import type { Extras } from "./later.ts";
import type { Notice, Player } from "./player.ts";
import { Push, pushable } from "./push.ts";
import { screen, type Phase } from "./screen.ts";
import { ServerTime } from "./servertime.ts";
import { mediaSource } from "./sink.ts";
import type { RoomState, Snapshot, State } from "./state.ts";
import type { Link } from "./stream.ts";
import { el, moment, put, showScreen, showTitle, showWords, span } from "./view.ts";

/** How often the page asks for the state while no parts tell it, seconds; each time somewhere in the upper half. */
const ASK_S = 20;
/** ... and when the doors are about to open, or the host is late. */
const ASK_SOON_S = 8;
/** ... and while the doors are further away than that, or a quiet stream is held: that the time was changed is told by nothing else. */
const ASK_FAR_S = 80;
const FAR_S = 600;
/** Those who waited for the doors come in over so many seconds; over fewer when it has begun already. */
const DOORS_SPREAD_S = 10;
const LIVE_SPREAD_S = 2;
/** So long after the announced time nobody calls the host late: a room that begins by itself does so within this. */
const LATE_S = 20;
/** What is not needed for sound comes by itself within so many seconds, if nobody taps. */
const EXTRAS_S = 3;
/**
 * Pushed sound that does not come within this, twice, although the server answers: something on the way keeps it. Less
 * than DEAD_S. Not after one try: an edge with a crowd at its door must not be asked for a large file on top.
 */
const KEPT_BACK_S = 7;

const audio = el<HTMLAudioElement>("audio");
const query = new URLSearchParams(location.search);
const base = location.pathname.replace(/\/+$/, "");
/** The link of a room that takes one. The edge sets a cookie for it; what is fetched carries it too, where cookies are off. */
const token = query.get("t");
const address = (path: string): string => `${base}/${path}${token ? `?t=${encodeURIComponent(token)}` : ""}`;

let phase: Phase = "idle";
let heard = false;
let room: RoomState | null = null;
/** The edge said that the stage is gone. Snapshots of sound that is still in hand do not know it yet. */
let cut = false;
let state: State | null = null;
let until = 0;
let player: Player | null = null;
let extra: Extras | null = null;
let tappedAt = 0;
let firstSoundMs: number | null = null;
let askTimer = 0;
let doors = 0;
let keptBack = 0;
let inVain = 0;
let pushFailed = false;

const clock = (): number => performance.now() / 1000;
const time = new ServerTime();
const serverNow = (): number => time.at(clock());
const over = (): boolean => room === "ended" || room === "cancelled";

function render(): void {
  const now = serverNow();
  const t = state;
  const left = t ? t.at - now : 0;
  const waits = room === "scheduled" || room === "open";
  const late = !!t && waits && (left < -LATE_S || (left < 0 && t.late));
  const door = extra?.phase(phase, room, player);
  showScreen(screen({ phase, room: cut ? "interrupted" : room, heard, online: navigator.onLine, late, moved: !!t?.moved }), door);
  el("volume").hidden = !player || !extra;
  el("tally").hidden = over();
  if (over()) el("stage").hidden = true;
  put("note", t && (waits || room === "cancelled") ? t.note : "");
  put(
    "when",
    !t
      ? ""
      : room === "ended" && t.ended
        ? w.endedAt(moment(t.ended, now))
        : t.started && room !== "scheduled"
          ? w.began(moment(t.started, now))
          : waits && left > 0
            ? w.begins(moment(t.at, now))
            : waits || room === "cancelled"
              ? w.due(moment(t.at, now))
              : "",
  );
  const back = Math.ceil(until - clock());
  put(
    "count",
    door
      ? door.count
      : back > 0 && (phase === "full" || phase === "reconnecting")
        ? w.backIn(back)
        : waits && t
          ? left > 0
            ? left < Infinity
              ? w.beginsIn(span(left))
              : ""
            : late
              ? ""
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
  if (player instanceof Push && phase === "connecting") player.flush = s.flush_s;
  showTitle(s.title);
  put("words", s.words);
  put("who", s.speakers.length ? w.with(s.speakers.join(", ")) : "");
  mediaSession();
  // Parts tell it sooner, and in time with the sound.
  const parts = heard && player?.figures().via === "push";
  if (!parts) room = s.state;
  if (room === "scheduled" || over()) void extras(); // There is time, and a tap must find the silence ready.
  if (phase === "armed" && over()) leave("ended");
  else if (phase === "armed" && room !== "scheduled") openDoors();
  else if (room === "scheduled" && player && !heard) armed(); // The tap came before we knew.
  extra?.state(s, !parts);
  render();
}

async function ask(): Promise<void> {
  window.clearTimeout(askTimer);
  const pushed = player instanceof Push && heard;
  const holding = pushed && room === "open";
  const toDoors = room === "scheduled" && state ? state.doors - serverNow() : Infinity;
  const far = holding || (toDoors > FAR_S && toDoors < Infinity);
  let s = (far ? ASK_FAR_S : !state || toDoors < 0 ? ASK_SOON_S : ASK_S) * (0.5 + Math.random() / 2);
  if (toDoors > 0) s = Math.min(s, toDoors + Math.random() * ASK_SOON_S);
  askTimer = window.setTimeout(ask, (extra?.askS || s) * 1000);
  if (document.hidden && phase !== "armed" && !(player && !pushed)) return;
  if (pushed && !holding) return;
  try {
    const answer = await fetch(address("state"));
    const { status, headers } = answer;
    if (status === 403 || (status === 404 && !player)) return leave(status === 403 ? "invitation" : "absent");
    if (!answer.ok) return;
    const found = (await answer.json()) as State;
    // What a cache kept is as much older as it says (RFC 9111, 5.1).
    time.learn(Date.parse(headers.get("date") ?? "") / 1000 + Number(headers.get("age")), clock());
    time.learn(found.now, clock());
    learn(found);
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
    if (link.full) void extras(); // There is a waiting room.
  } else if (link.why === "early") {
    room = "scheduled";
    void ask();
    armed();
  } else if (link.why === "ended") {
    room = "ended";
    leave("ended");
  } else {
    leave(link.why === "absent" ? "absent" : "unsupported");
    if (link.why === "refused") void ask(); // Which knows a link that was taken back.
  }
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
      const s = JSON.parse(json) as Snapshot;
      if (s.v !== 1) return;
      room = s.s;
      if (state) {
        state.listening = s.n;
        state.stage = s.st ?? state.stage;
      }
      extra?.snapshot(s);
      render();
    } catch {
      // Of a later version than this page: the sound does not depend on it.
    }
  },
  notice(n: Notice): void {
    if (n.e === "interrupted" || n.e === "resumed") cut = n.e === "interrupted";
    extra?.notice(n);
    if (n.e === "moved") {
      room = "scheduled";
      if (state && n.at) {
        state.at = n.at;
        state.moved++;
      }
      armed(EXTRAS_S);
    }
    render();
  },
  finished(): void {
    room = "ended";
    if (state) state.ended ||= serverNow();
    leave("ended");
    askTimer = window.setTimeout(ask, Math.random() * EXTRAS_S * 1000); // It may have been called off.
  },
  unusable: () => void unusable(),
};

/** Pushed sound does not arrive although the server does answer: take it in pieces instead. */
async function unusable(): Promise<void> {
  if (player && !(player instanceof Push) && player.figures().via === "hls") return leave("unsupported");
  if (!(player instanceof Push) || heard) return;
  try {
    const answer = await fetch(address("state"));
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
  const native = async () => new (await import("./native.ts")).Native(base, audio, events);
  if (via === "native" || (!via && nativeHls() && onApplePhone())) return native();
  if ((!via || via === "push") && pushable() && !pushFailed) {
    const push = new Push((path) => extra?.live(address(path)) ?? address(path), audio, events, query.get("codec"));
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

/** At once, whatever the connection waits for. */
function again(): void {
  player?.stop();
  player = null;
  void begin();
}

/** Nobody is heard: no level may stand still as if somebody were. */
const hush = (): void => extra?.hush();

function leave(next: Phase): void {
  window.clearTimeout(keptBack);
  window.clearTimeout(doors);
  doors = 0;
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

function armed(withinS = 0): void {
  player?.stop();
  player = null;
  heard = cut = false;
  hush();
  extra?.playSilence();
  enter("armed");
  window.clearTimeout(askTimer);
  askTimer = window.setTimeout(ask, Math.random() * withinS * 1000);
}

/** Until then the page goes on to say that one is in. */
function openDoors(): void {
  doors ||= window.setTimeout(
    () => {
      doors = 0;
      endSilence();
      void begin();
    },
    Math.random() * (room === "open" ? DOORS_SPREAD_S : LIVE_SPREAD_S) * 1000,
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

/** What is not needed until sound plays comes after it; or by itself, when nobody taps. */
async function extras(): Promise<void> {
  if (extra || phase === "absent" || phase === "invitation") return;
  // An edge that dies in this moment must not be an error: the next sound asks again.
  const later = await translated.then(() => import("./later.ts")).catch(() => null);
  if (extra || !later) return;
  extra = new later.Extras({ audio, address, serverNow, ask, again, render, figures: () => player?.figures() ?? null });
  if (phase === "armed") extra.playSilence();
  if (state) extra.state(state, true);
  render();
}

// A link may carry its token behind the "#", which browsers keep to themselves: from there it is shown to the edge once.
const kept = new URLSearchParams(location.hash.slice(1)).get("t");
if (onApplePhone()) void import("./native.ts").catch(() => {});
// The rows of seats, until the house that moves is there (theatre.ts).
let rows = "";
for (let r = 37; r < 98; r += 8.6) rows += `M${100 - r} 99a${r} ${r} 0 0 1 ${2 * r} 0`;
el("rows").setAttribute("d", rows);
showWords("en");
showTitle(decodeURIComponent(base.split("/").pop() ?? ""));
// Made when the room changed, minutes ago perhaps: it says what is announced, not what time it is.
const given = el("state")?.textContent;
if (given) learn(JSON.parse(given) as State);
try {
  audio.volume = (Number(localStorage.getItem("rostra-volume") ?? 100) / 100) ** 2 || 1;
} catch {
  // Private windows may keep nothing.
}
el("go").addEventListener("click", tap);
el("more").addEventListener("toggle", () => void extras());
addEventListener("keydown", (e) => {
  if (e.key !== " " || e.target !== document.body) return;
  e.preventDefault();
  tap();
});
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
window.setInterval(() => {
  if (time.slept(clock(), Date.now() / 1000)) askTimer = window.setTimeout(ask, Math.random() * LIVE_SPREAD_S * 1000);
  render();
}, 1000);
window.setTimeout(() => phase === "connecting" || void extras(), EXTRAS_S * (0.5 + Math.random() / 2) * 1000);
render();
if (kept && !token) location.replace(`${base}?t=${encodeURIComponent(kept)}`);
else void ask();
addEventListener("hashchange", () => location.reload()); // The whole link, where its bare address was open.
void translated.then((done) => {
  if (!done || language === "en") return;
  showWords(language);
  el("go").dataset["does"] = "";
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
