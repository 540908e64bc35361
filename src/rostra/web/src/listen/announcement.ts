/** What is announced: the picture, the time in the room's own zone, the calendar, the word that one will come, sharing. */
import { wLater as w } from "../words/later.ts";
import { make, say, within } from "./dom.ts";
import type { Kept } from "./kept.ts";
import { NotTaken, send } from "./sending.ts";
import type { RoomState, State } from "./state.ts";
import { el } from "./view.ts";
import { inZone, place } from "./zone.ts";

/** A picture is fetched within so many seconds: all who wait see it come up in the same moment otherwise. */
const PICTURE_SPREAD_S = 2;
/** So many said so from this network that each more costs a little work. */
const WORK_FIRST = 428;

export class Announcement {
  readonly #kept: Kept;
  readonly #address: (path: string) => string;
  readonly #zone = make("p", { id: "zone", className: "quiet" });
  readonly #picture = make("img", { id: "picture", alt: "", hidden: true, decoding: "async" });
  readonly #calendar = make("a", { className: "button" }, w.calendar);
  readonly #come = make("button", { type: "button", className: "button" });
  readonly #share = make("button", { type: "button", className: "button" }, w.share);
  readonly #said = make("p", { className: "quiet", role: "status" });
  readonly #actions = make("div", { className: "actions" }, this.#come, this.#calendar, this.#share);
  #shown = "";
  #title = "";
  #invited = false;

  constructor(address: (path: string) => string, kept: Kept) {
    this.#address = address;
    this.#kept = kept;
    this.#calendar.href = address("calendar.ics");
    this.#come.addEventListener("click", () => void this.#comes());
    this.#share.addEventListener("click", () => void this.#shares());
    el("when").after(this.#zone);
    el("about").prepend(this.#picture);
    el("about").append(this.#actions, this.#said);
    this.#tell();
  }

  show(s: State): void {
    this.#title = s.title;
    this.#invited = s.invited;
    const waits = s.state === "scheduled" || s.state === "open";
    const there = waits ? inZone(s.at, s.tz, navigator.language) : "";
    say(this.#zone, there && w.inZone(there, place(s.tz)));
    if (s.picture === this.#shown) return;
    this.#shown = s.picture;
    this.#picture.hidden = !s.picture;
    if (s.picture) within(PICTURE_SPREAD_S, () => (this.#picture.src = `/p/${s.picture}`));
  }

  /** Null: nothing is to be seen of this room. */
  phase(room: RoomState | null): void {
    const waits = room === "scheduled" || room === "open";
    this.#actions.hidden = !room || room === "cancelled" || room === "ended";
    this.#come.hidden = this.#calendar.hidden = !waits;
    this.#share.hidden = this.#invited; // Its address alone opens nothing, and a link is not ours to give on.
    el("about").hidden = !room;
  }

  #tell(): void {
    const comes = this.#kept.get("rsvp") !== undefined;
    this.#come.textContent = comes ? w.comes : w.come;
    this.#come.disabled = comes;
  }

  async #comes(): Promise<void> {
    this.#come.disabled = true;
    try {
      const address = this.#address("rsvp");
      const { ticket } = await send(address, {}).catch(async (e: unknown) => {
        if (!(e instanceof NotTaken) || e.status !== WORK_FIRST) throw e;
        return (await import("./waiting.ts")).promise(address);
      });
      this.#kept.put("rsvp", ticket);
      say(this.#said, w.cameAcross);
    } catch (e) {
      say(this.#said, (e as Error).message);
    }
    this.#tell();
  }

  async #shares(): Promise<void> {
    const url = location.origin + location.pathname;
    try {
      if (navigator.share) return await navigator.share({ title: this.#title, url });
      await navigator.clipboard.writeText(url);
      say(this.#said, w.copied);
    } catch (e) {
      // Whoever changed their mind needs no answer; where nothing may be copied, the address is there to be marked.
      if (!(e instanceof DOMException && e.name === "AbortError")) say(this.#said, url);
    }
  }
}
