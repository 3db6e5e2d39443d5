import { pressed } from "../site/busy.js";
import { byId, el } from "../site/dom.js";
import { moves, timeText } from "./figures.js";
import { blank, choice, field, mark, say, told } from "./view.js";

const KINDS = {
  pinned: { label: "Pin an event", id: "event_id", tells: "on top of recommendations" },
  boosted_events: { label: "Boost an event", id: "event_id", hasStrength: true },
  boosted_organizers: { label: "Boost an organizer", id: "organizer_id", hasStrength: true },
  blocked_events: { label: "Block an event", tells: "in no list" },
  blocked_organizers: { label: "Block an organizer", tells: "no event of theirs in any list" },
};
const SHOWN = 10;
const PATIENCE_MS = 300;

/**
 * Editor of the business rules with a preview of what they do to a list.
 *
 * `calls` are `{ save(rules), preview(rules, userId, limit) }`; nothing is stored before it is saved.
 */
export function editor(stored, calls) {
  let [saved, rules] = [stored, structuredClone(stored)];
  let [timer, asking] = [0, 0];
  const titles = new Map();
  const entries = el("div", { class: "entries" });
  const result = el("div", { class: "preview", "aria-live": "polite" });
  const cap = el("input", { class: "text", type: "number", min: "1", max: "100", value: rules.max_per_organizer ?? "", placeholder: "no limit", onchange: () => change({ max_per_organizer: cap.value ? Number(cap.value) : undefined }) });
  const user = el("input", { class: "text", name: "user", placeholder: "somebody without a history", autocomplete: "off", oninput: () => soon() });
  const save = el("button", { type: "button", class: "main", onclick: pressed("Saving…", store) }, "Save rules");
  const discard = el("button", { type: "button", onclick: () => { rules = structuredClone(saved); cap.value = rules.max_per_organizer ?? ""; draw(); } }, "Discard changes");
  const heading = el("h3", { tabindex: "-1" }, "In force after saving");

  function change(parts) {
    rules = Object.fromEntries(Object.entries({ ...rules, ...parts }).filter(([, value]) => value !== undefined && !(Array.isArray(value) && !value.length)));
    draw();
  }

  function add(kind, targetId, { strength, ends } = {}) {
    const { id, hasStrength } = KINDS[kind];
    const others = (rules[kind] ?? []).filter((entry) => (id ? entry[id] : entry) !== targetId);
    change({ [kind]: [...others, id ? { [id]: targetId, ...(hasStrength && { strength: strength ?? 1 }), ...(ends && { ends_at: ends }) } : targetId] });
  }

  function draw() {
    const listed = Object.entries(KINDS).flatMap(([kind, about]) => (rules[kind] ?? []).map((entry, place) => row(kind, about, entry, place)));
    entries.replaceChildren(listed.length ? el("ul", { class: "rules" }, ...listed) : blank("No rule is in force.", "Lists are as the model ranks them. Add a rule below, or from an event of the preview."));
    const isChanged = JSON.stringify(rules) !== JSON.stringify(saved);
    // A disabled button would lose the keyboard's focus.
    if (!isChanged && [save, discard].includes(document.activeElement)) heading.focus({ preventScroll: true });
    save.disabled = discard.disabled = !isChanged;
    soon();
  }

  function row(kind, { label, id, tells }, entry, place) {
    const target = id ? entry[id] : entry;
    const isOver = entry.ends_at && Date.parse(entry.ends_at) <= Date.now();
    const details = [isOver && `${label.toLowerCase()}: it does nothing any more`, titles.get(target) && target, entry.strength != null && `by ${entry.strength} standard deviation${entry.strength === 1 ? "" : "s"}`, tells, entry.starts_at && `from ${timeText(entry.starts_at)}`, entry.ends_at && `until ${timeText(entry.ends_at)}`];
    const drop = () => {
      change({ [kind]: rules[kind].filter((_, other) => other !== place) });
      (entries.querySelector("button") ?? byId("rule-id")).focus();
    };
    return el("li", {}, isOver ? mark("Over") : mark(label.split(" ")[0], kind.startsWith("blocked") ? "bad" : "mild"),
      el("span", {}, el("strong", { dir: "auto" }, titles.get(target) ?? target), el("span", { class: "quiet" }, details.filter(Boolean).join(", "))),
      el("button", { type: "button", class: "bare", "aria-label": `Remove: ${label.toLowerCase()}, ${target}`, onclick: drop }, "Remove"));
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(preview, PATIENCE_MS);
  }

  async function preview() {
    const mine = ++asking;
    result.setAttribute("aria-busy", "true");
    try {
      const found = await calls.preview(rules, user.value.trim(), SHOWN);
      if (mine !== asking) return;
      for (const item of [...found.before, ...found.after]) titles.set(item.event_id, item.title);
      const focused = result.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
      result.replaceChildren(compared(found));
      if (focused) ([...result.querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === focused) ?? user).focus({ preventScroll: true });
    } catch (error) {
      if (mine === asking) result.replaceChildren(el("div", { class: "blank failed-part", role: "alert" }, el("p", {}, el("strong", {}, "There is no preview. "), told(error)), el("button", { type: "button", onclick: pressed("Trying again…", preview) }, "Try again")));
    } finally {
      if (mine === asking) result.removeAttribute("aria-busy");
    }
  }

  function compared({ before, after }) {
    const moved = moves(before, after);
    const gone = before.filter((item) => !moved.has(item.event_id));
    const changes = [...moved.values()].filter(Boolean).length + gone.length;
    return el("div", {},
      el("p", { class: "verdict" }, changes ? `${changes} of ${before.length} places change.` : "This list stays as it is."),
      el("div", { class: "columns" },
        el("section", {}, el("h4", {}, "Now"), el("ol", {}, ...before.map((item) => shownItem(item, moved.has(item.event_id) ? null : mark("leaves", "bad"))))),
        el("section", {}, el("h4", {}, "With these rules"), el("ol", {}, ...after.map((item) => shownItem(item, movement(moved.get(item.event_id)), actions(item)))))));
  }

  function actions(item) {
    const act = (kind, text) => el("button", { type: "button", class: "bare", "aria-label": `${text} ${item.title}`, onclick: () => { add(kind, item.event_id); say(`${text}: ${item.title}. Save the rules to put it into force.`); } }, text);
    return el("span", { class: "acts" }, act("pinned", "Pin"), act("boosted_events", "Boost"), act("blocked_events", "Block"));
  }

  async function store() {
    try {
      saved = await calls.save(rules);
      rules = structuredClone(saved);
      say("The rules are saved. All instances follow within a minute.");
      draw();
    } catch (error) {
      say(`The rules were not saved: ${told(error)}`);
    }
  }

  draw();
  return el("div", { class: "editor" },
    el("div", { class: "panel in-two" },
      el("div", { class: "stack" }, heading, entries, el("div", { class: "buttons" }, save, discard)),
      el("div", { class: "stack" }, el("h3", {}, "Change the rules"), form(add), field("Events of one organizer in a list, at most", cap))),
    el("div", { class: "panel" }, el("h3", {}, "Preview"), field("List of the user", user), result));
}

