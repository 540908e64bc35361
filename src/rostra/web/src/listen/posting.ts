/** Posts, and what of them is shown how. Pure. */

export interface Post {
  id: string;
  at: number;
  by: string;
  text: string;
  link: string;
  picture: string;
  pinned: boolean;
}

/** Pinned ones first; otherwise as they come, the newest first. */
export const inOrder = (posts: readonly Post[]): Post[] => [...posts.filter((p) => p.pinned), ...posts.filter((p) => !p.pinned)];

/** The host's name in a link, for who wants to know where it leads; null: it is no address of the web. */
export function leadsTo(link: string): string | null {
  try {
    const url = new URL(link);
    return url.protocol === "https:" || url.protocol === "http:" ? url.host : null;
  } catch {
    return null;
  }
}
