import { start } from "./stage.tsx";

start();
