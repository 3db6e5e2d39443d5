import { watchCalls } from "./calls.js";
import { comparison } from "./comparison.js";
import { personas } from "./personas.js";

/** Adds what only the demo has: personas to look as, the comparison with what is popular, and the last calls. */
export function decorate() {
  watchCalls();
  comparison();
  personas();
}
