/** Volume, mute, and their keys. */
import { wLater as w } from "../words/later.ts";
import { el } from "./view.ts";

/** The page itself sets what was kept, before sound plays (`main.ts`). */
const KEY = "rostra-volume";

export function attachVolume(audio: HTMLAudioElement): void {
  const loud = el<HTMLInputElement>("loud");
  const mute = el<HTMLButtonElement>("mute");
  const show = () => {
    mute.ariaPressed = String(audio.muted);
    mute.ariaLabel = audio.muted ? w.unmute : w.mute;
    el("waves").style.visibility = audio.muted || audio.volume === 0 ? "hidden" : "";
    loud.value = String(Math.round(Math.sqrt(audio.volume) * 100));
  };
  /** The ear hears by ratios: a square is near enough to make the whole slider useful. */
  const set = (percent: number) => {
    audio.volume = (Math.min(100, Math.max(0, percent)) / 100) ** 2;
    if (percent > 0) audio.muted = false;
    try {
      localStorage.setItem(KEY, String(percent));
    } catch {
      // Private windows may keep nothing.
    }
    show();
  };
  // iPhones leave the volume to their buttons, and show it by ignoring this.
  const before = audio.volume;
  audio.volume = 0.5;
  loud.hidden = audio.volume !== 0.5;
  audio.volume = before;

  loud.addEventListener("input", () => set(Number(loud.value)));
  const toggle = () => {
    audio.muted = !audio.muted;
    show();
  };
  mute.addEventListener("click", toggle);
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target instanceof Element && e.target.closest("input, textarea, dialog")) return;
    if (e.key === "m" || e.key === "M") toggle();
    else if (e.key === "ArrowUp" && !el("volume").hidden) set(Number(loud.value) + 5);
    else if (e.key === "ArrowDown" && !el("volume").hidden) set(Number(loud.value) - 5);
    else return;
    e.preventDefault();
  });
  loud.ariaLabel = w.volume;
  show();
}
