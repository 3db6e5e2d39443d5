import { el } from "../site/dom.js";
import { chart } from "./chart.js";
import { begin, formats, shown, timeText, words } from "./figures.js";
import { asked, blank, choice, grid, mark, say, toggle } from "./view.js";

const ACCURACY = "ndcg@10";
const TONES = { published: "good", refused: "mild", yielded: "plain", failed: "bad" };

/** Published models; a roll-back asks first. `activate(version, hold)` puts one into service. */
export function models(found, activate) {
  if (!found.length) return blank("No model is published yet.", "Until the first training, lists are of popular events.");
  const accuracy = ({ metrics }) => (metrics[ACCURACY] == null ? "–" : `${formats.decimal(metrics[ACCURACY])}${metrics[`${ACCURACY} error`] ? ` ± ${formats.decimal(metrics[`${ACCURACY} error`])}` : ""}`);
  const action = (model) => (model.is_current
    ? el("span", {}, mark(model.is_held ? "serves, held" : "serves", "good"))
    : el("button", { type: "button", "aria-label": `Activate ${model.version}`, onclick: () => rollBack(model, activate) }, "Activate"));
  return grid("Models", [
    ["Version", (model) => el("code", {}, model.version)],
    ["Service", action],
    ["Model", (model) => model.model],
    ["Trained", (model) => timeText(model.trained_at)],
    ["NDCG@10", accuracy, true],
    ["Coverage", (model) => shown(model.metrics.coverage, formats.percent), true],
    ["Interactions", (model) => shown(model.counts.interactions, formats.count), true],
    ["Size", (model) => `${model.size_mb.toFixed(1)} MB`, true],
  ], found);
}

async function rollBack(model, activate) {
  const text = `All lists will be by this model, trained ${timeText(model.trained_at)}, within half a minute.`;
  const question = { title: `Activate ${model.version}?`, text, confirm: "Activate", doing: "Activating…", parts: [toggle("hold", "Hold it: no training replaces it")] };
  if (await asked(question, (given) => activate(model.version, given.has("hold")))) say(`${model.version} serves now.`);
}

/** Trainings with their phases, price and accuracy. */
export function runs(found) {
  if (!found.length) return blank("There was no training yet.", "retrain runs once a day.");
  const phases = [...new Set(found.flatMap((run) => Object.keys(run.phases)))];
  const longest = Math.max(...found.map(seconds)) || 1;
  const key = el("ul", { class: "key" }, ...phases.map((name, place) => el("li", {}, el("i", { class: `swatch series-${(place % 9) + 1}` }), name)));
  const bar = (run) => el("span", { class: "phases", role: "img", "aria-label": Object.entries(run.phases).map(([name, taken]) => `${name} ${formats.seconds(taken)}`).join(", ") },
    ...phases.filter((name) => run.phases[name]).map((name) => {
      const part = el("i", { class: `series-${(phases.indexOf(name) % 9) + 1}`, title: `${name}: ${formats.seconds(run.phases[name])}` });
      part.style.inlineSize = `${(run.phases[name] / longest) * 100}%`;
      return part;
    }));
  return [key, grid("Trainings", [
    ["Scheduled", (run) => timeText(run.scheduled_at)],
    ["Decision", (run) => mark(run.decision, TONES[run.decision])],
    ["Time", (run) => formats.seconds(seconds(run)), true],
    ["Phases", bar],
    ["Price", (run) => formats.dollars(run.price_usd), true],
    ["Memory", (run) => `${formats.count(run.peak_memory_mb)} MB`, true],
    ["Accuracy", judged],
  ], found)];
}

const seconds = (run) => Object.values(run.phases).reduce((sum, each) => sum + each, 0);

function judged(run) {
  const best = Object.entries(run.metrics).filter(([, metrics]) => metrics[ACCURACY] != null).map(([name, metrics]) => `${name} ${formats.decimal(metrics[ACCURACY])}`);
  return el("details", {}, el("summary", {}, best[0] ? `NDCG@10: ${best[0]}` : "Reason"),
    el("dl", { class: "facts-list" },
      ...pair("NDCG@10 on the holdout", best.join(", ")), ...pair("Reason", run.reason), ...pair("Version", run.version),
      ...pair("Documents read", formats.count(run.reads)), ...pair("Rows", Object.entries(run.rows).map(([name, count]) => `${words(name)} ${formats.count(count)}`).join(", ")),
      ...pair("Drift", (run.drift.findings ?? []).map((finding) => `${words(finding.quantity)} ${finding.verdict} (${finding.detector} ${formats.decimal(finding.score)})`).join(", "))));
}

const pair = (term, text) => (text ? [el("dt", {}, term), el("dd", {}, text)] : []);

/** Bookings to come with their intervals, of all or of one series, and how earlier forecasts did. */
export function forecast(report, state, again) {
  const series = report?.forecast?.series ?? [];
  if (!series.length) return blank("There is no forecast yet.", "The first training of a week makes one.");
  const named = (each) => (each.kind === "all" ? "All bookings" : `${words(each.kind)}: ${each.name}`);
  const chosen = series.find((each) => named(each) === state.series) ?? series[0];
  const week = begin(report.forecast.week);
  const times = [-1, 0, 1, 2, 3].map((ahead) => week + ahead * 604_800);
  const lines = [{ label: "Expected bookings of the week", values: [null, ...chosen.mean], band: [[null, ...chosen.low], [null, ...chosen.high]] }, { label: "Counted", values: [chosen.last, null, null, null, null] }];
  const whole = (value) => value.toLocaleString(undefined, { maximumFractionDigits: 1 });
  const { intervals, bookings } = report.calibration;
  return [
    choice("Series", series.map((each) => [named(each), named(each)]), named(chosen), (name) => { state.series = name; again(); }),
    chart({ label: `${named(chosen)}, by weeks from their Monday`, times, lines, format: whole, height: 230 }),
    el("p", { class: "quiet" },
      `80 % intervals, made ${timeText(report.forecast.made_at)}. `,
      intervals?.share == null ? "No earlier forecast is judged yet." : `Of earlier intervals ${formats.percent(intervals.share)} held what came; ${formats.percent(intervals.expected)} should.`,
      bookings ? ` Last week: ${whole(bookings.forecast)} expected (${whole(bookings.low)} to ${whole(bookings.high)}), ${whole(bookings.counted)} counted.` : ""),
  ];
}

/** Documents that can never be used. */
export function deadLetters(found, report) {
  if (!found.length) return blank("There are no dead letters.", "Documents that can never be used would be here for 30 days.");
  const open = report?.operations.dead_letters?.open;
  return [
    open > found.length ? el("p", { class: "quiet" }, `The latest ${found.length} of ${formats.count(open)}.`) : null,
    grid("Dead letters", [
      ["Document", (letter) => el("code", { class: "break" }, `${letter.collection}/${letter.document_id}`)],
      ["Reason", (letter) => letter.reason],
      ["Put", (letter) => timeText(letter.put_at)],
    ], found),
  ];
}
