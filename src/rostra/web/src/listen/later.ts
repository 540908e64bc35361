/**
 * All that the listener's page does not need until sound plays, or while it waits for the doors; one file of its own, its
 * style in it. The page tells it what it learns.
 */
import css from "../styles/after.css?inline";
import { wLater as w } from "../words/later.ts";
import { Announcement } from "./announcement.ts";
import { Board } from "./board.ts";
import { attachDetails } from "./details.ts";
import { within } from "./dom.ts";
import { Applause } from "./applause.ts";
import { Raising } from "./hand.ts";
import { Kept } from "./kept.ts";
import type { Figures, Notice, Player } from "./player.ts";
import { attachReport } from "./report.ts";
import type { Phase } from "./screen.ts";
import { showLevels, showStage, showTally } from "./seats.ts";
import { playSilence } from "./silence.ts";
import type { Told } from "./standing.ts";
import type { RoomState, Snapshot, State } from "./state.ts";
import { Theatre } from "./theatre.ts";
import { el } from "./view.ts";
import type { Shown, Waiting } from "./waiting.ts";
import { attachVolume } from "./volume.ts";

/** Steps of the door at which it takes a pass to come in (admission/steps.py). */
const SHUT = new Set(["challenge", "waiting", "refusing"]);

/** Its steps as notices count them. */
const STEPS = ["", "longer-flush", "small-sound", "thinned", ...SHUT];

/** Those inside ask for what lets them in again within so many seconds: it was told to all at once. */
const INSIDE_SPREAD_S = 20;

/** What the page lends. */
export interface Lent {
  audio: HTMLAudioElement;
  /** The whole address of something of this room. */
  address(path: string): string;
  serverNow(): number;
  figures(): Figures | null;
  /** Ask for the state. */
  ask(): void;
  /** Try to come in at once. */
  again(): void;
  render(): void;
}

export class Extras {
  readonly #lent: Lent;
  readonly #theatre: Theatre;
  readonly #announcement: Announcement;
  readonly #board: Board;
  readonly #applause: Applause;
  readonly #hand: Raising;
  readonly #report: HTMLElement;
  readonly #kept: Kept;
  #waiting: Waiting | null = null;
  #loading: Promise<void> | null = null;
  #phase: Phase = "idle";
  #told: State | null = null;
  #step = "";
  /** The last that was told, by the state or since then by the edge. */
  #gives = "";

  constructor(lent: Lent) {
    this.#lent = lent;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets.push(sheet);
    document.querySelector("#stage h2")!.textContent = w.stage;
    attachVolume(lent.audio);
    attachDetails(lent.figures, lent.address, () => this.#gives);
    this.#theatre = new Theatre(el("theatre"), el("voices"));
    const kept = (this.#kept = new Kept(lent.address("").split("?")[0]!));
    this.#announcement = new Announcement(lent.address, kept);
    this.#applause = new Applause(lent.address);
    this.#hand = new Raising(lent.address, kept);
    this.#board = new Board(lent.address);
    this.#report = attachReport(lent.address);
    el("now").after(this.#applause.box);
    el("stage").after(this.#hand.box, this.#board.box);
    el("more").after(this.#report);
  }

  /** `all`: no parts tell who is on stage and how many listen. */
  state(s: State, all: boolean): void {
    this.#told = s.serving ? s : null;
    this.#step = this.#gives = s.door?.step ?? "";
    this.#waiting?.line.learn(this.#told as Told | null);
    if (this.#told && this.#kept.get("pass")) void this.#load();
    this.#announcement.show(s);
    this.#board.version(s.posts);
    if (!all) return;
    showTally(s.listening);
    if (s.stage.length || s.state === "open" || s.state === "live") showStage(s.stage);
  }

  snapshot(s: Snapshot): void {
    showTally(s.n);
    if (s.st) showStage(s.st);
    showLevels(s.l);
    this.#theatre.hear(s.l, s.n);
    if (s.x) this.#applause.heard(s.x);
    if (s.p) this.#board.version(s.p);
  }

  notice(n: Notice): void {
    if (n.version) this.#board.version(n.version);
    if (n.e === "door") this.#gives = STEPS[n.step ?? 0] ?? "";
    if (n.inside) within(INSIDE_SPREAD_S, () => void this.#inside(n.inside!));
  }

  /** The door is shut behind us: from now on it takes something to come in again. */
  async #inside(word: number): Promise<void> {
    await this.#load();
    await this.#waiting?.inside(word).catch(() => {}); // It is told again in a minute.
  }

  /** What the waiting room says instead of the page's own words, if one is in it. */
  phase(phase: Phase, room: RoomState | null, player: Player | null): Shown | null {
    const there = phase !== "invitation" && phase !== "absent";
    const onAir = there && (room === "open" || room === "live" || room === "interrupted");
    this.#announcement.phase(there ? room : null);
    // While it is on air, who speaks and what is posted come before what was announced.
    const before = room === "live" || room === "interrupted" ? el("more") : el("stage");
    if (el("about").nextElementSibling !== before) before.before(el("about"));
    this.#applause.box.hidden = !onAir || !player;
    this.#hand.phase(onAir);
    this.#report.hidden = !there || room === "scheduled";
    const coming = phase === "full" || phase === "connecting" || phase === "reconnecting";
    if (phase !== this.#phase) {
      this.#phase = phase;
      if (this.#refused) void this.#door();
      else if (!coming) this.#waiting?.line.leave();
    }
    if (!this.#waiting) return null;
    return coming ? this.#waiting.shown(false) : phase === "idle" || phase === "paused" ? this.#waiting.shown(true) : null;
  }

  /** Native players are not told why an edge refuses them. */
  get #refused(): boolean {
    return this.#phase === "full" || (this.#phase === "reconnecting" && SHUT.has(this.#step));
  }

  /** When the state should be asked for, seconds; 0: when the page likes. */
  get askS(): number {
    return this.#waiting?.line.askS ?? 0;
  }

  /** The address of sound, with what lets one in. */
  live(address: string): string {
    return this.#waiting?.live(address) ?? address;
  }

  /** The edge has no place for us. */
  async #door(): Promise<void> {
    await this.#load();
    if (!this.#refused || !this.#waiting) return;
    this.#waiting.line.refused();
    this.#lent.ask();
  }

  #load(): Promise<void> {
    if (this.#waiting) return Promise.resolve();
    // An edge that dies in this moment must not be an error: who is refused again asks again.
    return (this.#loading ??= import("./waiting.ts").then(
      ({ Waiting }) => {
        const { address, serverNow, again, render } = this.#lent;
        this.#waiting = new Waiting({ address, kept: this.#kept, serverNow, again, changed: render });
        this.#waiting.line.learn(this.#told as Told | null);
        render();
      },
      () => void (this.#loading = null),
    ));
  }

  hush(): void {
    this.#theatre.hear({}, null);
    showLevels({});
  }

  playSilence(): void {
    playSilence(this.#lent.audio);
  }
}
