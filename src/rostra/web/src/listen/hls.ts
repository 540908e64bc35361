/**
 * The third way: LL-HLS by hls.js, for networks where an endless answer does not get through (a proxy that keeps it until
 * it ends) and browsers that play no HLS themselves. Loaded only then.
 */
import Hls, { Events, type FragParsingMetadataData } from "hls.js/light";
import { readId3 } from "./boxes.ts";
import { ElementPlayer } from "./element.ts";
import type { PlayerEvents } from "./player.ts";

/** Cues waiting for their sound: at one a part, a minute of them. */
const MAX_NOTES = 120;

export class HlsJs extends ElementPlayer {
  #hls: Hls | null = null;
  #notes: { time: number; json: string }[] = [];

  constructor(base: string, audio: HTMLAudioElement, on: PlayerEvents) {
    super("hls", base, audio, on, [["timeupdate", () => this.#tick()]]);
  }

  override start(): void {
    if (!Hls.isSupported()) return this.on.unusable();
    super.start();
  }

  override hurry(): void {
    super.hurry();
    this.#hls?.startLoad();
  }

  protected behind(): number | null {
    return this.#hls?.latency || null;
  }

  protected close(): void {
    this.#hls?.destroy();
    this.#hls = null;
  }

  protected open(): void {
    this.close();
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
      if (!data.fatal) return;
      this.close();
      this.lost();
    });
    hls.on(Events.MEDIA_ATTACHED, () => void this.audio.play().catch(() => {}));
    hls.loadSource(this.url);
    hls.attachMedia(this.audio);
  }

  #metadata(data: FragParsingMetadataData): void {
    for (const { pts, data: tag } of data.samples) for (const json of readId3(tag)) this.#notes.push({ time: pts, json });
    this.#notes.splice(0, Math.max(0, this.#notes.length - MAX_NOTES));
  }

  #tick(): void {
    while (this.#notes.length && this.#notes[0]!.time <= this.audio.currentTime) this.on.snapshot(this.#notes.shift()!.json);
  }
}
