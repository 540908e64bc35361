/** All that the listener's page does not need until sound plays; one file of its own. */
export { attachDetails } from "./details.ts";
export { Theatre } from "./theatre.ts";
