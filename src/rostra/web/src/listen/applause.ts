/** Reactions: eight buttons, and the flow of everyone's over the theatre. Decoration: nothing waits for it. */
import { language } from "../words/index.ts";
import { wLater as w } from "../words/later.ts";
import { LastMinute, REACTIONS, Sampler, shown, type Counts } from "./counting.ts";
import { make, say, within } from "./dom.ts";
import { el } from "./view.ts";

/** Begun in a second, and in the air at once: what a small phone draws without effort. */
const SHOWN_A_SECOND = 10;
const MAX_IN_THE_AIR = 30;
/** Snapshots come twice a second and tell of a whole second: every other one is taken. */
const HEARD_EVERY_S = 0.9;

const number = new Intl.NumberFormat(language, { notation: "compact" });
const now = (): number => performance.now() / 1000;

export class Applause {
  readonly box = make("div", { id: "react", hidden: true });
  readonly #flow = make("div", { className: "flow", ariaHidden: "true" });
  /** Read by who looks for it, told to nobody: a screen reader would never be silent. */
  readonly #summary = make("p", { className: "quiet" });
  readonly #sampler = new Sampler();
  readonly #minute = new LastMinute();
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #address: (path: string) => string;
  #heardAt = 0;

  constructor(address: (path: string) => string) {
    this.#address = address;
    const buttons = REACTIONS.map((kind) => {
      const button = make("button", { type: "button", ariaLabel: w.reactions[kind] ?? kind, title: w.reactions[kind] ?? kind }, kind);
      button.addEventListener("click", () => this.#send(kind));
      return button;
    });
    const group = make("div", { role: "group", ariaLabel: w.react }, ...buttons);
    this.box.append(group, this.#summary);
    el("go").before(this.#flow); // Nothing lies over what is to be pressed.
    window.setInterval(() => this.#sum(), 2000);
  }

  /** Everyone's of the last second, ours among them. */
  heard(counts: Counts): void {
    const at = now();
    if (at - this.#heardAt < HEARD_EVERY_S) return;
    this.#heardAt = at;
    this.#minute.add(at, counts);
    for (const kind of shown(counts, SHOWN_A_SECOND)) within(1, () => this.#rise(kind));
  }

  #send(kind: string): void {
    this.#rise(kind);
    if (!this.#sampler.may(now())) return;
    const body = JSON.stringify({ r: kind });
    // One that does not arrive is no loss.
    fetch(this.#address("react"), { method: "POST", headers: { "content-type": "application/json" }, body }).catch(() => {});
  }

  #rise(kind: string): void {
    if (document.hidden || this.#still.matches || this.#flow.childElementCount >= MAX_IN_THE_AIR) return;
    const one = make("span", {}, kind);
    one.style.left = `${8 + 84 * Math.random()}%`;
    one.style.setProperty("--drift", `${(Math.random() - 0.5) * 4}rem`);
    one.style.animationDuration = `${2.4 + Math.random()}s`;
    one.addEventListener("animationend", () => one.remove());
    this.#flow.append(one);
  }

  #sum(): void {
    const found = this.#minute.sum(now()).slice(0, 4);
    const list = found.map(([kind, n]) => `${kind} ${number.format(n)}`).join(" · ");
    say(this.#summary, found.length ? w.lastMinute(list) : "");
  }
}
