/**
 * The second way, and the first on iPhones: the browser plays LL-HLS (AAC) itself, lock screen included.
 *
 * Safari shows the ID3 that rides in the parts as cues of a metadata track, timed to the sound. What the edge
 * says between pushed parts is not in the playlist: the page learns it from /state.
 */
import { backoff } from "./backoff.ts";
import type { Figures, Player, PlayerEvents } from "./player.ts";

interface Id3Cue extends TextTrackCue {
  value?: { key?: string; info?: string; data?: unknown };
}

const HLS = "application/vnd.apple.mpegurl";

export const nativeHls = (): boolean => document.createElement("audio").canPlayType(HLS) !== "";

/**
 * Only Apple's player is a low-latency one: Chromium's begins 10 s behind and shows no metadata, so that hls.js is better
 * wherever it works.
 */
export const appleHls = (): boolean => nativeHls() && navigator.vendor.startsWith("Apple");

/** iPadOS calls itself a Mac; Macs have no touch points. */
export const onApplePhone = (): boolean =>
  /iP(hone|ad|od)/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);

export class Native implements Player {
  #attempt = 0;
  #timer = 0;
  #underruns = 0;
  #reconnects = 0;
  #playing = false;
  #stopped = true;
  readonly #hooks: [string, () => void][];
  readonly #url: string;
  readonly #audio: HTMLAudioElement;
  readonly #on: PlayerEvents;

  constructor(base: string, audio: HTMLAudioElement, on: PlayerEvents) {
    this.#url = `${base}/hls/aac.m3u8`;
    this.#audio = audio;
    this.#on = on;
    this.#hooks = [
      ["playing", () => this.#sounding()],
      ["waiting", () => this.#dry()],
      ["error", () => this.#lost()],
      ["ended", () => on.finished()],
    ];
    audio.textTracks.addEventListener("addtrack", (e) => this.#follow(e.track));
  }

  start(): void {
    this.#stopped = false;
    for (const [event, f] of this.#hooks) this.#audio.addEventListener(event, f);
    this.#load();
  }

  stop(): void {
    this.#stopped = true;
    window.clearTimeout(this.#timer);
    for (const [event, f] of this.#hooks) this.#audio.removeEventListener(event, f);
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    this.#audio.load();
  }

  hurry(): void {
    if (this.#timer) this.#load();
  }

  figures(): Figures {
    const { buffered, currentTime, seekable, playbackRate } = this.#audio;
    return {
      via: "native",
      rendition: "aac",
      bufferS: buffered.length ? Math.max(0, buffered.end(buffered.length - 1) - currentTime) : 0,
      behindS: seekable.length ? Math.max(0, seekable.end(seekable.length - 1) - currentTime) : null,
      flushS: null,
      mediaTimeS: currentTime,
      rate: playbackRate,
      underruns: this.#underruns,
      reconnects: this.#reconnects,
      bytes: 0,
    };
  }

  #load(): void {
    window.clearTimeout(this.#timer);
    this.#timer = 0;
    this.#playing = false;
    this.#on.link({ at: "connecting" });
    this.#audio.src = this.#url;
    void this.#audio.play().catch(() => {}); // Refusals for want of a tap are the page's business.
  }

  #sounding(): void {
    this.#playing = true;
    this.#attempt = 0;
    this.#on.link({ at: "connected" });
    this.#on.sounding();
  }

  #dry(): void {
    if (!this.#playing) return;
    this.#underruns++;
    this.#on.dry();
  }

  #lost(): void {
    if (this.#stopped || this.#timer) return;
    this.#reconnects++;
    const inS = backoff(this.#attempt++, Math.random());
    this.#timer = window.setTimeout(() => this.#load(), inS * 1000);
    this.#on.link({ at: "waiting", inS, full: false });
  }

  #follow(track: TextTrack | null): void {
    if (track?.kind !== "metadata") return;
    track.mode = "hidden";
    track.addEventListener("cuechange", () => {
      for (const cue of Array.from(track.activeCues ?? []) as Id3Cue[]) {
        if (cue.value?.key === "TXXX" && cue.value.info === "rostra" && typeof cue.value.data === "string")
          this.#on.snapshot(cue.value.data);
      }
    });
  }
}
