// Charts by uPlot that follow the width of their place and the colours of the page, each with its numbers as a table.
import uPlot from "../vendor/uplot.js";
import { el } from "../site/dom.js";
import { dayText } from "./figures.js";

const SERIES = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"];
const charts = new Map();

/** Colour of a token of the stylesheet in the theme of now, which a canvas needs as a value. */
function colour(token, alpha = 1) {
  const probe = el("i", { hidden: true });
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return alpha === 1 ? found : found.replace(/^rgba?\(([^,]+),([^,]+),([^,)]+).*$/, `rgba($1,$2,$3,${alpha})`);
}

const resized = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const chart = charts.get(target);
    const width = Math.floor(contentRect.width);
    if (chart && width > 0 && chart.width !== width) chart.setSize({ width, height: chart.height });
  }
});

const redraws = new Set();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((redraw) => redraw()));

/** Draws into a place, and again in the colours of another theme, as long as the place is on the page. */
function mount(place, make) {
  const redraw = () => {
    if (!place.isConnected) {
      charts.get(place)?.destroy();
      charts.delete(place);
      redraws.delete(redraw);
      resized.unobserve(place);
      return;
    }
    charts.get(place)?.destroy();
    charts.set(place, make(Math.max(Math.floor(place.clientWidth), 40)));
  };
  redraws.add(redraw);
  resized.observe(place);
  requestAnimationFrame(redraw);
}

/** Small line without axes, for a tile; what it shows is told beside it. */
export function spark(values) {
  const place = el("div", { class: "spark", "aria-hidden": "true" });
  mount(place, (width) => {
    const line = { spanGaps: true, stroke: colour("--series-1"), width: 2, fill: colour("--series-1", 0.14), points: { show: values[1].filter((value) => value !== null).length < 2 } };
    const options = {
      width, height: 52, padding: [6, 3, 3, 3], legend: { show: false }, cursor: { show: false },
      axes: [{ show: false }, { show: false }], scales: { x: { time: false }, y: { range: around } }, series: [{}, line],
    };
    return new uPlot(options, values, place);
  });
  return place;
}

function around(_, low, high) {
  if (low == null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.15;
  return [low >= 0 ? Math.max(low - room, 0) : low - room, high + room];
}

/**
 * Chart of lines over days with axes, a key, a text that follows the pointer, and its numbers in a table.
 *
 * `lines` are `[{ label, values, band, dash }]`; `band`, `[low, high]`, is an interval around the line.
 */
export function chart({ label, times, lines, format, height = 260 }) {
  const place = el("div", { class: "plot" });
  const reading = el("p", { class: "reading", "aria-hidden": "true" }, "");
  const rest = latest(times, lines, format);
  reading.textContent = rest;
  mount(place, (width) => new uPlot(options({ width, height, lines, times, format, reading, rest }), [times, ...lines.flatMap((line) => [line.values, ...(line.band ?? [])])], place));
  const key = lines.length > 1 ? el("ul", { class: "key" }, ...lines.map((line, index) => el("li", {}, el("i", { class: `swatch series-${index + 1}` }), line.label))) : null;
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, el("span", { class: "quietly" }, `${label}. `), reading, key),
    el("div", { role: "img", "aria-label": `${label}. ${rest}. The numbers are in the table that follows.` }, place),
    table(label, times, lines, format),
  );
}

function latest(times, lines, format) {
  const last = times.findLastIndex((_, index) => lines.some((line) => line.values[index] != null));
  return last < 0 ? "No value" : told(times, lines, format, last);
}

function told(times, lines, format, index) {
  const values = lines
    .filter((line) => line.values[index] != null)
    .map((line) => {
      const band = line.band?.[0][index] != null ? ` (${format(line.band[0][index])} to ${format(line.band[1][index])})` : "";
      return `${lines.length > 1 ? `${line.label} ` : ""}${format(line.values[index])}${band}`;
    });
  return `${dayText(new Date(times[index] * 1_000).toISOString().slice(0, 10))}: ${values.join(", ") || "–"}`;
}

function options({ width, height, lines, times, format, reading, rest }) {
  const axis = { stroke: colour("--quiet"), font: "12px system-ui, sans-serif", grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const series = [{}];
  const bands = [];
  lines.forEach((line, index) => {
    const stroke = colour(SERIES[index % SERIES.length]);
    const isLone = line.values.filter((value) => value != null).length < 2;
    series.push({ label: line.label, stroke, width: 2.5, dash: line.dash, spanGaps: true, points: { show: isLone || times.length <= 31, size: 6, fill: stroke } });
    if (line.band) {
      const at = series.length;
      const edge = { stroke: "transparent", points: { show: false } };
      series.push(edge, edge);
      bands.push({ series: [at + 1, at], fill: colour(SERIES[index % SERIES.length], 0.18) });
    }
  });
  const dates = (_, splits) => splits.map((time) => new Date(time * 1_000).toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" }));
  return {
    width, height, series, bands, padding: [10, 26, 0, 0], legend: { show: false }, tzDate: (time) => uPlot.tzDate(new Date(time * 1_000), "Etc/UTC"),
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
    scales: { x: { range: (_, low, high) => (low === high ? [low - 86_400, high + 86_400] : [low, high]) }, y: { range: around } },
    axes: [
      { ...axis, values: dates, space: 64, size: 34, incrs: [86_400, 172_800, 604_800, 1_209_600] },
      { ...axis, values: (_, splits) => splits.map((value) => format(value)), size: 64 },
    ],
    hooks: { setCursor: [(plot) => { reading.textContent = plot.cursor.idx == null ? rest : told(times, lines, format, plot.cursor.idx); }] },
  };
}

function table(label, times, lines, format) {
  const cell = (value) => el("td", {}, value == null ? "–" : format(value));
  const heads = lines.flatMap((line) => [line.label, ...(line.band ? ["from", "to"] : [])]);
  const rows = times.map((time, index) =>
    el("tr", {}, el("th", { scope: "row" }, dayText(new Date(time * 1_000).toISOString().slice(0, 10))),
      ...lines.flatMap((line) => [cell(line.values[index]), ...(line.band ?? []).map((edge) => cell(edge[index]))])));
  return el(
    "details",
    { class: "numbers" },
    el("summary", {}, "Numbers"),
    el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Numbers: ${label}` },
      el("table", {}, el("caption", { class: "quietly" }, label), el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Day"), ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...rows))),
  );
}
