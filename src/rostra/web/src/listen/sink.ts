/**
 * Sound into the browser: a MediaSource (or Safari's ManagedMediaSource), fed with parts, played at the speed that the
 * controller asks for. The driver of `controller.ts`.
 */
import { Controller, mayGoOn, type Range } from "./controller.ts";

type Source = typeof MediaSource;
declare global {
  interface Window {
    ManagedMediaSource?: Source;
  }
}

export const OPUS = 'audio/mp4; codecs="opus"';
export const AAC = 'audio/mp4; codecs="mp4a.40.2"';

/** How often the controller looks, seconds. */
const TICK_S = 0.25;
/** Sound that was heard is kept so long, then taken out of the buffer. */
const KEEP_S = 30;
/** Parts waiting to be appended: more means that the buffer does not take them, and the oldest go. 60 s of parts. */
const MAX_QUEUE = 120;
/** Two parts that meet within this are one stretch of sound: a tenth of a frame and the rounding of floats. */
const SEAM_S = 0.005;

/** MediaSource where there is one; ManagedMediaSource on iPhones. */
export const mediaSource = (): Source | undefined =>
  window.ManagedMediaSource ?? (typeof MediaSource === "undefined" ? undefined : MediaSource);

export interface SinkEvents {
  /** Sound plays, for the first time or again. */
  sounding(): void;
  /** Nothing is left to play. */
  dry(): void;
  /** Called four times a second with the media time being heard. */
  tick(mediaTime: number): void;
  /** The buffer is beyond repair: make a new sink. */
  broken(): void;
}

type Chunk = { bytes: Uint8Array<ArrayBuffer>; duration: number };

export class Sink {
  flush = 0.5;
  underruns = 0;
  /** Whether running dry is our fault: not while the room is interrupted or the end was said. */
  expecting = true;
  readonly controller = new Controller();
  #source: MediaSource;
  #buffer: SourceBuffer | null = null;
  #queue: Chunk[] = [];
  #end = -Infinity;
  #newest = { end: 0, at: 0 };
  #dryAt: number | null = null;
  #heldFrom: number | null = null;
  #timer = 0;
  #started = false;
  readonly #audio: HTMLAudioElement;
  readonly #on: SinkEvents;
  readonly #unhook: () => void;

  constructor(audio: HTMLAudioElement, mime: string, Kind: Source, on: SinkEvents) {
    this.#audio = audio;
    this.#on = on;
    this.#source = new Kind();
    const opened = () => {
      try {
        this.#buffer = this.#source.addSourceBuffer(mime);
        this.#source.duration = Infinity;
        // Until sound plays, each append may be the one that makes it possible: no need to wait for the next tick.
        this.#buffer.addEventListener("updateend", () => (this.#started ? this.#pump() : this.#tick()));
        this.#buffer.addEventListener("error", () => on.broken());
        this.#pump();
      } catch {
        on.broken();
      }
    };
    this.#source.addEventListener("sourceopen", opened, { once: true });
    const url = URL.createObjectURL(this.#source);
    audio.disableRemotePlayback = true; // ManagedMediaSource stays closed without it.
    audio.src = url;
    const dry = () => this.#dry();
    const sounding = () => this.#sounding();
    audio.addEventListener("waiting", dry);
    audio.addEventListener("playing", sounding);
    this.#unhook = () => {
      audio.removeEventListener("waiting", dry);
      audio.removeEventListener("playing", sounding);
      URL.revokeObjectURL(url);
    };
    this.#timer = window.setInterval(() => this.#tick(), TICK_S * 1000);
  }

  init(bytes: Uint8Array<ArrayBuffer>): void {
    this.#queue.push({ bytes, duration: 0 });
    this.#pump();
  }

  /** A part; what we have already (a backlog that overlaps) is dropped. Whether it was taken. */
  part(bytes: Uint8Array<ArrayBuffer>, time: number, duration: number): boolean {
    if (time < this.#end - SEAM_S) return false;
    this.#end = time + duration;
    const at = performance.now() / 1000;
    if (this.#end - at >= this.#newest.end - this.#newest.at) this.#newest = { end: this.#end, at };
    else this.#newest = { end: this.#newest.end + at - this.#newest.at, at };
    this.#queue.push({ bytes, duration });
    if (this.#queue.length > MAX_QUEUE) this.#queue.splice(0, this.#queue.findIndex((c) => c.duration > 0) + 1);
    this.#pump();
    return true;
  }

  /** Seconds of sound in hand, those that wait to be appended included. */
  get ahead(): number {
    const b = this.#ranges().at(-1);
    return (b ? Math.max(0, b[1] - this.#audio.currentTime) : 0) + this.#held();
  }

  /** Seconds between what is heard and the newest sound the edge could have given us. */
  get behind(): number | null {
    if (!this.#started) return null;
    return this.#newest.end + performance.now() / 1000 - this.#newest.at - this.#audio.currentTime;
  }

  close(): void {
    window.clearInterval(this.#timer);
    this.#unhook();
    this.#queue = [];
    this.#buffer = null;
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    this.#audio.load();
  }

  #ranges(): Range[] {
    const b = this.#buffer?.buffered;
    return b ? Array.from({ length: b.length }, (_, i) => [b.start(i), b.end(i)] as const) : [];
  }

  #held(): number {
    return this.#queue.reduce((sum, c) => sum + c.duration, 0);
  }

  #pump(): void {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || !this.#queue.length || this.#source.readyState !== "open") return;
    if (this.#dryAt !== null && !this.#goOn()) return;
    const now = this.#audio.currentTime;
    try {
      const start = buffer.buffered.length ? buffer.buffered.start(0) : now;
      if (start < now - 1.5 * KEEP_S) return buffer.remove(start, now - KEEP_S);
      const chunk = this.#queue.shift()!;
      buffer.appendBuffer(chunk.bytes);
    } catch (e) {
      if (e instanceof DOMException && e.name === "QuotaExceededError") buffer.remove(0, Math.max(0.1, now - 5));
      else this.#on.broken();
    }
  }

  #goOn(): boolean {
    const held = this.#held();
    const at = performance.now() / 1000;
    if (held > 0) this.#heldFrom ??= at;
    const go = mayGoOn(held, this.#heldFrom === null ? 0 : at - this.#heldFrom, this.flush);
    if (go) this.#dryAt = null;
    return go;
  }

  #dry(): void {
    if (!this.#started || this.#audio.seeking || this.#dryAt !== null) return;
    const last = this.#ranges().at(-1);
    if (last && last[1] - this.#audio.currentTime > 0.3) return; // A hole, which the controller jumps.
    this.#dryAt = performance.now() / 1000;
    this.#heldFrom = null;
    if (this.expecting) {
      this.underruns++;
      this.controller.ranDry(this.#dryAt);
    }
    this.#on.dry();
  }

  #sounding(): void {
    if (!this.#ranges().length) return;
    this.#started = true;
    this.#dryAt = null;
    this.#on.sounding();
  }

  #tick(): void {
    const audio = this.#audio;
    this.#pump();
    const { rate, seekTo } = this.controller.step({
      now: performance.now() / 1000,
      currentTime: audio.currentTime,
      buffered: this.#ranges(),
      flush: this.flush,
    });
    if (seekTo !== null && !audio.seeking) audio.currentTime = seekTo;
    if (audio.playbackRate !== rate) audio.playbackRate = rate;
    this.#on.tick(audio.currentTime);
  }
}
