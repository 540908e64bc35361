/**
 * Whether a microphone does its work. Pure: told the time, and what was heard at it.
 *
 * Someone who listens is quiet, and that is no fault: only a microphone from which no voice ever came is taken for the
 * wrong one, and only what is digitally nothing for silence. The stage judges too, by what reaches it.
 */
import { SILENT_DB } from "./figures.ts";

/** `unheard`: a voice is heard here, and nothing of it arrives at the stage. */
export type Complaint = "" | "wrong" | "silent" | "unheard" | "clipping";

/** So long above silence in all is a voice, not a click. */
const VOICE_S = 0.2;
/** So long without a voice since it was opened, and it looks like the wrong one. */
const WRONG_AFTER_S = 10;
/** Below this nothing comes: a switch on the cable, or the system has muted it. */
const NOTHING_DB = -95;
const NOTHING_AFTER_S = 8;
/** Whoever was heard here so short a while ago should be heard at the stage, which waits as long before it says "silent". */
const SPOKE_WITHIN_S = 4;
/** A sample this close to the largest there is was cut off. */
const CLIPPED = 0.985;
/** So many clipped moments within the time below are too loud; one is a cough. */
const CLIPPED_MOMENTS = 4;
const CLIPPED_WITHIN_S = 3;
/** A warning stands at least so long, or nobody can read it. */
const STANDS_S = 4;

export class Health {
  #openedS = NaN;
  #voiceS = 0;
  #spokeS = -Infinity;
  #lastS = NaN;
  #nothingSince = NaN;
  #clipped: number[] = [];
  #clippingUntil = -Infinity;

  /** A voice was heard from this microphone. */
  get heard(): boolean {
    return this.#voiceS >= VOICE_S;
  }

  /** What the microphone gave at `nowS`. Muted time does not count, neither for nor against it. */
  take(nowS: number, db: number, peak: number, muted: boolean): void {
    const passed = Number.isNaN(this.#lastS) ? 0 : Math.min(0.5, nowS - this.#lastS);
    this.#lastS = nowS;
    if (muted) {
      this.#openedS = this.#nothingSince = NaN;
      this.#clipped = [];
      return;
    }
    if (Number.isNaN(this.#openedS)) this.#openedS = nowS;
    if (db > SILENT_DB) {
      this.#voiceS += passed;
      this.#spokeS = nowS;
    }
    if (db >= NOTHING_DB) this.#nothingSince = NaN;
    else if (Number.isNaN(this.#nothingSince)) this.#nothingSince = nowS;
    this.#clipped = this.#clipped.filter((at) => nowS - at < CLIPPED_WITHIN_S);
    if (peak < CLIPPED) return;
    this.#clipped.push(nowS);
    if (this.#clipped.length >= CLIPPED_MOMENTS) this.#clippingUntil = nowS + STANDS_S;
  }

  /** What is wrong; `stage`: what the stage says of what reaches it. A quiet listener is "silent" to it, and that is no fault. */
  complaint(nowS: number, stage: string): Complaint {
    if (nowS < this.#clippingUntil || stage === "clipping") return "clipping";
    const nothing = nowS - this.#nothingSince > NOTHING_AFTER_S;
    if (!this.heard && (nothing || stage === "silent" || nowS - this.#openedS > WRONG_AFTER_S)) return "wrong";
    if (nothing) return "silent";
    return stage === "silent" && nowS - this.#spokeS < SPOKE_WITHIN_S ? "unheard" : "";
  }
}
