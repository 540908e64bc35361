/** The words in the reader's language. English stands in the page; another language comes as a file of its own. */
import { en, type Words } from "./en.ts";

/** `?lang=` first, then what the browser prefers among the languages there are. */
export const language: "en" | "de" = (() => {
  const asked = new URLSearchParams(location.search).get("lang");
  for (const tag of [asked, ...navigator.languages]) {
    const short = tag?.slice(0, 2).toLowerCase();
    if (short === "en" || short === "de") return short;
  }
  return "en";
})();

export const w: Words = { ...en };

/** Resolves when `w` is in the reader's language; false when that cannot be had, and English stays. */
export const translated: Promise<boolean> =
  language === "de"
    ? import("./de.ts").then(
        ({ de }) => !!Object.assign(w, de),
        () => false,
      )
    : Promise.resolve(true);
