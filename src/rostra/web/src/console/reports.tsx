/** What listeners report as abuse: of one room, or of all. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Paged, Report } from "./api.ts";
import { sentence } from "./door.ts";
import { since } from "./figures.ts";
import { Pager, Told, useCursors, useEvery } from "./parts.tsx";

const PAGE = 20;
const EVERY_S = 10;

export function Reports({ load, nowMs, named }: {
  load(limit: number, cursor: string): Promise<Paged<Report>>;
  nowMs: number;
  /** What a report is about, in words; empty: as it stands. */
  named(report: Report): string;
}): JSX.Element {
  const [page, setPage] = useState<Paged<Report> | null>(null);
  const [trouble, setTrouble] = useState("");
  const pages = useCursors();
  useEvery(async () => {
    try {
      setPage(await load(PAGE, pages.cursor));
      setTrouble("");
    } catch (e) {
      setTrouble(sentence(e));
    }
  }, EVERY_S, pages.cursor);
  return (
    <>
      <h2>{c.reports}</h2>
      <Told trouble={trouble} />
      {page?.items.length === 0 ? <p class="quiet">{c.noReports}</p> : null}
      <ul class="posts">
        {page?.items.map((report) => (
          <li key={report.id}>
            <span class="quiet">{[since(Date.parse(report.at), nowMs), named(report)].filter(Boolean).join(" · ")}</span>
            <p class="text">{report.said || c.saidNothing}</p>
          </li>
        ))}
      </ul>
      <Pager page={pages.page} next={!!page?.next} onPage={(step) => pages.go(step, page?.next ?? "")} />
    </>
  );
}
