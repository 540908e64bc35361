/** Volume, mute and the keyboard. */
import { w } from "../words/index.ts";
import { el } from "./view.ts";

const KEY = "rostra-volume";

/** Returns what shows the words and the state of the controls again. */
export function attachVolume(audio: HTMLAudioElement, tap: () => void): () => void {
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
  try {
    const kept = localStorage.getItem(KEY);
    if (kept) audio.volume = (Number(kept) / 100) ** 2 || 1;
  } catch {
    // As above.
  }
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
    if (e.ctrlKey || e.metaKey || e.altKey || e.target instanceof HTMLInputElement) return;
    const control = e.target instanceof Element && e.target.closest("button, a, summary");
    if (e.key === " " && !control) tap();
    else if (e.key === "m" || e.key === "M") toggle();
    else if (e.key === "ArrowUp" && !el("volume").hidden) set(Number(loud.value) + 5);
    else if (e.key === "ArrowDown" && !el("volume").hidden) set(Number(loud.value) - 5);
    else return;
    e.preventDefault();
  });
  show();
  return show;
}
