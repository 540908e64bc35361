/**
 * The third way: LL-HLS by hls.js, for networks where an endless answer does not get through (a proxy that keeps it until
 * it ends) and browsers that play no HLS themselves. Loaded only then.
 */
import Hls, { Events, type FragParsingMetadataData } from "hls.js/light";
import { backoff } from "./backoff.ts";
import { readId3 } from "./boxes.ts";
import type { Figures, Player, PlayerEvents } from "./player.ts";

/** Cues waiting for their sound: at one a part, a minute of them. */
const MAX_NOTES = 120;

export class HlsJs implements Player {
  #hls: Hls | null = null;
  #notes: { time: number; json: string }[] = [];
  #attempt = 0;
  #timer = 0;
  #underruns = 0;
  #reconnects = 0;
  #playing = false;
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
      ["timeupdate", () => this.#tick()],
      ["ended", () => on.finished()],
    ];
  }

  start(): void {
    if (!Hls.isSupported()) return this.#on.unusable();
    for (const [event, f] of this.#hooks) this.#audio.addEventListener(event, f);
    this.#load();
  }

  stop(): void {
    window.clearTimeout(this.#timer);
    for (const [event, f] of this.#hooks) this.#audio.removeEventListener(event, f);
    this.#hls?.destroy();
    this.#hls = null;
    this.#audio.pause();
  }

  hurry(): void {
    this.#hls?.startLoad();
  }

  figures(): Figures {
    const { buffered, currentTime, playbackRate } = this.#audio;
    return {
      via: "hls",
      rendition: "aac",
      bufferS: buffered.length ? Math.max(0, buffered.end(buffered.length - 1) - currentTime) : 0,
      behindS: this.#hls?.latency || null,
      flushS: null,
      mediaTimeS: currentTime,
      rate: playbackRate,
      underruns: this.#underruns,
      reconnects: this.#reconnects,
      bytes: 0,
    };
  }

  #load(): void {
    this.#on.link({ at: "connecting" });
    this.#playing = false;
    this.#hls?.destroy();
    const hls = (this.#hls = new Hls({
      lowLatencyMode: true,
      maxLiveSyncPlaybackRate: 1.06,
      backBufferLength: 30,
      // We read the metadata ourselves; cues would need a track whose address the page's policy does not allow.
      enableDateRangeMetadataCues: false,
      enableEmsgMetadataCues: false,
      enableID3MetadataCues: false,
    }));
    hls.on(Events.FRAG_PARSING_METADATA, (_event, data: FragParsingMetadataData) => this.#metadata(data));
    hls.on(Events.ERROR, (_event, data) => {
      if (data.fatal) this.#lost();
    });
    hls.on(Events.MEDIA_ATTACHED, () => void this.#audio.play().catch(() => {}));
    hls.loadSource(this.#url);
    hls.attachMedia(this.#audio);
  }

  #metadata(data: FragParsingMetadataData): void {
    for (const { pts, data: tag } of data.samples) for (const json of readId3(tag)) this.#notes.push({ time: pts, json });
    this.#notes.splice(0, Math.max(0, this.#notes.length - MAX_NOTES));
  }

  #tick(): void {
    while (this.#notes.length && this.#notes[0]!.time <= this.#audio.currentTime)
      this.#on.snapshot(this.#notes.shift()!.json);
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
    this.#reconnects++;
    this.#hls?.destroy();
    this.#hls = null;
    const inS = backoff(this.#attempt++, Math.random());
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#load(), inS * 1000);
    this.#on.link({ at: "waiting", inS, full: false });
  }
}
