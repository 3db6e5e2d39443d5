import { el } from "../site/dom.js";
import { watchCalls } from "./calls.js";
import { comparison } from "./comparison.js";
import { personas } from "./personas.js";

/** Adds what only the demo has: personas to look as, the comparison with what is popular, and the last calls. */
export async function decorate() {
  document.head.append(el("link", { rel: "stylesheet", href: "demo/demo.css" }));
  document.documentElement.classList.add("demo");
  watchCalls();
  comparison();
  await personas();
}
