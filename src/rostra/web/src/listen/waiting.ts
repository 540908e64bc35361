/** The waiting room, as the page shows it. Loaded when an edge says that there is no place. */
import { wLater as w } from "../words/later.ts";
import { answer, type Challenge } from "./challenge.ts";
import type { Said } from "./challenge.worker.ts";
import type { Kept } from "./kept.ts";
import { type Answer, Line } from "./line.ts";
import { NotTaken, send } from "./sending.ts";
import { roughly } from "./standing.ts";

/** As long as an edge takes at most, and a slow network on top. */
const TIMEOUT_MS = 15_000;
/** A position that is read aloud changes no more often. */
const SPOKEN_MS = 15_000;
const DAY_S = 86_400;

/** What stands where the page says how things are; `count` changes often, and is not read aloud. */
export interface Shown {
  says: readonly [string, string];
  count: string;
}

export interface Lent {
  address(path: string): string;
  kept: Kept;
  serverNow(): number;
  again(): void;
  changed(): void;
}

export class Waiting {
  readonly line: Line;
  readonly #lent: Lent;
  #follows = "";
  #about = "";
  #spokenAt = 0;

  constructor(lent: Lent) {
    this.#lent = lent;
    this.line = new Line({
      post: (body) => this.#post(body),
      solve,
      get: (what) => lent.kept.get(what),
      put: (pass) => this.#put(pass),
      again: lent.again,
      changed: lent.changed,
      random: Math.random,
      serverNow: lent.serverNow,
      setTimeout: (f, ms) => window.setTimeout(f, ms),
      clearTimeout: (id) => window.clearTimeout(id),
    });
    this.#put(lent.kept.get("pass"));
  }

  /** Null: the page's own words are good enough. `idle`: a tap is needed (again). */
  shown(idle: boolean): Shown | null {
    const place = idle ? this.line.resting : this.line.place;
    if (!place) return null;
    if (place.at === "proving") return { says: w.proving, count: place.share ? w.percent(Math.floor(place.share * 100)) : "" };
    if (place.at === "called") return { says: w.called, count: "" };
    if (place.at !== "waiting") return null;
    const s = place.standing;
    const lines = s ? [position(s.position, s.giveOrTake)] : [];
    if (place.line === "crowded") lines.push(w.crowded);
    lines.push(idle ? w.placeTap : w.placeKept);
    return { says: [w.inLine, this.#calmly(lines.join(" "), `${idle}`)], count: s ? time(s.soonestS, s.latestS) : "" };
  }

  /** We are in, and nobody asked us: with `word` we get what lets us in again. */
  async inside(word: number): Promise<void> {
    if (this.line.safe) return;
    const { body } = await this.#post({ inside: word });
    if (body.pass) this.#put(body.pass);
  }

  /** A cookie takes the pass to wherever sound is asked for; `w=` does where there are none. */
  live(address: string): string {
    const pass = this.#lent.kept.get("pass");
    if (!pass || document.cookie.includes(pass)) return address;
    return `${address}${address.includes("?") ? "&" : "?"}w=${pass}`;
  }

  #put(pass: string | undefined): void {
    this.#lent.kept.put("pass", pass);
    const base = this.#lent.address("").split("?")[0]!.replace(/\/$/, "");
    const secure = location.protocol === "https:" ? "; secure" : "";
    const lasts = pass ? DAY_S : 0;
    document.cookie = `w-${base.split("/").pop()}=${pass ?? ""}; path=${base}; max-age=${lasts}; samesite=lax${secure}`;
  }

  async #post(body: object): Promise<Answer> {
    const came = await fetch(this.#lent.address("door"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const told: unknown = await came.json().catch(() => ({}));
    return {
      status: came.status,
      retryAfter: Number(came.headers.get("retry-after")) || 0,
      body: (told ?? {}) as Answer["body"],
    };
  }

  #calmly(follows: string, about: string): string {
    if (performance.now() - this.#spokenAt > SPOKEN_MS || about !== this.#about) {
      this.#follows = follows;
      this.#about = about;
      this.#spokenAt = performance.now();
    }
    return this.#follows;
  }
}

function position(position: number, giveOrTake: number): string {
  const before = position - 1;
  if (before === 0) return w.next;
  const vague = giveOrTake > 2 || before > 20;
  return vague ? w.aboutBefore(roughly(before).toLocaleString(navigator.language)) : w.before(before);
}

function time(soonestS: number | null, latestS: number | null): string {
  if (soonestS === null || latestS === null) return w.noTime;
  const [least, most] = [Math.floor(soonestS / 60), Math.ceil(latestS / 60)];
  if (most <= 1) return w.withinMinute;
  if (most > 180) return w.longer;
  return least < 1 ? w.atMost(most) : least === most ? w.about(most) : w.between(roughly(least), roughly(most));
}

/** Says that one will come, for a little work. :throws NotTaken: it was refused. */
export async function promise(url: string): Promise<Record<string, string>> {
  const asked = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => null);
  const told = (await asked?.json().catch(() => null)) as { challenge?: Challenge } | null;
  if (asked?.ok && told) return told as Record<string, string>;
  if (!told?.challenge) throw new NotTaken(asked?.status ?? 503);
  const solved = await solve(told.challenge, () => {}).catch(() => null);
  if (!solved) throw new NotTaken(503);
  return send(url, { answer: solved });
}

/** In a worker of its own, which ends with it. */
function solve(challenge: Challenge, progress: (share: number) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./challenge.worker.ts", import.meta.url), { type: "module" });
    const end = (then: () => void): void => {
      worker.terminate();
      then();
    };
    worker.onerror = () => end(() => reject(new Error("no worker")));
    worker.onmessage = ({ data }: MessageEvent<Said>) => {
      if ("done" in data) progress(data.done / data.of);
      else if ("failed" in data) end(() => reject(new Error(data.failed)));
      else end(() => resolve(answer(challenge, data.solution)));
    };
    worker.postMessage(challenge);
  });
}
