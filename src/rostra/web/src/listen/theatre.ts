/**
 * The moving picture: rows of seats around the button. How many are taken shows how many listen (each decade a sixth of
 * the house); the sound runs through the rows from the stage outwards. Loaded after sound plays.
 */
import { loudness } from "./seats.ts";

const ROWS = 8;
/** Sound takes so long from one row to the next, ms. */
const ROW_MS = 90;
/** How much of the way to a new level is left after a second. */
const EASE = 0.001;
const HISTORY_MS = ROWS * ROW_MS + 200;

interface Seat {
  x: number;
  y: number;
  row: number;
  /** Taken once the house is fuller than this, 0 to 1. */
  rank: number;
}

export class Theatre {
  #levels: Record<string, number> = {};
  #shown = new Map<string, number>();
  #full = 0;
  #target = 0;
  #sound: { at: number; level: number }[] = [];
  #seats: Seat[] = [];
  #radius = 2;
  #colors = { line: "", ink: "", accent: "" };
  #last = 0;
  #running = false;
  readonly #canvas: HTMLCanvasElement;
  readonly #box: HTMLElement;
  readonly #voices: HTMLElement;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(box: HTMLElement, voices: HTMLElement) {
    this.#box = box;
    this.#voices = voices;
    this.#canvas = box.querySelector("canvas")!;
    new ResizeObserver(() => this.#lay()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#lay());
    this.#lay();
    box.classList.add("drawn");
  }

  /** Levels by seat in dBFS, and how many listen (null: as before). */
  hear(levels: Record<string, number>, listening: number | null): void {
    this.#levels = levels;
    if (listening !== null) this.#target = Math.min(1, Math.log10(1 + Math.max(0, listening)) / 6);
    if (!this.#running) {
      this.#running = true;
      this.#last = performance.now();
      requestAnimationFrame((t) => this.#frame(t));
    }
  }

  #lay(): void {
    const { clientWidth: width, clientHeight: height } = this.#box;
    const ratio = Math.min(3, devicePixelRatio || 1);
    this.#canvas.width = width * ratio;
    this.#canvas.height = height * ratio;
    this.#canvas.getContext("2d")!.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(this.#box);
    const color = (name: string) => style.getPropertyValue(name).trim();
    this.#colors = { line: color("--line"), ink: color("--edge"), accent: color("--accent") };
    const button = this.#box.querySelector("button")!.offsetWidth / 2;
    const [cx, cy] = [width / 2, height - button];
    const inner = button + Math.max(16, width * 0.045);
    const outer = Math.min(width / 2 - 5, cy - 5);
    const step = (outer - inner) / (ROWS - 1);
    this.#radius = Math.min(4, step * 0.2);
    this.#seats = [];
    for (let row = 0; row < ROWS; row++) {
      const r = inner + row * step;
      const count = Math.max(6, Math.round((Math.PI * r) / Math.max(11, step * 0.92)));
      for (let i = 0; i < count; i++) {
        const angle = Math.PI * ((i + 0.5) / count);
        // An aisle on either side of the middle, as in a real one.
        if (Math.abs(Math.abs(angle - Math.PI / 2) - Math.PI / 6) * r < step * 0.55) continue;
        // Seats in front fill first, but not one row after the other: a fixed scatter, the same on every page.
        const scatter = ((row * 131 + i * 197) % 89) / 89;
        const rank = (0.55 * row) / ROWS + 0.45 * scatter;
        this.#seats.push({ x: cx - r * Math.cos(angle), y: cy - r * Math.sin(angle), row, rank });
      }
    }
    this.#draw(performance.now());
  }

  #frame(t: number): void {
    const dt = Math.min(0.1, (t - this.#last) / 1000);
    this.#last = t;
    const ease = 1 - EASE ** dt;
    this.#full += (this.#target - this.#full) * (1 - 0.2 ** dt);
    let loudest = 0;
    let moving = Math.abs(this.#target - this.#full) > 0.002;
    for (const li of this.#voices.children as HTMLCollectionOf<HTMLElement>) {
      const seat = li.dataset["seat"] ?? "";
      const to = li.classList.contains("muted") ? 0 : loudness(this.#levels[seat]);
      // Levels come twice a second; speech moves faster. The shimmer is decoration, and off where motion is.
      const shimmer = this.#still.matches ? 1 : 0.86 + 0.14 * Math.sin(t / 61 + seat.length) * Math.sin(t / 143);
      let now = this.#shown.get(seat) ?? 0;
      now += (to - now) * ease;
      this.#shown.set(seat, now);
      const level = now * shimmer;
      li.style.setProperty("--l", level.toFixed(3));
      loudest = Math.max(loudest, level);
      moving ||= now > 0.004 || to > 0;
    }
    this.#sound.push({ at: t, level: loudest });
    while (this.#sound.length && this.#sound[0]!.at < t - HISTORY_MS) this.#sound.shift();
    moving ||= this.#sound.some((s) => s.level > 0.004);
    this.#draw(t);
    this.#running = moving;
    if (moving) requestAnimationFrame((next) => this.#frame(next));
  }

  #draw(t: number): void {
    const c = this.#canvas.getContext("2d")!;
    c.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    const rows = Array.from({ length: ROWS }, (_, row) => this.#at(t - row * ROW_MS));
    const { line, ink, accent } = this.#colors;
    for (const seat of this.#seats) {
      const taken = seat.rank < this.#full;
      const level = this.#still.matches ? 0 : rows[seat.row]! * (1 - seat.row / (ROWS * 1.6));
      this.#dot(c, seat, this.#radius * (taken ? 1 : 0.7) * (1 + 0.35 * level), taken ? ink : line, 1);
      if (level > 0.02) this.#dot(c, seat, this.#radius * (0.7 + 0.75 * level), accent, (taken ? 0.95 : 0.6) * level);
    }
  }

  #dot(c: CanvasRenderingContext2D, { x, y }: Seat, r: number, color: string, alpha: number): void {
    c.globalAlpha = Math.min(1, alpha);
    c.fillStyle = color;
    c.beginPath();
    c.arc(x, y, r, 0, 2 * Math.PI);
    c.fill();
  }

  /** The level of the sound at a moment of the last second. */
  #at(t: number): number {
    for (let i = this.#sound.length - 1; i >= 0; i--) if (this.#sound[i]!.at <= t) return this.#sound[i]!.level;
    return 0;
  }
}
