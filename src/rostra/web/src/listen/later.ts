/**
 * All that the listener's page does not need until sound plays, or while it waits for the doors; one file of its own, its
 * style in it. The page tells it what it learns.
 */
import css from "../styles/after.css?inline";
import { wLater as w } from "../words/later.ts";
import { Announcement } from "./announcement.ts";
import { Board } from "./board.ts";
import { attachDetails } from "./details.ts";
import { Applause } from "./applause.ts";
import { Raising } from "./hand.ts";
import { Kept } from "./kept.ts";
import type { Figures, Player } from "./player.ts";
import { attachReport } from "./report.ts";
import type { Phase } from "./screen.ts";
import { showLevels, showStage, showTally } from "./seats.ts";
import { playSilence } from "./silence.ts";
import type { RoomState, Snapshot, State } from "./state.ts";
import { Theatre } from "./theatre.ts";
import { el } from "./view.ts";
import { attachVolume } from "./volume.ts";

/** What the page lends. */
export interface Lent {
  audio: HTMLAudioElement;
  /** The whole address of something of this room. */
  address(path: string): string;
  serverNow(): number;
  figures(): Figures | null;
}

export class Extras {
  readonly #lent: Lent;
  readonly #theatre: Theatre;
  readonly #announcement: Announcement;
  readonly #board: Board;
  readonly #applause: Applause;
  readonly #hand: Raising;
  readonly #report: HTMLElement;

  constructor(lent: Lent) {
    this.#lent = lent;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets.push(sheet);
    document.querySelector("#stage h2")!.textContent = w.stage;
    attachVolume(lent.audio);
    attachDetails(lent.figures, lent.address);
    this.#theatre = new Theatre(el("theatre"), el("voices"));
    const kept = new Kept(lent.address("").split("?")[0]!);
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

  posted(version: number): void {
    this.#board.version(version);
  }

  phase(phase: Phase, room: RoomState | null, player: Player | null): void {
    const there = phase !== "invitation" && phase !== "absent";
    const onAir = there && (room === "open" || room === "live" || room === "interrupted");
    this.#announcement.phase(there ? room : null);
    // While it is on air, who speaks and what is posted come before what was announced.
    const before = room === "live" || room === "interrupted" ? el("more") : el("stage");
    if (el("about").nextElementSibling !== before) before.before(el("about"));
    this.#applause.box.hidden = !onAir || !player;
    this.#hand.phase(onAir);
    this.#report.hidden = !there || room === "scheduled";
  }

  hush(): void {
    this.#theatre.hear({}, null);
    showLevels({});
  }

  playSilence(): void {
    playSilence(this.#lent.audio);
  }
}
