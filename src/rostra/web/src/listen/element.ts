/** What the two players that leave HLS to others have in common: the hooks on the element, the losses, the coming back. */
import { backoff } from "./backoff.ts";
import type { Figures, Player, PlayerEvents } from "./player.ts";

export abstract class ElementPlayer implements Player {
  protected timer = 0;
  protected stopped = true;
  #attempt = 0;
  #underruns = 0;
  #reconnects = 0;
  #playing = false;
  protected readonly url: string;
  protected readonly audio: HTMLAudioElement;
  protected readonly on: PlayerEvents;
  readonly #via: "native" | "hls";
  readonly #hooks: [string, () => void][];

  constructor(via: "native" | "hls", base: string, audio: HTMLAudioElement, on: PlayerEvents, hooks: [string, () => void][]) {
    this.#via = via;
    this.url = `${base}/hls/aac.m3u8`;
    this.audio = audio;
    this.on = on;
    this.#hooks = [
      ["playing", () => this.#sounding()],
      ["waiting", () => this.#dry()],
      ["ended", () => on.finished()],
      ...hooks,
    ];
  }

  /** Begins to load, for the first time or again. */
  protected abstract open(): void;
  /** Lets go of what was loaded. */
  protected abstract close(): void;
  /** Seconds behind what there is, where that is known. */
  protected abstract behind(): number | null;

  start(): void {
    this.stopped = false;
    for (const [event, f] of this.#hooks) this.audio.addEventListener(event, f);
    this.load();
  }

  stop(): void {
    this.stopped = true;
    window.clearTimeout(this.timer);
    for (const [event, f] of this.#hooks) this.audio.removeEventListener(event, f);
    this.audio.pause();
    this.close();
  }

  hurry(): void {
    if (this.timer) this.load();
  }

  figures(): Figures {
    const { buffered, currentTime, playbackRate } = this.audio;
    return {
      via: this.#via,
      rendition: "aac",
      bufferS: buffered.length ? Math.max(0, buffered.end(buffered.length - 1) - currentTime) : 0,
      behindS: this.behind(),
      flushS: null,
      mediaTimeS: currentTime,
      rate: playbackRate,
      underruns: this.#underruns,
      reconnects: this.#reconnects,
      bytes: 0,
    };
  }

  protected load(): void {
    window.clearTimeout(this.timer);
    this.timer = 0;
    this.#playing = false;
    this.on.link({ at: "connecting" });
    this.open();
  }

  protected lost(): void {
    if (this.stopped || this.timer) return;
    this.#reconnects++;
    const inS = backoff(this.#attempt++, Math.random());
    this.timer = window.setTimeout(() => this.load(), inS * 1000);
    this.on.link({ at: "waiting", inS, full: false });
  }

  #sounding(): void {
    this.#playing = true;
    this.#attempt = 0;
    this.on.link({ at: "connected" });
    this.on.sounding();
  }

  #dry(): void {
    if (!this.#playing) return;
    this.#underruns++;
    this.on.dry();
  }
}
