/** Asking to speak: a name and a word on why go to the host; the answer comes by this listener's own ticket. */
import { wLater as w } from "../words/later.ts";
import { make, say } from "./dom.ts";
import type { Kept } from "./kept.ts";
import { NotTaken, send } from "./sending.ts";

/** How often the answer is asked for, seconds: anywhere between. */
const ASK_S = [4, 6] as const;

/** As the edge has it (wire/hands.py). */
const MAX_NAME = 60;
const MAX_WHY = 280;

type HandState = "down" | "asking" | "waiting" | "accepted" | "declined" | "lowered" | "withdrawn" | "over";

export class Raising {
  readonly box = make("section", { id: "hand", hidden: true });
  readonly #kept: Kept;
  readonly #address: (path: string) => string;
  readonly #says = make("p", { className: "says" });
  readonly #follows = make("p", { className: "quiet" });
  readonly #raise = make("button", { type: "button", className: "button" }, w.raise);
  readonly #withdraw = make("button", { type: "button", className: "button" }, w.withdraw);
  readonly #go = make("a", { className: "button strong" }, w.toStage);
  readonly #name = make("input", { id: "hand-name", type: "text", required: true, maxLength: MAX_NAME, autocomplete: "name" });
  readonly #why = make("textarea", { id: "hand-why", rows: 2, maxLength: MAX_WHY });
  readonly #send = make("button", { type: "submit", className: "button strong" }, w.sendHand);
  readonly #cancel = make("button", { type: "button", className: "button" }, w.cancel);
  readonly #form: HTMLFormElement;
  #state: HandState = "down";
  /** What it was before a hand is asked for. */
  #before: HandState = "down";
  #timer = 0;
  #onAir = false;

  constructor(address: (path: string) => string, kept: Kept) {
    this.#address = address;
    this.#kept = kept;
    this.#form = make(
      "form",
      {},
      make("label", { htmlFor: "hand-name" }, w.yourName),
      this.#name,
      make("label", { htmlFor: "hand-why" }, w.yourWhy),
      this.#why,
      make("div", { className: "actions" }, this.#send, this.#cancel),
    );
    const said = make("div", { role: "status" }, this.#says, this.#follows);
    const actions = make("div", { className: "actions" }, this.#raise, this.#go, this.#withdraw);
    this.box.append(make("h2", {}, w.hand), said, actions, this.#form);
    this.#raise.addEventListener("click", () => {
      this.#before = this.#state;
      this.#enter("asking");
      this.#name.focus();
    });
    this.#cancel.addEventListener("click", () => {
      this.#enter(this.#before);
      this.#raise.focus();
    });
    this.#withdraw.addEventListener("click", () => void this.#withdrawn());
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#raised();
    });
    this.#enter(kept.get("hand") ? "waiting" : "down");
  }

  phase(onAir: boolean): void {
    this.box.hidden = !onAir;
    if (onAir === this.#onAir) return;
    this.#onAir = onAir;
    if (onAir && this.#state === "waiting") void this.#ask();
    if (!onAir) window.clearTimeout(this.#timer);
  }

  #enter(state: HandState, wrong = ""): void {
    this.#state = state;
    const [says, follows] = w.hands[state] ?? ["", ""];
    say(this.#says, wrong || says!);
    say(this.#follows, wrong ? "" : follows!);
    this.box.dataset["state"] = state;
    this.#form.hidden = state !== "asking";
    this.#withdraw.hidden = state !== "waiting";
    this.#go.hidden = state !== "accepted";
    this.#raise.hidden = state === "asking" || state === "waiting";
    this.#raise.textContent = state === "accepted" || state === "over" ? w.raiseAgain : w.raise;
    this.#send.disabled = this.#withdraw.disabled = false;
  }

  /** What the edge told of our hand. */
  #take({ ticket, state, link }: Record<string, string>): void {
    if (ticket) this.#kept.put("hand", ticket);
    if (state === "withdrawn" || state === "declined" || state === "lowered" || state === "over")
      this.#kept.put("hand", undefined);
    if (state === "accepted") this.#go.href = openable(link);
    if (state && state in w.hands && state !== this.#state) this.#enter(state as HandState);
    if (state === "waiting") this.#later();
  }

  async #raised(): Promise<void> {
    const name = this.#name.value.trim();
    if (!name) return this.#name.focus();
    this.#send.disabled = true;
    try {
      // Whoever was accepted and has left the stage, or was put off it, asks once more; two pages of one browser ask once.
      const again = this.#before === "accepted";
      const asked = { name, why: this.#why.value.trim(), ticket: this.#kept.get("hand"), again };
      this.#take(await send(this.#address("hand"), asked));
      this.#withdraw.focus();
    } catch (e) {
      this.#enter("asking", (e as Error).message);
    }
  }

  async #withdrawn(): Promise<void> {
    this.#withdraw.disabled = true;
    window.clearTimeout(this.#timer);
    try {
      this.#take(await send(this.#address("hand"), { ticket: this.#kept.get("hand"), withdraw: true }));
      this.#raise.focus();
    } catch (e) {
      if (e instanceof NotTaken && e.status === 404) this.#forget();
      else {
        this.#enter("waiting", (e as Error).message);
        this.#later();
      }
    }
  }

  #later(): void {
    window.clearTimeout(this.#timer);
    const [least, most] = ASK_S;
    this.#timer = window.setTimeout(() => void this.#ask(), (least + Math.random() * (most - least)) * 1000);
  }

  async #ask(): Promise<void> {
    const ticket = this.#kept.get("hand");
    if (!ticket || !this.#onAir) return;
    try {
      this.#take(await send(this.#address(`hand/${ticket}`)));
    } catch (e) {
      if (e instanceof NotTaken && e.status === 404) this.#forget();
      else this.#later();
    }
  }

  #forget(): void {
    this.#kept.put("hand", undefined);
    this.#enter("down", w.handForgotten);
  }
}

/** An address that may stand behind a button: never a script. */
function openable(link: string | undefined): string {
  try {
    const url = new URL(link ?? "", location.href);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : "";
  } catch {
    return "";
  }
}
