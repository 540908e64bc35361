/**
 * The connection to the edge: one endless answer, read as it comes, and begun again when it breaks.
 *
 * The rules of coming back are in `backoff.ts`. An edge that drains says so: then the new connection is opened first and
 * the old one is let go when the new one brings sound, so that nothing is missed.
 */
import { Splitter, type Piece } from "./boxes.ts";
import { backoff, told } from "./backoff.ts";

/** No byte for so long, besides what a flush takes, on an air that nobody called interrupted: the connection is dead. */
export const DEAD_S = 8;
/** And when the edge did say that the stage is gone: it speaks again within this. */
export const DEAD_INTERRUPTED_S = 60;
/** A connection that lived so long was a good one: the next loss counts as the first. */
const GOOD_S = 10;

export type Link =
  | { at: "connecting" }
  | { at: "connected" }
  /** `inS` seconds from now; `full`: the server asked for it. */
  | { at: "waiting"; inS: number; full: boolean }
  | { at: "over"; why: "ended" | "absent" | "early" | "refused" };

export interface StreamEvents {
  piece(piece: Piece): void;
  /** A new answer has begun; its first pieces follow. */
  began(): void;
  link(link: Link): void;
}

export interface Ground {
  fetch: typeof fetch;
  random(): number;
  now(): number;
  setTimeout(f: () => void, ms: number): number;
  clearTimeout(id: number): void;
}

type Connection = { abort: AbortController; heardAt: number; beganAt: number };

export class Stream {
  interrupted = false;
  flush = 0.5;
  reconnects = 0;
  bytes = 0;
  #current: Connection | null = null;
  /** The one that takes over from `#current` as soon as it brings sound. */
  #next: Connection | null = null;
  #attempt = 0;
  #timer = 0;
  #watch = 0;
  #stopped = true;
  readonly #url: string;
  readonly #on: StreamEvents;
  readonly #ground: Ground;

  constructor(url: string, on: StreamEvents, ground: Ground) {
    this.#url = url;
    this.#on = on;
    this.#ground = ground;
  }

  start(): void {
    this.#stopped = false;
    this.#connect();
    this.#watchdog();
  }

  stop(): void {
    this.#stopped = true;
    this.#ground.clearTimeout(this.#timer);
    this.#ground.clearTimeout(this.#watch);
    for (const c of [this.#current, this.#next]) c?.abort.abort();
    this.#current = this.#next = null;
  }

  /** The edge will close within `inS` seconds: have another before that, at a moment of our own. */
  leave(inS: number): void {
    this.#ground.clearTimeout(this.#timer);
    this.#timer = this.#ground.setTimeout(() => this.#connect(), this.#ground.random() * Math.max(inS, 0) * 1000);
  }

  /** The network came back: no need to sit out a long wait. */
  hurry(): void {
    if (this.#stopped || this.#current) return;
    this.#attempt = 0;
    this.#again();
  }

  #connect(): void {
    const { now } = this.#ground;
    const mine: Connection = { abort: new AbortController(), heardAt: now(), beganAt: now() };
    if (this.#current) this.#next = mine;
    else {
      this.#current = mine;
      this.#on.link({ at: "connecting" });
    }
    void this.#read(mine);
  }

  async #read(mine: Connection): Promise<void> {
    const gone = () => this.#current !== mine && this.#next !== mine;
    try {
      const answer = await this.#ground.fetch(this.#url, { signal: mine.abort.signal, cache: "no-store" });
      if (!answer.ok || !answer.body) return this.#refused(answer, mine);
      const reader = answer.body.getReader();
      const splitter = new Splitter();
      let first = true;
      for (;;) {
        const { done, value } = await reader.read();
        if (gone()) return void reader.cancel().catch(() => {});
        if (done) break;
        mine.heardAt = this.#ground.now();
        this.bytes += value.length;
        const pieces = splitter.feed(value);
        if (first && pieces.length) {
          first = false;
          if (this.#next === mine) {
            this.#next = null;
            this.#current?.abort.abort();
            this.#current = mine;
          }
          this.#on.began();
          this.#on.link({ at: "connected" });
        }
        for (const piece of pieces) if (!gone()) this.#on.piece(piece);
      }
    } catch {
      // A lost network, a reset, bytes that are no boxes: all end here, and all are answered by coming back.
    }
    this.#lost(mine);
  }

  /** Lets go of a connection. Whether sound must now come by a new one that nobody has begun yet. */
  #drop(mine: Connection): boolean {
    mine.abort.abort();
    if (this.#next === mine) this.#next = null; // The old one still has seconds to live.
    if (this.#current !== mine) return false;
    this.#current = this.#next;
    this.#next = null;
    if (this.#current) this.#on.link({ at: "connecting" });
    return !this.#current;
  }

  #lost(mine: Connection): void {
    if (this.#current === mine) this.reconnects++;
    if (!this.#drop(mine)) return;
    if (this.#ground.now() - mine.beganAt > GOOD_S) this.#attempt = 0;
    this.#again();
  }

  #refused(answer: Response, mine: Connection): void {
    if (!this.#drop(mine)) return;
    const after = Number(answer.headers.get("retry-after"));
    if (answer.status === 410) this.#over("ended");
    else if (answer.status === 404) this.#over("absent");
    else if (answer.status === 425 || answer.status === 409) this.#over("early");
    else if (answer.status < 500 && answer.status !== 429 && answer.status !== 428) this.#over("refused");
    else if (after > 0) this.#wait(told(after, this.#ground.random()), true);
    else this.#again();
  }

  #over(why: "ended" | "absent" | "early" | "refused"): void {
    this.stop();
    this.#on.link({ at: "over", why });
  }

  #again(): void {
    this.#wait(backoff(this.#attempt++, this.#ground.random()), false);
  }

  #wait(inS: number, full: boolean): void {
    this.#ground.clearTimeout(this.#timer);
    this.#timer = this.#ground.setTimeout(() => this.#connect(), inS * 1000);
    this.#on.link({ at: "waiting", inS, full });
  }

  #watchdog(): void {
    this.#watch = this.#ground.setTimeout(() => {
      const mine = this.#current;
      const limit = this.flush + (this.interrupted ? DEAD_INTERRUPTED_S : DEAD_S);
      if (mine && this.#ground.now() - mine.heardAt > limit) this.#lost(mine);
      this.#watchdog();
    }, 1000);
  }
}
