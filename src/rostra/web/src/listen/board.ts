/** What hosts post beside the sound: the pinned first, then the newest. Fetched when its version has changed. */
import { wLater as w } from "../words/later.ts";
import { make, within } from "./dom.ts";
import { inOrder, leadsTo, type Post } from "./posting.ts";
import { moment } from "./view.ts";

/** All are told of a post in the same part, and ask for it within so many seconds. */
const SPREAD_S = 3;
/** After an answer that did not come, or of an edge that does not know the post yet. */
const AGAIN_S = 6;
/** Pictures come within so many seconds of being shown. */
const PICTURE_SPREAD_S = 2;

export class Board {
  readonly box = make("section", { id: "posts", hidden: true });
  readonly #list = make("ul");
  readonly #address: (path: string) => string;
  readonly #items = new Map<string, HTMLLIElement>();
  #wanted = 0;
  #shown = 0;
  #timer = 0;

  constructor(address: (path: string) => string) {
    this.#address = address;
    this.box.append(make("h2", {}, w.posts), this.#list);
  }

  version(version: number): void {
    if (!(version > this.#wanted)) return;
    this.#wanted = version;
    this.#timer ||= within(SPREAD_S, () => void this.#fetch());
  }

  async #fetch(): Promise<void> {
    this.#timer = 0;
    try {
      const answer = await fetch(this.#address("posts"));
      if (!answer.ok) throw new Error(String(answer.status));
      const { version, posts } = (await answer.json()) as { version: number; posts: Post[] };
      if (version > this.#shown) this.#show(posts);
      this.#shown = version;
    } catch {
      // It is asked for again below.
    }
    if (this.#shown < this.#wanted) this.#timer ||= within(AGAIN_S, () => void this.#fetch());
  }

  #show(posts: readonly Post[]): void {
    const items = inOrder(posts).map((post) => {
      const key = JSON.stringify(post);
      const item = this.#items.get(key) ?? made(post);
      this.#items.set(key, item);
      return item;
    });
    for (const [key, item] of this.#items) if (!items.includes(item)) this.#items.delete(key);
    this.#list.replaceChildren(...items);
    this.box.hidden = !items.length;
  }
}

function made(post: Post): HTMLLIElement {
  const who = make("p", { className: "quiet" }, `${post.by} · ${moment(post.at, Date.now() / 1000)}`);
  const li = make("li", {}, who);
  if (post.pinned) {
    li.className = "pinned";
    who.prepend(make("b", {}, w.pinned), " · ");
  }
  if (post.text) li.append(make("p", { className: "text", dir: "auto" }, post.text));
  const host = leadsTo(post.link);
  if (host) li.append(make("a", { href: post.link, target: "_blank", rel: "noopener nofollow ugc" }, host));
  if (post.picture) {
    const img = make("img", { alt: w.pictureOf(post.by), loading: "lazy", decoding: "async" });
    within(PICTURE_SPREAD_S, () => (img.src = `/p/${post.picture}`));
    li.append(img);
  }
  return li;
}
