import { el } from "../site/dom.js";
import { chart, spark } from "./chart.js";
import { METRICS, broken, columns, compared, dayText, episodes, formats, odd, shown, timeText, words } from "./figures.js";
import { blank, choice, grid, mark } from "./view.js";

const TILES = ["ctr", "conversion", "stars", "latency", "coverage"];
const DIMENSIONS = { list: "By list", model: "By model", segment: "By segment of users", source: "By source", variant: "By variant" };
const LINES = 5;

const NOTHING = blank("There are no reports of these days.", "monitor makes one each hour, a few minutes after the first requests of the day.");

/** Alerts that are open, or that there are none. */
export function alerts(reports) {
  const open = episodes(reports).filter((alert) => !alert.until);
  if (!reports.length) return null;
  if (!open.length) return el("p", { class: "banner good" }, el("span", { "aria-hidden": "true" }, "✓ "), "No alert is open.");
  return el("div", { class: "banner bad", role: "alert" },
    el("p", {}, el("strong", {}, open.length === 1 ? "One alert is open." : `${open.length} alerts are open.`)),
    el("ul", {}, ...open.map((alert) => el("li", {}, el("strong", {}, words(alert.alert)), ` ${measured(alert)}, since ${timeText(alert.since)}`))));
}

const plain = (value) => value.toLocaleString(undefined, { maximumFractionDigits: 2 });
const measured = ({ value, threshold, unit }) => `${plain(value)} ${unit}, threshold ${plain(threshold)}`;

/** Tiles of the last day: value, change from the mean of the days before, and the line of all. */
export function tiles(reports) {
  if (!reports.length) return NOTHING.cloneNode(true);
  const last = reports.at(-1);
  return el("div", { class: "tiles" }, ...TILES.map((name) => tile(reports, METRICS[name])), drift(reports), el("p", { class: "quiet wide-tile" },
    `${dayText(last.day)}, UTC${last.is_closed ? "" : ", so far"}; made at ${timeText(last.made_at)}. Changes are from the mean of the days before.`));
}

function tile(reports, metric) {
  const { value, day, change } = compared(reports, metric);
  const isLast = day === reports.at(-1).day;
  return el("article", { class: "tile" }, el("h3", {}, metric.short ?? metric.label), el("p", { class: "value" }, shown(value, metric.format)), isLast ? changed(change, metric.better) : null, isLast && change !== null ? null : el("p", { class: "quiet" }, isLast || !day ? metric.means : `of ${dayText(day)}`), spark(columns(reports, metric)));
}

function changed(change, better) {
  if (change === null) return null;
  const size = Math.abs(change);
  if (size < 0.005) return el("p", { class: "change" }, "as before");
  const tone = size < 0.05 ? "" : change * better > 0 ? "good" : "bad";
  return el("p", { class: `change ${tone}` }, el("span", { "aria-hidden": "true" }, change > 0 ? "▲ " : "▼ "), el("span", { class: "quietly" }, change > 0 ? "up " : "down "), formats.percent(size));
}

function drift(reports) {
  const model = reports.at(-1).model;
  const found = model.drift;
  const tone = { stable: "good", moved: "mild", drifted: "bad" }[found?.verdict] ?? "plain";
  return el("article", { class: "tile" }, el("h3", {}, "Drift"),
    el("p", { class: "value" }, found ? mark(words(found.verdict), tone) : "–"),
    el("p", { class: "quiet" }, found?.drifted?.length ? `of ${found.drifted.join(", ")}` : found ? "no quantity has drifted" : "no training has compared the data yet"),
    model.age_days == null ? null : el("p", { class: "quiet" }, `The model is ${model.age_days.toFixed(1)} days old.`));
}

/** Trend of one figure over the period. */
export function trend(reports, state, again) {
  if (!reports.length) return NOTHING.cloneNode(true);
  const metric = METRICS[state.metric];
  const [times, values] = columns(reports, metric);
  return [
    choice("Figure", Object.entries(METRICS).map(([name, { label }]) => [name, label]), state.metric, (name) => { state.metric = name; again(); }),
    chart({ label: metric.label, times, lines: [{ label: metric.label, values }], format: metric.format }),
  ];
}

/** Figures of the period by list, model, segment, source or variant, and the click-through rates of the largest. */
export function breakdown(reports, state, again) {
  const chooser = choice("Dimension", Object.entries(DIMENSIONS), state.dimension, (name) => { state.dimension = name; again(); });
  const rows = broken(reports, state.dimension);
  if (!rows.length) return [chooser, blank("Nobody was shown a list in these days.", "Lists count once users have seen them: send impressions with the id of the list.")];
  const most = Math.max(...rows.map((row) => row.ctr ?? 0)) || 1;
  const rate = (row) => el("span", { class: "bar" }, el("meter", { min: 0, max: most, value: row.ctr ?? 0, "aria-hidden": "true" }), shown(row.ctr, formats.percent));
  const table = grid(`${DIMENSIONS[state.dimension]}, sums of the period`, [
    ["Name", (row) => words(row.name)],
    ["Impressions", (row) => formats.count(row.impressions), true],
    ["CTR", rate, true],
    ["Bookings", (row) => formats.count(row.bookings), true],
    ["Conversion", (row) => shown(row.conversion, formats.percent), true],
    ["Stars", (row) => shown(row.stars, formats.stars), true],
    ["NDCG@10", (row) => shown(row.ndcg_at_10, formats.decimal), true],
  ], rows);
  const lines = rows.slice(0, LINES).map((row) => ({ label: words(row.name), row }));
  const of = (name) => ({ of: (report) => report.feedback.by?.[state.dimension]?.[name]?.ctr });
  const [times] = columns(reports, of(""));
  const drawn = lines.map(({ label, row }) => ({ label, values: columns(reports, of(row.name))[1] }));
  return [chooser, table, el("h3", {}, "Click-through rate by day"), chart({ label: `Click-through rate ${DIMENSIONS[state.dimension].toLowerCase()}`, times, lines: drawn, format: formats.percent, height: 220 })];
}

/** Alerts of the period. */
export function history(reports) {
  const found = episodes(reports);
  if (!found.length) return blank("No alert was raised in these days.");
  return grid("Alerts", [
    ["Alert", (alert) => words(alert.alert)],
    ["State", (alert) => (alert.until ? mark("closed") : mark("open", "bad"))],
    ["Since", (alert) => timeText(alert.since)],
    ["Until", (alert) => (alert.until ? timeText(alert.until) : "–")],
    ["When raised", measured],
  ], found);
}

/** Fields of documents with odd values, and what was done with them. */
export function oddFields(reports) {
  const rows = odd(reports);
  if (!rows.length) return blank("No odd values were found in these days.");
  return grid("Odd fields", [
    ["Field", (row) => (row.field ? el("code", {}, `${row.collection}.${row.field}`) : el("code", {}, row.collection))],
    ["What was done", (row) => words(row.treatment)],
    ["Documents", (row) => formats.count(row.count), true],
  ], rows);
}
