/**
 * The way of a listener who finds the house full: a number, perhaps for a little work of their machine, and then waiting until it is
 * called. Pure but for its ground; `waiting.ts` gives it the page.
 *
 * The stream goes on to try by itself whenever the edge said (`stream.ts`): if all of this fails, who waits comes in all the same.
 */
import type { Challenge } from "./challenge.ts";
import { askS, type LineName, read, type Standing, standing, type Told } from "./standing.ts";

export interface Answer {
  status: number;
  /** Seconds; 0: not said. */
  retryAfter: number;
  body: { pass?: string; line?: string; challenge?: Challenge };
}

export interface Ground {
  /** :throws: it did not get through. */
  post(body: object): Promise<Answer>;
  /** :throws: it cannot be solved here. */
  solve(challenge: Challenge, progress: (share: number) => void): Promise<string>;
  /** What is kept of this room: the pass, and the promise to come. */
  get(what: "pass" | "rsvp"): string | undefined;
  put(pass: string | undefined): void;
  /** Try to come in now, with what pass there is. */
  again(): void;
  /** There is something new to show. */
  changed(): void;
  random(): number;
  /** UTC seconds, as far as the page knows. */
  serverNow(): number;
  setTimeout(f: () => void, ms: number): number;
  clearTimeout(id: number): void;
}

export type Place =
  | { at: "outside" }
  | { at: "asking" }
  | { at: "proving"; share: number }
  /** `standing` null: the edge has not said yet how it stands. */
  | { at: "waiting"; line: LineName; standing: Standing | null }
  | { at: "called" };

/** Those who are called in the same half second come in within so many seconds. */
const CALLED_SPREAD_S = 2;
/** Where the edge says nothing. */
const AGAIN_S = 5;
const MAX_AGAIN_S = 600;
/** A challenge may be wrong, or too late on a slow machine; so often it is asked for anew at once. */
const MAX_CHALLENGES = 3;
/** Called and refused so often: the pass is none any more. */
const MAX_REFUSED = 4;
/** Keys of the door change; a pass of today is good for half a day at least, a promise to come for weeks. */
const GOOD_S = 12 * 3600;

export class Line {
  place: Place = { at: "outside" };
  #told: Told | null = null;
  #timer = 0;
  #challenges = 0;
  #refused = 0;
  #run = 0;
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** The edge said that there is no place. */
  refused(): void {
    if (this.place.at === "outside") {
      if (this.#pass()) this.#wait();
      else void this.#ask();
    } else if (this.place.at === "called" && ++this.#refused >= MAX_REFUSED) {
      this.#refused = 0;
      this.#ground.put(undefined);
      void this.#ask();
    }
  }

  /** One is in, or wants no more. */
  leave(): void {
    this.#run++;
    this.#ground.clearTimeout(this.#timer);
    this.place = { at: "outside" };
    this.#challenges = 0;
  }

  /** What `/state` says; null: nobody waits. */
  learn(told: Told | null): void {
    const over = this.#told && !told; // The line is empty: whoever did not look for a while was called, too.
    this.#told = told;
    if (this.place.at !== "waiting") return;
    if (over) this.#called();
    else this.#wait();
  }

  /** Where somebody stands who has a pass and has not tapped (again) yet; null: there is none, or nobody waits. */
  get resting(): Place | null {
    const held = read(this.#pass() ?? "");
    const here = held && this.#told && standing(held, this.#told);
    return !held || !here || here.called ? null : { at: "waiting", line: held.line, standing: here };
  }

  /** When the state should be asked for, seconds; 0: no need of ours. */
  get askS(): number {
    if (this.place.at !== "waiting") return 0;
    return (this.place.standing ? askS(this.place.standing) : AGAIN_S) * (0.5 + this.#ground.random() / 2);
  }

  #pass(): string | undefined {
    const pass = this.#ground.get("pass");
    const held = pass && read(pass);
    if (!held) return undefined;
    return held.line === "rsvp" || held.at > this.#ground.serverNow() - GOOD_S ? pass : undefined;
  }

  /** Whether there is something to show at the door that lets one in again whoever waits. */
  get safe(): boolean {
    return !!read(this.#pass() ?? "")?.inside;
  }

  #enter(place: Place): void {
    this.place = place;
    this.#ground.changed();
  }

  #wait(): void {
    const held = read(this.#pass() ?? "");
    if (!held) return void this.#ask();
    const here = this.#told && standing(held, this.#told);
    if (held.inside || here?.called) this.#called();
    else this.#enter({ at: "waiting", line: held.line, standing: here });
  }

  #called(): void {
    this.#enter({ at: "called" });
    this.#later(this.#ground.random() * CALLED_SPREAD_S, () => this.#ground.again());
  }

  #later(s: number, then: () => void): void {
    this.#ground.clearTimeout(this.#timer);
    this.#timer = this.#ground.setTimeout(then, s * 1000);
  }

  async #ask(answer?: string): Promise<void> {
    const run = ++this.#run;
    if (!answer) this.#enter({ at: "asking" });
    const rsvp = this.#ground.get("rsvp");
    const promised = rsvp && read(rsvp) ? { rsvp } : {};
    let came: Answer;
    try {
      came = await this.#ground.post({ ...promised, ...(answer ? { answer } : {}) });
      if (run !== this.#run) return;
      if (came.body.challenge && this.#challenges++ < MAX_CHALLENGES) return await this.#prove(came.body.challenge, run);
    } catch {
      came = { status: 0, retryAfter: 0, body: {} };
    }
    if (run !== this.#run) return;
    if (came.body.pass && read(came.body.pass)) {
      this.#challenges = 0;
      this.#ground.put(came.body.pass);
      // It may be that there is a place at once: the stream asks, and is told.
      this.#ground.again();
      return this.#wait();
    }
    this.#challenges = 0;
    // Spread over a quarter more: those it told together must not come back together.
    this.#later(Math.min(came.retryAfter || AGAIN_S, MAX_AGAIN_S) * (1 + this.#ground.random() / 4), () => void this.#ask());
  }

  async #prove(challenge: Challenge, run: number): Promise<void> {
    this.#enter({ at: "proving", share: 0 });
    const solved = await this.#ground.solve(challenge, (share) => {
      if (run === this.#run) this.#enter({ at: "proving", share });
    });
    if (run === this.#run) await this.#ask(solved);
  }
}
