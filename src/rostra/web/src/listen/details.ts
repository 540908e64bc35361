/** The figures behind "Sound and connection", and the addresses for other players. */
import { wLater as w } from "../words/later.ts";
import type { Figures } from "./player.ts";
import { el } from "./view.ts";

/** `step`: of the door, as `/state` calls it; empty while there is room for everyone. */
export function attachDetails(figures: () => Figures | null, address: (path: string) => string, step: () => string): void {
  const more = el<HTMLDetailsElement>("more");
  const list = el("figures");
  const show = () => {
    const f = more.open ? figures() : null;
    if (!f) return;
    const s = (n: number | null) => (n === null ? "–" : w.seconds(n.toFixed(1)));
    const rows: [string, string][] = [
      [w.behind, s(f.behindS)],
      [w.buffer, s(f.bufferS)],
      [w.rendition, `${f.rendition === "opus" ? "Opus" : "AAC"}, ${w.via[f.via]}`],
      [w.underruns, f.underruns ? w.times(f.underruns) : w.never],
    ];
    const door = w.steps[step()];
    if (door) rows.push([w.house, door]);
    list.replaceChildren(
      ...rows.flatMap(([term, value]) => [
        Object.assign(document.createElement("dt"), { textContent: term }),
        Object.assign(document.createElement("dd"), { textContent: value }),
      ]),
    );
  };
  more.addEventListener("toggle", show);
  window.setInterval(show, 1000);
  const links = ["live.mp3", "hls/main.m3u8"].map((path) =>
    Object.assign(document.createElement("a"), { href: address(path), textContent: path === "live.mp3" ? "MP3" : "HLS" }),
  );
  el("elsewhere").replaceChildren(`${w.elsewhere}: `, links[0]!, " · ", links[1]!);
}
