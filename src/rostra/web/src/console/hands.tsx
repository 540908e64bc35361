/**
 * Those who ask to speak: one page of them in the document, whether ten or ten thousand have their hand up.
 *
 * The page is asked for at most once in two seconds; whoever is answered goes at once, and the focus to the next.
 */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Api, Hand, HandSort, Paged } from "./api.ts";
import { sentence } from "./door.ts";
import { count, since } from "./figures.ts";
import { Field, Pager, Sure, Told, useCursors, useEvery, useTrying } from "./parts.tsx";

const PAGE = 20;
const EVERY_S = 2;
/** Typing is over when nothing was typed for so long. */
const TYPED_MS = 300;

export function Hands({ api, nowMs, onTotal }: { api: Api; nowMs: number; onTotal(total: number | null): void }): JSX.Element {
  const [typed, setTyped] = useState("");
  const [q, setQ] = useState("");
  const [sort, setSort] = useState<HandSort>("at");
  const [round, setRound] = useState(0);
  const pages = useCursors(q, sort, round);
  const [page, setPage] = useState<Paged<Hand> | null>(null);
  const [unheard, setUnheard] = useState("");
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const trying = useTrying();
  const list = useRef<HTMLUListElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const { cursor } = pages;

  useEffect(() => {
    const timer = window.setTimeout(() => setQ(typed.trim()), TYPED_MS);
    return () => window.clearTimeout(timer);
  }, [typed]);

  const asked = useRef("");
  asked.current = [q, sort, cursor].join("\n");
  const load = async () => {
    const mine = asked.current;
    try {
      const found = await api.hands(q, sort, PAGE, cursor);
      if (mine !== asked.current) return;
      setPage(found);
      setUnheard("");
      if (!q) onTotal(found.total);
    } catch (e) {
      setUnheard(sentence(e));
    }
  };
  useEvery(load, EVERY_S, api, q, sort, cursor);

  const shown = page?.items.filter((hand) => !gone.has(hand.ticket)) ?? [];
  useEffect(() => {
    // Those who were answered are remembered while the server may still name them.
    if (gone.size && page) setGone(new Set(page.items.map((h) => h.ticket).filter((ticket) => gone.has(ticket))));
  }, [page]);
  const answer = async (hand: Hand, how: "accept" | "decline") => {
    const at = shown.indexOf(hand);
    const done = await trying.attempt(() => api.answer(hand.ticket, how), how === "accept" ? c.accepted(hand.name) : c.declined(hand.name));
    if (!done) return;
    setGone((old) => new Set(old).add(hand.ticket));
    window.requestAnimationFrame(() => {
      const next = list.current?.querySelectorAll<HTMLElement>("li")[Math.min(at, shown.length - 2)];
      (next?.querySelector("button") ?? heading.current)?.focus();
    });
  };
  const lowerAll = async () => {
    if (!(await trying.attempt(api.lowerAll, c.allLowered))) return;
    setGone(new Set(shown.map((h) => h.ticket)));
    setRound(round + 1);
    heading.current?.focus();
  };
  const total = page?.total ?? null;
  return (
    <>
      <h2 ref={heading} tabIndex={-1}>
        {total === null ? c.hands : c.handsUp(total, count(total))}
      </h2>
      <div class="fields">
        <Field label={c.search}>
          {(ties) => <input {...ties} type="search" maxLength={60} value={typed} onInput={(e) => setTyped(e.currentTarget.value)} />}
        </Field>
        <Field label={c.sort}>
          {(ties) => (
            <select
              {...ties}
              value={sort}
              onChange={(e) => setSort(e.currentTarget.value as HandSort)}
            >
              <option value="at">{c.sortAt}</option>
              <option value="-at">{c.sortLast}</option>
              <option value="name">{c.sortName}</option>
            </select>
          )}
        </Field>
      </div>
      <Told done={trying.done} trouble={trying.trouble || unheard} />
      {page && shown.length === 0 ? <p class="quiet">{q ? c.noneFound : c.noHands}</p> : null}
      <ul class="hands" ref={list} aria-busy={page === null}>
        {shown.map((hand) => (
          <li key={hand.ticket}>
            <b>
              <bdi>{hand.name}</bdi>
            </b>
            <span class="quiet">{since(Date.parse(hand.at), nowMs)}</span>
            {hand.why ? <p>{hand.why}</p> : null}
            <div class="row">
              <button type="button" class="small strong" aria-label={c.acceptThem(hand.name)} onClick={() => void answer(hand, "accept")}>
                {c.accept}
              </button>
              <button type="button" class="small" aria-label={c.declineThem(hand.name)} onClick={() => void answer(hand, "decline")}>
                {c.decline}
              </button>
            </div>
          </li>
        ))}
      </ul>
      <Pager page={pages.page} next={!!page?.next} onPage={(step) => pages.go(step, page?.next ?? "")} />
      {shown.length ? <Sure label={c.lowerAll} question={c.lowerAllSure} yes={c.yesLowerAll} onYes={() => void lowerAll()} /> : null}
    </>
  );
}
