/** What speaker's and host's pages share. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { loudness } from "../listen/view.ts";
import { c } from "../words/console.en.ts";
import type { Person } from "./api.ts";

export function Frame({ eyebrow, title, children }: { eyebrow?: string; title: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <header>
        <span class="mark">{c.app}</span>
      </header>
      <main>
        <div class="head">
          {eyebrow ? <p class="eyebrow">{eyebrow}</p> : null}
          <h1>{title}</h1>
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
      const to = loudness(latest.current() ?? undefined);
      shown = to > shown ? to : shown * 0.92;
      ref.current?.style.setProperty("--l", shown.toFixed(3));
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, []);
  return <i class="meter" ref={ref} {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })} />;
}

/** Taking someone's seat needs two presses, the second within a few seconds. */
function Remove({ name, onRemove }: { name: string; onRemove(): void }): JSX.Element {
  const [sure, setSure] = useState(false);
  useEffect(() => {
    const timer = sure ? window.setTimeout(() => setSure(false), 5000) : 0;
    return () => window.clearTimeout(timer);
  }, [sure]);
  return (
    <button
      type="button"
      class={sure ? "small danger" : "small"}
      aria-label={sure ? c.removeThemSure(name) : c.removeThem(name)}
      onClick={() => (sure ? onRemove() : setSure(true))}
    >
      {sure ? c.removeSure : c.remove}
    </button>
  );
}

export function People({ people, mine, figures, onMute, onRemove }: {
  people: Person[];
  mine: (p: Person) => boolean;
  figures: boolean;
  onMute?: (p: Person) => void;
  onRemove?: (p: Person) => void;
}): JSX.Element {
  return (
    <section>
      <h2>{c.people}</h2>
      {people.length === 0 ? <p class="quiet none">{c.alone}</p> : null}
      <ul class="people">
        {people.map((p) => (
          <li key={p.seat} class={p.muted ? "muted" : ""}>
            <b>
              {p.name || c.roles[p.role]}
              {mine(p) ? <small> ({c.you})</small> : null}
            </b>
            <span class="quiet">
              {[c.roles[p.role], p.muted ? c.muted : "", c.states[p.state] ?? ""].filter(Boolean).join(" · ")}
            </span>
            {onMute || onRemove ? (
              <div class="row">
                {onMute ? (
                  <button type="button" class="small" aria-label={p.muted ? c.unmuteThem(p.name) : c.muteThem(p.name)} onClick={() => onMute(p)}>
                    {p.muted ? c.unmute : c.mute}
                  </button>
                ) : null}
                {onRemove && !mine(p) ? <Remove name={p.name} onRemove={() => onRemove(p)} /> : null}
              </div>
            ) : null}
            <Meter level={() => (p.muted || p.state !== "here" ? null : p.level)} />
            {figures && (p.loss !== null || p.delay !== null) ? (
              <p class="figures quiet">
                {p.loss !== null ? <span>{`${c.loss} ${c.percent(p.loss)}`}</span> : null}
                {p.delay !== null ? <span>{`${c.delay} ${c.ms(p.delay)}`}</span> : null}
              </p>
            ) : null}
            {p.echo ? <p class="warning">{c.echo}</p> : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Copyable({ label, link }: { label: string; link: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const id = `link-${label.replaceAll(/\W+/g, "-")}`;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      // Not allowed without https: select it, so that the keyboard can copy.
      (document.getElementById(id) as HTMLInputElement).select();
      return;
    }
    setCopied(true);
    window.setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="copyable">
      <label for={id}>{label}</label>
      <input id={id} readOnly value={link} onFocus={(e) => e.currentTarget.select()} />
      <button type="button" class="small" onClick={copy} aria-label={`${c.copy}: ${label}`}>
        {copied ? c.copied : c.copy}
      </button>
    </div>
  );
}

/** Calls `f` now and `everyS` seconds after each end, while the page is there. */
export function useEvery(f: () => Promise<void>, everyS: number, ...dependencies: unknown[]): void {
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const run = async () => {
      await f();
      if (!gone) timer = window.setTimeout(run, everyS * 1000);
    };
    void run();
    return () => {
      gone = true;
      window.clearTimeout(timer);
    };
  }, dependencies);
}
