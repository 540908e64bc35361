import { en, enHome, enLater, type HomeWords, type LaterWords, type Words } from "./en.ts";

export const language: string = "en";
export const w: Words = en;
export const wLater: LaterWords = enLater;
export const wHome: HomeWords = enHome;
