/** One panel at a time; the others are not in the page, so that they cost nothing. Keys as in the ARIA pattern of tabs. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";

export interface Tab {
  id: string;
  label: string;
  /** How many wait there; told with the label. */
  badge?: string;
  render(): JSX.Element;
}

export function Tabs({ label, tabs, at, onAt }: {
  label: string;
  tabs: Tab[];
  /** Which is open, where others decide it too. */
  at?: string;
  onAt?(id: string): void;
}): JSX.Element {
  const [own, setOwn] = useState(tabs[0]!.id);
  const [chosen, setChosen] = [at ?? own, onAt ?? setOwn];
  const list = useRef<HTMLDivElement>(null);
  const open = tabs.find((t) => t.id === chosen) ?? tabs[0]!;
  const move = (e: KeyboardEvent) => {
    const at = tabs.indexOf(open);
    const to: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    const next = to[e.key];
    if (next === undefined) return;
    e.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length]!;
    setChosen(tab.id);
    list.current?.querySelector<HTMLElement>(`#tab-${tab.id}`)?.focus();
  };
  return (
    <div class="tabs">
      <div role="tablist" aria-label={label} ref={list} onKeyDown={move}>
        {tabs.map((t) => (
          <button
            key={t.id}
            type="button"
            role="tab"
            id={`tab-${t.id}`}
            aria-selected={t === open}
            {...(t === open ? { "aria-controls": `panel-${t.id}` } : {})}
            tabIndex={t === open ? 0 : -1}
            onClick={() => setChosen(t.id)}
          >
            {t.label} {t.badge ? <span class="badge">{t.badge}</span> : null}
          </button>
        ))}
      </div>
      <section role="tabpanel" id={`panel-${open.id}`} aria-labelledby={`tab-${open.id}`} key={open.id}>
        {open.render()}
      </section>
    </div>
  );
}
