import { watchCalls } from "./calls.js";
import { comparison } from "./comparison.js";
import { personas } from "./personas.js";

/**
 * Adds what only the demo has: personas to look as, the comparison with what is popular, and the last calls. Returns a
 * function that takes each call and failure of the page, see `watchCalls`.
 */
export function decorate() {
  comparison();
  personas();
  return watchCalls();
}
