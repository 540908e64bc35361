/**
 * How fast to play, and when to jump. Pure: the driver says what is buffered and what time it is, four times a second.
 *
 * Sound comes in flushes of F seconds, so what is buffered moves like a saw: up by F, then down for F seconds. Two
 * figures matter. The *peak* (how far behind the edge we are right after a flush) is what latency is made of; the *floor*
 * (what is left right before one) is what keeps us from running dry. Both are read from the arrivals of the last
 * seconds: `slack` is the end of the buffer on a line that runs with the clock, so that a change of the
 * playing speed does not blur it, nor does a new generation of the stage, whose media time goes on by the wall clock.
 *
 * The wish is one flush and a margin: as much again as a flush, 1 s at most, and half a second more for each time we
 * ran dry lately. A longer flush is announced before it is taken: then the wish rises at once, we
 * play a little slower until we hold it, and nobody hears the step.
 */

export type Range = readonly [start: number, end: number];

export interface Input {
  /** Seconds of a clock that never steps. */
  now: number;
  /** Media time being heard, seconds. */
  currentTime: number;
  /** What is buffered, in order, media seconds. */
  buffered: readonly Range[];
  /** Seconds of sound sent at once, as last announced. */
  flush: number;
}

export interface Control {
  rate: number;
  /** Media time to jump to, or null. */
  seekTo: number | null;
}

export const MAX_RATE = 1.06;
/** Speech that is 5% slower at its own pitch is not noticed; only a longer flush that is announced makes it that slow. */
export const MIN_RATE = 0.95;
/** Past the wish by so much (a laptop that slept), catching up at MAX_RATE would take minutes: jump. */
export const JUMP_S = 6;
/** A hole is jumped when so little is left before it; a media element would wait there for ever. */
export const HOLE_S = 0.12;
const MARGIN_MAX_S = 1;
const RAN_DRY_S = 0.5;
const RAN_DRY_MAX_S = 1.5;
const FORGET_S = 60;

type Mode = "steady" | "slow" | "fast";

export class Controller {
  #slack: { at: number; value: number }[] = [];
  #mode: Mode = "steady";
  #extra = 0;
  #extraAt = 0;
  #since: number | null = null;

  /** The peak we wish to hold with flushes of `flush` seconds. */
  wish(flush: number): number {
    return flush + Math.min(MARGIN_MAX_S, flush) + this.#extra;
  }

  /** We ran dry while sound should have come: hold more from now on. */
  ranDry(now: number): void {
    this.#extra = Math.min(RAN_DRY_MAX_S, this.#extra + RAN_DRY_S);
    this.#extraAt = now;
  }

  /** The connection is a new one: what the old one's arrivals looked like says nothing. */
  reset(): void {
    this.#slack = [];
    this.#since = null;
    this.#mode = "steady";
  }

  step(input: Input): Control {
    const { now, currentTime, buffered, flush } = input;
    const last = buffered.at(-1);
    if (!last) return { rate: 1, seekTo: null };
    if (this.#extra > 0 && now - this.#extraAt > FORGET_S) {
      this.#extra -= RAN_DRY_S;
      this.#extraAt = now;
    }
    this.#since ??= now;
    const window = Math.max(2, flush + 0.75);
    this.#slack.push({ at: now, value: last[1] - now });
    while (this.#slack.length > 1 && this.#slack[0]!.at < now - window) this.#slack.shift();

    const position = currentTime - now;
    const values = this.#slack.map((s) => s.value);
    const peak = Math.max(...values) - position;
    const floor = Math.min(...values) - position;
    const wish = this.wish(flush);

    const hole = overHole(currentTime, buffered);
    if (hole !== null) return this.#jump(Math.max(hole, startOf(last[1] - wish, buffered)));
    if (last[1] - currentTime > wish + flush + JUMP_S) return this.#jump(startOf(last[1] - wish, buffered));

    // Before one whole flush was seen, the floor is not known yet.
    if (now - this.#since < flush + 0.25) return { rate: 1, seekTo: null };
    const margin = wish - flush;
    // While a longer flush is announced and not taken the floor is high and the peak as wished: too much is what both say.
    const over = Math.min(floor - margin, peak - wish);
    if (peak - wish < (this.#mode === "slow" ? -0.02 : -0.2)) this.#mode = "slow";
    else if (over > (this.#mode === "fast" ? 0 : 0.3)) this.#mode = "fast";
    else this.#mode = "steady";
    return { rate: this.#rate(wish - peak, over), seekTo: null };
  }

  /** In steps of 0.01, and never 1 on the way: every change makes the element rebuild its time stretcher. */
  #rate(short: number, over: number): number {
    if (this.#mode === "slow") return short > 0.4 ? MIN_RATE : short > 0.1 ? 0.97 : 0.99;
    if (this.#mode === "fast") return Math.max(1.01, Math.min(MAX_RATE, 1 + Math.round(10 * over) / 100));
    return 1;
  }

  #jump(to: number): Control {
    this.#mode = "steady";
    return { rate: 1, seekTo: to };
  }
}

/** Where to go on when the sound at `t` has ended and later sound is there; null when there is nothing to jump. */
function overHole(t: number, buffered: readonly Range[]): number | null {
  for (const [start, end] of buffered) {
    if (start > t) return start;
    if (end - t > HOLE_S) return null;
  }
  return null;
}

/** `t`, or the next moment after it that is buffered. */
function startOf(t: number, buffered: readonly Range[]): number {
  for (const [start, end] of buffered) if (end > t + HOLE_S) return Math.max(start, t);
  return buffered.at(-1)![0];
}

/**
 * After we ran dry, sound that comes again is held back for a moment: played at once, it would end right before the
 * next flush comes, again and again. One gap that is half a second longer is heard as one gap.
 */
export const HOLD_S = 0.5;

export function mayGoOn(heldS: number, waitedS: number, flush: number): boolean {
  return heldS >= flush + HOLD_S - 0.05 || (heldS > 0 && waitedS >= HOLD_S);
}
