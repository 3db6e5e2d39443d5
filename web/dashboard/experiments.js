import { el } from "../site/dom.js";
import { formats, shown, timeText, words } from "./figures.js";
import { asked, blank, choice, field, grid, mark, say } from "./view.js";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const METRICS = { ctr: "Click-through rate", conversion: "Conversion", bookings_per_user: "Bookings per user", stars: "Satisfaction" };
const TONES = { better: "good", worse: "bad", guardrail: "bad", mismatch: "bad" };
const signed = (value) => `${value > 0 ? "+" : ""}${formats.percent(value)}`;

/** Experiments with intervals and verdicts. `calls` are `{ put(id, experiment) }`, which stores one. */
export function experiments(found, calls, now = Date.now()) {
  const listed = [...found].sort((one, other) => other.starts_at.localeCompare(one.starts_at));
  return [
    listed.length ? el("div", { class: "stack" }, ...listed.map((each) => card(each, calls, now))) : blank("There was no experiment yet.", "Compare two ways of making lists on your own users: begin one below."),
    form(calls),
  ];
}

function card(experiment, calls, now) {
  const { experiment_id: id, analysis, starts_at: starts, ends_at: ends } = experiment;
  const state = Date.parse(starts) > now ? "to come" : Date.parse(ends) > now ? "running" : "over";
  const stop = state !== "running" ? null : el("button", { type: "button", class: "grave", "aria-label": `Stop ${id}`, onclick: () => halt(experiment, calls) }, "Stop");
  return el("article", { class: "experiment" },
    el("header", {}, el("h3", {}, id), mark(state, state === "running" ? "good" : "plain"), el("span", { class: "quiet" }, `${timeText(starts)} to ${timeText(ends)}`), stop),
    analysis ? judged(experiment, analysis) : el("p", { class: "quiet" }, `${experiment.variants.map(({ name, share }) => `${name} ${formats.percent(share)}`).join(", ")}. Figures come once its first day is over.`));
}

function judged({ variants, metric }, analysis) {
  const { verdict, comparisons, arms, guardrails, reach, day } = analysis;
  const decisive = comparisons.filter((each) => each.metric === metric);
  const widest = Math.max(0.01, ...decisive.flatMap(({ relative_low: low, relative_high: high }) => [low, high].filter((edge) => edge != null).map(Math.abs)));
  const broken = guardrails.filter((each) => each.is_broken);
  return el("div", { class: "stack" },
    el("p", { class: `banner ${TONES[verdict.kind] ?? "plain"}` }, verdict.text),
    el("ul", { class: "intervals" }, ...decisive.map((each) => el("li", {},
      el("span", {}, el("strong", {}, each.arm), ` against ${variants[0].name}, ${METRICS[metric].toLowerCase()}`),
      interval(each, widest),
      el("span", { class: "number" }, each.relative == null ? "unknown" : `${signed(each.relative)} (${edge(each.relative_low)} to ${edge(each.relative_high)})`)))),
    grid(`Arms after ${day}`, [
      ["Arm", (arm) => arm.name],
      ["Users", (arm) => formats.count(arm.users), true],
      ["Impressions", (arm) => formats.count(arm.impressions), true],
      ["CTR", (arm) => shown(arm.ctr, formats.percent), true],
      ["Conversion", (arm) => shown(arm.conversion, formats.percent), true],
      ["Bookings per user", (arm) => shown(arm.bookings_per_user, formats.decimal), true],
      ["Stars", (arm) => shown(arm.stars, formats.stars), true],
      ["Latency, p95", (arm) => shown(arm.latency_p95_s, formats.milliseconds), true],
    ], arms),
    broken.length ? el("ul", {}, ...broken.map((each) => el("li", {}, mark("guardrail", "bad"), ` ${each.arm}, ${words(each.guardrail)}: ${each.found}`))) : null,
    reach?.effect_at_end == null ? null : el("p", { class: "quiet" }, `At its end it can tell a change of ${formats.percent(reach.effect_at_end)}.${reach.day ? ` That of its plan it can tell from ${reach.day} on.` : ""}`));
}

const edge = (value) => (value == null ? "unbounded" : signed(value));

/** Interval around a difference on a scale from −widest to +widest, with the place of no difference. */
function interval({ relative, relative_low: low, relative_high: high }, widest) {
  const at = (value) => `${50 + (50 * Math.max(-widest, Math.min(widest, value))) / widest}%`;
  const range = el("i", { class: low > 0 ? "good" : high < 0 ? "bad" : "" });
  range.style.insetInlineStart = at(low ?? -widest);
  range.style.insetInlineEnd = `calc(100% - ${at(high ?? widest)})`;
  const point = el("b", { hidden: relative == null });
  point.style.insetInlineStart = at(relative ?? 0);
  return el("span", { class: "interval", "aria-hidden": "true" }, range, point);
}

async function halt(experiment, calls) {
  const { experiment_id: id, analysis: _, ...stored } = experiment;
  const text = "Everybody gets the lists of those who are in no experiment, within a minute. It cannot be begun again under this id.";
  const stop = () => calls.put(id, { ...stored, ends_at: new Date(Date.now() + MINUTE_MS).toISOString() });
  if (await asked({ title: `Stop ${id}?`, text, confirm: "Stop it", doing: "Stopping…" }, stop)) say(`${id} ends in a minute.`);
}

const CHANGES = { diversity: "More diverse lists", hand: "Weights set by hand", popularity: "Popular events only" };
const SETTINGS = { diversity: { diversity: 0.3 }, hand: { weights: "hand" }, popularity: { model: "popularity" } };

function form(calls) {
  const given = { change: "diversity", metric: "ctr" };
  const id = el("input", { class: "text", required: true, pattern: ".*\\S.*", maxlength: "128", autocomplete: "off", placeholder: "diverse-lists" });
  const days = el("input", { class: "text", type: "number", min: "1", max: "92", value: "28", required: true });
  const share = el("input", { class: "text", type: "number", min: "1", max: "50", value: "50", required: true });
  const begun = async (event) => {
    event.preventDefault();
    const name = id.value.trim();
    const part = Number(share.value) / 100;
    const planned = (start) => ({
      variants: [{ name: "as-now", share: part }, { name: given.change, share: part, ...SETTINGS[given.change] }],
      starts_at: new Date(start).toISOString(), ends_at: new Date(start + Number(days.value) * DAY_MS).toISOString(), metric: given.metric,
    });
    const text = `${formats.percent(part)} of the users get lists as now, as many others: ${CHANGES[given.change].toLowerCase()}. It begins in a minute.`;
    const begin = () => calls.put(name, planned(Date.now() + MINUTE_MS));
    if (await asked({ title: `Begin ${name}?`, text, confirm: "Begin", doing: "Beginning…" }, begin)) say(`${name} begins in a minute.`);
  };
  return el("details", {},
    el("summary", {}, "Begin an experiment"),
    el("form", { class: "adding", "aria-label": "Begin an experiment", onsubmit: begun },
      field("Id of the experiment", id), choice("Change", Object.entries(CHANGES), given.change, (name) => { given.change = name; }),
      choice("Metric that decides", Object.entries(METRICS), given.metric, (name) => { given.metric = name; }),
      field("Days", days), field("Share of users in each arm, %", share), el("button", { class: "main" }, "Begin…")));
}
