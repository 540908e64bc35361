/** Parts that all pages behind the stage door share. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { sentence } from "./door.ts";
import { loudness } from "./figures.ts";

export function Frame({ eyebrow, title, above, children }: {
  eyebrow?: string;
  title: string;
  above?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <>
      <header>
        <span class="mark">{c.app}</span>
      </header>
      {above}
      <main>
        <div class="head">
          {eyebrow ? <p class="eyebrow">{eyebrow}</p> : null}
          <h1 dir="auto">{title}</h1>
        </div>
        {children}
      </main>
    </>
  );
}

/** A row of ticks that follows `level` (dBFS), drawn each frame without asking Preact. */
export function Meter({ level, label }: { level: () => number | null; label?: string }): JSX.Element {
  const ref = useRef<HTMLElement>(null);
  const latest = useRef(level);
  latest.current = level;
  useEffect(() => {
    let shown = 0;
    let frame = 0;
    const draw = () => {
      const to = loudness(latest.current());
      shown = to > shown ? to : shown * 0.92;
      ref.current?.style.setProperty("--l", shown.toFixed(3));
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, []);
  return <i class="meter" ref={ref} {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })} />;
}

/** A button whose press is asked about once more, beside it. The focus goes to the harmless answer, and back. */
export function Sure({ label, name, question, yes, small, children, onYes }: {
  label: string;
  /** For those who hear the button without what stands around it. */
  name?: string;
  question: string;
  yes: string;
  small?: boolean;
  children?: ComponentChildren;
  onYes(): void;
}): JSX.Element {
  const [open, setOpen] = useState(false);
  const no = useRef<HTMLButtonElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const was = useRef(false);
  useLayoutEffect(() => {
    if (open) no.current?.focus();
    else if (was.current) button.current?.focus();
    was.current = open;
  }, [open]);
  if (!open)
    return (
      <button type="button" ref={button} class={small ? "small" : "second"} {...(name ? { "aria-label": name } : {})} onClick={() => setOpen(true)}>
        {label}
      </button>
    );
  return (
    <div role="alertdialog" aria-label={question} class="sure" onKeyDown={(e) => e.key === "Escape" && setOpen(false)}>
      <p>{question}</p>
      {children}
      <div class="row">
        <button
          type="button"
          class="danger"
          onClick={() => {
            setOpen(false);
            onYes();
          }}
        >
          {yes}
        </button>
        <button type="button" class="second" ref={no} onClick={() => setOpen(false)}>
          {c.no}
        </button>
      </div>
    </div>
  );
}

export function Copyable({ label, link }: { label: string; link: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      input.current?.select(); // Not allowed without https: then the keyboard can copy.
      return;
    }
    setCopied(true);
    window.setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="copyable">
      <label for={id}>{label}</label>
      <input id={id} ref={input} readOnly value={link} onFocus={(e) => e.currentTarget.select()} />
      <div class="row">
        <button type="button" class="small" onClick={() => void copy()} aria-label={`${copied ? c.copied : c.copy}: ${label}`}>
          {copied ? c.copied : c.copy}
        </button>
        {"share" in navigator ? (
          <button type="button" class="small" onClick={() => void navigator.share({ url: link }).catch(() => {})} aria-label={`${c.share}: ${label}`}>
            {c.share}
          </button>
        ) : null}
      </div>
    </div>
  );
}

/** What ties a field to its label, its hint and its error. */
export interface FieldTies {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

export function Field({ label, hint, error, children }: {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: (ties: FieldTies) => JSX.Element;
}): JSX.Element {
  const id = useId();
  const about = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, ...(about ? { "aria-describedby": about } : {}), ...(error ? { "aria-invalid": true } : {}) })}
      {hint ? (
        <p class="quiet hint" id={`${id}-hint`}>
          {hint}
        </p>
      ) : null}
      {error ? (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      ) : null}
    </div>
  );
}

export function Check({ label, hint, checked, onChange }: { label: string; hint?: string; checked: boolean; onChange(on: boolean): void }): JSX.Element {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" checked={checked} onChange={(e) => onChange(e.currentTarget.checked)} {...(hint ? { "aria-describedby": `${id}-hint` } : {})} />
      <label for={id}>{label}</label>
      {hint ? (
        <p class="quiet hint" id={`${id}-hint`}>
          {hint}
        </p>
      ) : null}
    </div>
  );
}

/** Pages of a list. A button that leads nowhere keeps the focus, and says that it leads nowhere. */
export function Pager({ page, next, onPage }: { page: number; next: boolean; onPage(step: -1 | 1): void }): JSX.Element | null {
  if (page === 1 && !next) return null;
  return (
    <nav class="row pager" aria-label={c.pages}>
      <button type="button" class="second" aria-disabled={page === 1} onClick={() => page > 1 && onPage(-1)}>
        {c.back}
      </button>
      <span class="quiet" role="status">
        {c.page(page)}
      </span>
      <button type="button" class="second" aria-disabled={!next} onClick={() => next && onPage(1)}>
        {c.next}
      </button>
    </nav>
  );
}

/** Where one is in a list of pages: the cursors one has come by. */
export function useCursors(...dependencies: unknown[]): { cursor: string; page: number; go(step: -1 | 1, next: string): void } {
  const [cursors, setCursors] = useState<string[]>([""]);
  useEffect(() => setCursors([""]), dependencies);
  // Deeper than this by hand is a search that was not made.
  const go = (step: -1 | 1, next: string) => setCursors(step < 0 ? cursors.slice(0, -1) : [...cursors, next].slice(0, MAX_DEEP));
  return { cursor: cursors[cursors.length - 1]!, page: cursors.length, go };
}

const MAX_DEEP = 1000;

/** What has just been done, or why it was not: heard by screen readers, seen by everyone. */
export function Told({ done, trouble }: { done?: string; trouble?: string }): JSX.Element {
  return (
    <>
      <p class="done" role="status">
        {done ?? ""}
      </p>
      <div role="alert">{trouble ? <p class="warning">{trouble}</p> : null}</div>
    </>
  );
}

export interface Trying {
  busy: boolean;
  trouble: string;
  done: string;
  /** Does it, and says `done` afterwards, or the sentence that the work came to, or why it was not done. True if it was. */
  attempt(work: () => Promise<unknown>, done?: string): Promise<boolean>;
  say(done: string): void;
}

export function useTrying(): Trying {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const [done, setDone] = useState("");
  const attempt = async (work: () => Promise<unknown>, said = "") => {
    setBusy(true);
    setDone("");
    try {
      const came = await work();
      setTrouble("");
      setDone(said || (typeof came === "string" ? came : ""));
      return true;
    } catch (e) {
      setTrouble(sentence(e));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, trouble, done, attempt, say: setDone };
}

/** Calls `f` now and `everyS` seconds after each end, while the page is there. */
export function useEvery(f: () => Promise<void>, everyS: number, ...dependencies: unknown[]): void {
  const latest = useRef(f);
  latest.current = f;
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const run = async () => {
      await latest.current();
      if (!gone) timer = window.setTimeout(() => void run(), everyS * 1000);
    };
    void run();
    return () => {
      gone = true;
      window.clearTimeout(timer);
    };
  }, dependencies);
}

/** The time; the page is drawn anew each half second. */
export function useNow(now: () => number): number {
  const [, setAt] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => setAt(now()), 500);
    return () => window.clearInterval(timer);
  }, []);
  return now();
}
