/** Keys for the whole page. They can be turned off (WCAG 2.2, 2.1.4), and never act where someone types. */
import { useEffect, useRef, useState } from "preact/hooks";
import { remember, remembered } from "./link.ts";

const TYPES_IN = "input:not([type=checkbox]), textarea, select, [contenteditable]";
/** On these a space is a press of theirs. */
const PRESSED = "button, summary, a, [role=tab], input, label";
/** D is held so long before it dumps: a slip of the finger is shorter. */
export const HOLD_MS = 600;

export interface Keys {
  on: boolean;
  setOn(on: boolean): void;
  /** D is down, and will dump. */
  holding: boolean;
}

export function useKeys(mute: () => void, dump: (() => void) | null): Keys {
  const [on, setOn] = useState(remembered("rostra-keys") !== "off");
  const [holding, setHolding] = useState(false);
  const does = useRef({ mute, dump });
  does.current = { mute, dump };
  // Effects come after the page is drawn anew, which may be later than the next key: turned off is off at once.
  const active = useRef(on);
  useEffect(() => {
    if (!on) return undefined;
    let timer = 0;
    const release = () => {
      window.clearTimeout(timer);
      timer = 0;
      setHolding(false);
    };
    const down = (e: KeyboardEvent) => {
      const at = e.target as Element;
      if (!active.current || e.repeat || e.ctrlKey || e.metaKey || e.altKey || at.closest(TYPES_IN)) return;
      const key = e.key.toLowerCase();
      if (key === "m" || (key === " " && !at.closest(PRESSED))) {
        e.preventDefault();
        does.current.mute();
      } else if (key === "d" && does.current.dump && !timer) {
        setHolding(true);
        timer = window.setTimeout(() => {
          release();
          does.current.dump?.();
        }, HOLD_MS);
      }
    };
    const up = (e: KeyboardEvent) => e.key.toLowerCase() === "d" && release();
    addEventListener("keydown", down);
    addEventListener("keyup", up);
    addEventListener("blur", release);
    return () => {
      release();
      removeEventListener("keydown", down);
      removeEventListener("keyup", up);
      removeEventListener("blur", release);
    };
  }, [on]);
  const set = (next: boolean) => {
    remember("rostra-keys", next ? "on" : "off");
    active.current = next;
    setOn(next);
  };
  return { on, setOn: set, holding };
}
