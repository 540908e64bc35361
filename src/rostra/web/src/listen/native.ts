/**
 * The second way, and the first on iPhones: the browser plays LL-HLS (AAC) itself, lock screen included.
 *
 * Safari shows the ID3 that rides in the parts as cues of a metadata track, timed to the sound. What the edge
 * says between pushed parts is not in the playlist: the page learns it from /state.
 */
import { ElementPlayer } from "./element.ts";
import type { PlayerEvents } from "./player.ts";

interface Id3Cue extends TextTrackCue {
  value?: { key?: string; info?: string; data?: unknown };
}

export class Native extends ElementPlayer {
  constructor(base: string, audio: HTMLAudioElement, on: PlayerEvents) {
    super("native", base, audio, on, [["error", () => this.lost()]]);
    audio.textTracks.addEventListener("addtrack", (e) => this.#follow(e.track));
  }

  protected behind(): number | null {
    const { seekable, currentTime } = this.audio;
    return seekable.length ? Math.max(0, seekable.end(seekable.length - 1) - currentTime) : null;
  }

  protected open(): void {
    this.audio.src = this.url;
    void this.audio.play().catch(() => {}); // Refusals for want of a tap are the page's business.
  }

  protected close(): void {
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  #follow(track: TextTrack | null): void {
    if (track?.kind !== "metadata" || this.stopped) return;
    track.mode = "hidden";
    track.addEventListener("cuechange", () => {
      for (const cue of Array.from(track.activeCues ?? []) as Id3Cue[]) {
        if (!this.stopped && cue.value?.key === "TXXX" && cue.value.info === "rostra" && typeof cue.value.data === "string")
          this.on.snapshot(cue.value.data);
      }
    });
  }
}
