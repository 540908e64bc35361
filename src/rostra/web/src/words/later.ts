/** The words that are not needed until sound plays, and those of the front page, in the reader's language. */
import { deHome, deLater } from "./de.later.ts";
import { enHome, enLater, type HomeWords, type LaterWords } from "./en.ts";
import { language } from "./index.ts";

export const wLater: LaterWords = language === "de" ? deLater : enLater;
export const wHome: HomeWords = language === "de" ? deHome : enHome;
