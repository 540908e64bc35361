/** The first way: parts pushed in one endless answer, into a MediaSource. Brings `stream.ts` and `sink.ts` together. */
import type { Piece } from "./boxes.ts";
import type { Figures, Notice, Player, PlayerEvents } from "./player.ts";
import { AAC, mediaSource, OPUS, Sink } from "./sink.ts";
import { Stream } from "./stream.ts";

/** Snapshots wait here until their sound is heard: at one a part, a minute of them. */
const MAX_NOTES = 120;

export const pushable = (): boolean =>
  !!mediaSource() && typeof ReadableStream === "function" && (mediaSource()!.isTypeSupported(OPUS) || mediaSource()!.isTypeSupported(AAC));

const coded = (url: string, codec: string): string => `${url}${url.includes("?") ? "&" : "?"}codec=${codec}`;

export class Push implements Player {
  #sink: Sink;
  #notes: { time: number; json: string }[] = [];
  #ended = false;
  #finished = false;
  #underruns = 0;
  readonly #rendition: "opus" | "aac";
  readonly #stream: Stream;
  readonly #audio: HTMLAudioElement;
  readonly #on: PlayerEvents;

  constructor(address: (path: string) => string, audio: HTMLAudioElement, on: PlayerEvents, codec?: string | null) {
    this.#audio = audio;
    this.#on = on;
    this.#rendition = codec !== "aac" && mediaSource()!.isTypeSupported(OPUS) ? "opus" : "aac";
    const named = this.#rendition === "aac" ? "aac" : codec === "opus16" ? codec : "";
    this.#sink = this.#open();
    this.#stream = new Stream(
      named ? coded(address("live"), named) : address("live"),
      {
        piece: (piece) => this.#piece(piece),
        began: () => this.#sink.controller.reset(),
        link: (link) => on.link(link),
      },
      {
        fetch: (input, init) => fetch(input, init),
        random: Math.random,
        now: () => performance.now() / 1000,
        setTimeout: (f, ms) => window.setTimeout(f, ms),
        clearTimeout: (id) => window.clearTimeout(id),
      },
    );
  }

  set flush(s: number) {
    if (s > 0) this.#sink.flush = this.#stream.flush = s;
  }

  start(): void {
    this.#stream.start();
  }

  stop(): void {
    this.#stream.stop();
    this.#sink.close();
  }

  hurry(): void {
    this.#stream.hurry();
  }

  figures(): Figures {
    return {
      via: "push",
      rendition: this.#rendition,
      bufferS: this.#sink.ahead,
      behindS: this.#sink.behind,
      flushS: this.#sink.flush,
      mediaTimeS: this.#audio.currentTime,
      rate: this.#audio.playbackRate,
      underruns: this.#underruns + this.#sink.underruns,
      reconnects: this.#stream.reconnects,
      bytes: this.#stream.bytes,
    };
  }

  #open(): Sink {
    const mime = this.#rendition === "opus" ? OPUS : AAC;
    return new Sink(this.#audio, mime, mediaSource()!, {
      sounding: () => this.#on.sounding(),
      dry: () => (this.#ended ? this.#finish() : this.#on.dry()),
      tick: (mediaTime) => this.#tick(mediaTime),
      broken: () => this.#reopen(),
    });
  }

  /** A decoder that gave up is replaced, and the backlog of a new connection fills it. */
  #reopen(): void {
    const { flush, expecting } = this.#sink;
    this.#underruns += this.#sink.underruns;
    this.#sink.close();
    this.#sink = this.#open();
    Object.assign(this.#sink, { flush, expecting });
    void this.#audio.play().catch(() => {});
    this.#stream.stop();
    this.#stream.start();
  }

  #piece(piece: Piece): void {
    if (piece.kind === "init") return this.#sink.init(piece.bytes);
    if (piece.kind === "notice") return this.#notice(piece.text);
    if (!this.#sink.part(piece.bytes, piece.time, piece.duration)) return;
    // A stage without a voice sends silence while the room is called interrupted: that it comes is to be expected again.
    this.#stream.interrupted = false;
    this.#sink.expecting = true;
    for (const json of piece.notes) this.#notes.push({ time: piece.time, json });
    if (this.#notes.length > MAX_NOTES) this.#notes.shift();
  }

  #notice(text: string): void {
    try {
      const notice: unknown = JSON.parse(text);
      if (notice && typeof notice === "object" && "e" in notice) this.#say(notice as Notice);
    } catch {
      // A notice of a later version than this page: nothing to do about it.
    }
  }

  #say(notice: Notice): void {
    if (notice.e === "flush" && notice.flush_s) this.flush = notice.flush_s;
    else if (notice.e === "draining") this.#stream.leave(notice.in_s ?? 0);
    else if (notice.e === "interrupted") {
      this.#stream.interrupted = true;
      this.#sink.expecting = false;
    } else if (notice.e === "ended") {
      this.#ended = true;
      this.#sink.expecting = false;
      this.#stream.stop();
    }
    this.#on.notice(notice);
  }

  #tick(mediaTime: number): void {
    while (this.#notes.length && this.#notes[0]!.time <= mediaTime) this.#on.snapshot(this.#notes.shift()!.json);
    if (this.#ended && this.#sink.ahead < 0.05) this.#finish();
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#on.finished();
  }
}
