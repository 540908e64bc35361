/** The sign over everything: on air or not. Told apart by words, shape and colour, in the tab and its icon too. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { airWords, iconOf, titleOf, type Air } from "./air.ts";

export interface AirSignProps {
  air: Air;
  joined: boolean;
  delayS: number;
  title: string;
  children?: ComponentChildren;
}

export function AirSign({ air, joined, delayS, title, children }: AirSignProps): JSX.Element {
  const [sign, says] = airWords(air, joined, delayS);
  useEffect(() => {
    document.title = titleOf(air, title);
    document.querySelector<HTMLLinkElement>("link[rel=icon]")!.href = iconOf(air);
  }, [air, title]);
  return (
    <section class="air" data-air={air} aria-label={c.airLabel}>
      <div class="sign">
        <i aria-hidden="true" />
        {/* Who is on stage hears it from their own place. */}
        <p {...(joined ? {} : { role: "status" })}>
          <b>{sign}</b> <span>{says}</span>
        </p>
      </div>
      {children}
    </section>
  );
}
