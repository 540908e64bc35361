/** All that the listener's page does not need until sound plays, or while it waits for the doors; one file of its own. */
export { attachDetails } from "./details.ts";
export { playSilence } from "./silence.ts";
export { Theatre } from "./theatre.ts";
