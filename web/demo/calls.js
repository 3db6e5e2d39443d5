import { byId, el } from "../site/dom.js";
import { notify } from "../site/notice.js";

const SHOWN = 30;

/** Command of curl that repeats a call. */
export function curl({ method, url, body }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl", method === "GET" || (method === "POST" && body) ? "" : `-X ${method}`, quoted(new URL(url, location.href).href), body ? `-d ${quoted(body)}` : ""];
  return parts.filter(Boolean).join(" ");
}

/** Copies a command, or where the browser does not let the page, shows and selects it. */
async function copied(command) {
  try {
    await navigator.clipboard.writeText(command);
    notify("Copied.", { detail: command });
  } catch {
    notify("The browser does not let this page copy. The command is selected: copy it yourself.", { detail: command });
    getSelection().selectAllChildren(byId("notice").querySelector(".quiet"));
  }
}

/** Row of a failure that the page has explained: its technical reason. */
const reason = (error) => el("li", {}, el("b", { class: "method bad" }, "error"), el("code", { class: "bad", title: error.message }, error.message));

function row(call) {
  const copy = el("button", { type: "button", "aria-label": `Copy curl of ${call.method} ${call.path}` }, "Copy curl");
  copy.addEventListener("click", () => copied(curl(call)));
  return el(
    "li",
    {},
    el("b", { class: "method" }, call.method), el("code", { title: call.path }, call.path),
    el("span", { class: call.status < 400 ? "status" : "status bad" }, String(call.status || "no answer")),
    el("span", { class: "ms" }, `${call.ms < 10 ? call.ms.toFixed(1) : Math.round(call.ms)} ms`), copy,
  );
}

/**
 * Strip at the bottom of the page with the last calls of the API, their time, and a command that repeats each. Returns a
 * function that shows one more: `{ call }`, or `{ error }` for a failure that the page has explained.
 */
export function watchCalls() {
  const list = el("ol", {});
  const summary = el("summary", {}, el("span", {}, "API calls"), el("span", { class: "latest" }));
  document.body.append(el("aside", { class: "calls", "aria-label": "Calls of the API" }, el("details", {}, summary, list)));
  return ({ call, error }) => {
    const path = call && decodeURIComponent(call.path);
    list.prepend(call ? row({ ...call, path }) : reason(error));
    while (list.children.length > SHOWN) list.lastChild.remove();
    if (call) summary.lastChild.textContent = `${call.method} ${path.split("?")[0]} in ${Math.round(call.ms)} ms`;
  };
}
