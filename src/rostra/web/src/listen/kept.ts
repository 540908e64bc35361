/** What a browser keeps of a room for its listener: their tickets. Under one name; and in memory alone where it may keep nothing. */
const NAME = "rostra";

/** Rooms whose tickets are kept: the latest. 200 bytes each. */
const MAX_ROOMS = 50;

type Tickets = { rsvp?: string; hand?: string; pass?: string };
export interface Shelf {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
}

export class Kept {
  #mine: Tickets;
  readonly #room: string;
  readonly #shelf: () => Shelf;

  constructor(room: string, shelf: () => Shelf = () => localStorage) {
    this.#room = room;
    this.#shelf = shelf;
    this.#mine = { ...this.#all().find(([known]) => known === room)?.[1] };
  }

  get(what: keyof Tickets): string | undefined {
    return this.#mine[what];
  }

  put(what: keyof Tickets, ticket: string | undefined): void {
    if (ticket) this.#mine[what] = ticket;
    else delete this.#mine[what];
    const rooms = this.#all().filter(([room]) => room !== this.#room);
    rooms.push([this.#room, this.#mine]);
    try {
      this.#shelf().setItem(NAME, JSON.stringify(rooms.slice(-MAX_ROOMS)));
    } catch {
      // Private windows may keep nothing: until the page is closed the ticket is known all the same.
    }
  }

  /** The latest room last. */
  #all(): [string, Tickets][] {
    try {
      const found: unknown = JSON.parse(this.#shelf().getItem(NAME) ?? "[]");
      return Array.isArray(found) ? found.filter((pair) => Array.isArray(pair) && pair.length === 2) : [];
    } catch {
      return [];
    }
  }
}
