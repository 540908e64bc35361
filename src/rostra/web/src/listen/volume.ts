/** Volume, mute, and their keys, which can be turned off (WCAG 2.2, 2.1.4). */
import { wLater as w } from "../words/later.ts";
import { make } from "./dom.ts";
import { el } from "./view.ts";

/** The page itself sets what was kept, before sound plays (`main.ts`). */
const KEY = "rostra-volume";
const KEYS = "rostra-keys";

function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // Private windows may keep nothing.
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Then it is as it was on the next page.
  }
}

export function attachVolume(audio: HTMLAudioElement): void {
  const loud = el<HTMLInputElement>("loud");
  const mute = el<HTMLButtonElement>("mute");
  const show = () => {
    mute.ariaPressed = String(audio.muted);
    el("waves").style.visibility = audio.muted || audio.volume === 0 ? "hidden" : "";
    loud.value = String(Math.round(Math.sqrt(audio.volume) * 100));
  };
  /** The ear hears by ratios: a square is near enough to make the whole slider useful. */
  const set = (percent: number) => {
    audio.volume = (Math.min(100, Math.max(0, percent)) / 100) ** 2;
    if (percent > 0) audio.muted = false;
    keep(KEY, String(percent));
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
  const keys = make("input", { type: "checkbox", checked: kept(KEYS) !== "off" });
  keys.addEventListener("change", () => keep(KEYS, keys.checked ? "on" : "off"));
  el("keys").replaceChildren(make("label", { className: "check" }, keys, w.keys));
  addEventListener("keydown", (e) => {
    if (!keys.checked || e.ctrlKey || e.metaKey || e.altKey) return;
    const at = e.target as Element;
    if (at.closest("input:not([type=checkbox]), textarea, dialog")) return;
    // Elsewhere the arrows scroll, and whoever has no mouse needs them to.
    const player = !el("volume").hidden && at.closest("#right");
    if (e.key === "m" || e.key === "M") toggle();
    else if (e.key === "ArrowUp" && player) set(Number(loud.value) + 5);
    else if (e.key === "ArrowDown" && player) set(Number(loud.value) - 5);
    else return;
    e.preventDefault();
  });
  mute.ariaLabel = w.mute;
  loud.ariaLabel = w.volume;
  show();
}