function shownItem(item, badge, acts) {
  return el("li", {}, el("span", { class: "title", dir: "auto" }, item.title), badge ?? el("span", {}), acts);
}

function movement(places) {
  if (places === "new") return mark("new", "good");
  if (!places) return null;
  return mark(places > 0 ? `▲ ${places}` : `▼ ${-places}`, places > 0 ? "good" : "mild");
}

function form(add) {
  let kind = "pinned";
  const target = el("input", { class: "text", id: "rule-id", required: true, pattern: ".*\\S.*", maxlength: "128", autocomplete: "off" });
  const strength = el("input", { class: "text", type: "number", required: true, disabled: true, min: "0", max: "10", step: "0.1", value: "1" });
  const ends = el("input", { class: "text", type: "datetime-local" });
  const strengthField = field("Strength, standard deviations", strength, { hidden: true });
  const endsField = field("Until (optional)", ends);
  const check = () => ends.setCustomValidity(KINDS[kind].id && ends.value && new Date(ends.value) <= Date.now() ? "This time is over: choose one to come." : "");
  ends.addEventListener("input", check);
  const chooser = choice("Rule", Object.entries(KINDS).map(([name, { label }]) => [name, label]), kind, (chosen) => {
    kind = chosen;
    strengthField.hidden = strength.disabled = !KINDS[kind].hasStrength;
    endsField.hidden = !KINDS[kind].id;
    check();
  });
  const submitted = (event) => {
    event.preventDefault();
    // Its time may have passed since it was typed.
    check();
    if (!event.target.reportValidity()) return;
    add(kind, target.value.trim(), { strength: Number(strength.value), ends: ends.value && new Date(ends.value).toISOString() });
    target.value = "";
    target.focus();
  };
  return el("form", { class: "adding", "aria-label": "Add a rule", onsubmit: submitted },
    chooser, field("Id", target), strengthField, endsField, el("button", {}, "Add"));
}
