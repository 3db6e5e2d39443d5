// Figures of daily reports, `GET /api/v1/report`: pure functions without a document. docs/monitoring.md defines each.

const percent = (digits) => (value) => (value * 100).toLocaleString(undefined, { maximumFractionDigits: digits, minimumFractionDigits: digits }) + " %";
const number = (digits = 0) => (value) => value.toLocaleString(undefined, { maximumFractionDigits: digits, minimumFractionDigits: digits });

/** Text of a value in a format, a dash where there is none. */
export const shown = (value, format) => (value == null ? "–" : format(value));

export const formats = {
  percent: percent(1),
  count: number(),
  decimal: number(3),
  stars: (value) => `${number(2)(value)} ★`,
  milliseconds: (seconds) => `${number(seconds < 0.01 ? 1 : 0)(seconds * 1_000)} ms`,
  seconds: (value) => `${number(value < 10 ? 1 : 0)(value)} s`,
  dollars: (value) => `$${number(value < 0.01 ? 5 : 2)(value)}`,
};

/** Figures of a day by name: how to read one from a report, its format, and whether more of it is better. */
export const METRICS = {
  ctr: { label: "Click-through rate", short: "Click-through", of: (report) => report.feedback.ctr, format: formats.percent, better: 1, means: "clicked of shown" },
  conversion: { label: "Conversion", of: (report) => report.feedback.conversion, format: formats.percent, better: 1, means: "booked of shown" },
  stars: { label: "Satisfaction", of: (report) => report.feedback.stars, format: formats.stars, better: 1, means: "mean of ratings" },
  latency: { label: "Latency, p95", of: (report) => report.operations.lists?.latency_s?.p95, format: formats.milliseconds, better: -1, means: "of lists" },
  coverage: { label: "Coverage", of: (report) => report.feedback.coverage, format: formats.percent, better: 1, means: "shown of live events" },
  ndcg: { label: "NDCG@10", of: (report) => report.feedback.ndcg_at_10, format: formats.decimal, better: 1, means: "of lists with a hit" },
  impressions: { label: "Impressions", of: (report) => report.feedback.impressions, format: formats.count, better: 1, means: "users and events" },
  drift: { label: "Drifted quantities", of: (report) => report.model.drift?.drifted?.length, format: formats.count, better: -1, means: "by the last training" },
  price: { label: "Price", of: (report) => report.operations.price_usd, format: formats.dollars, better: -1, means: "of a day" },
};

const SECTIONS = ["feedback", "operations", "model", "forecast", "calibration"];

/** Report whose sections are all there, empty where it lacks one: a day may have had nothing to make it of. */
export const readable = (report) => ({
  ...report,
  ...Object.fromEntries(SECTIONS.map((name) => [name, report[name] ?? {}])),
  alerts: Array.isArray(report.alerts) ? report.alerts : [],
});

/** POSIX seconds of the beginning of a UTC day such as "2026-05-01". */
export const begin = (day) => Date.parse(`${day}T00:00:00Z`) / 1_000;

const DAY_S = 86_400;

/** Columns of a chart, `[seconds, values]`, of a metric over days; a day without a report is null. */
export function columns(reports, metric) {
  const known = new Map(reports.map((report) => [begin(report.day), metric.of(report) ?? null]));
  if (!known.size) return [[], []];
  const [first, last] = [Math.min(...known.keys()), Math.max(...known.keys())];
  const times = Array.from({ length: (last - first) / DAY_S + 1 }, (_, day) => first + day * DAY_S);
  return [times, times.map((time) => known.get(time) ?? null)];
}

/** Value of the last day that has one, that day, the mean of those before, and the change from that, relative to it. */
export function compared(reports, metric) {
  const known = reports.map((report) => ({ day: report.day, value: metric.of(report) ?? null })).filter(({ value }) => value !== null);
  const { value = null, day = null } = known.pop() ?? {};
  const mean = known.length ? known.reduce((sum, each) => sum + each.value, 0) / known.length : null;
  return { value, day, mean, change: mean ? value / mean - 1 : null };
}

const PARTS = ["impressions", "clicks", "bookings", "ratings", "lists", "hit_lists"];

/** Sums of figures over days: numbers are added, shares and means computed anew from their sums. */
export function summed(figures) {
  const sum = Object.fromEntries(PARTS.map((name) => [name, figures.reduce((total, each) => total + (each[name] ?? 0), 0)]));
  const weighted = (mean, weight) => figures.reduce((total, each) => total + (each[mean] ?? 0) * (each[weight] ?? 0), 0);
  const share = (part, whole) => (whole ? part / whole : null);
  return {
    ...sum,
    ctr: share(sum.clicks, sum.impressions),
    conversion: share(sum.bookings, sum.impressions),
    stars: share(weighted("stars", "ratings"), sum.ratings),
    ndcg_at_10: share(weighted("ndcg_at_10", "hit_lists"), sum.hit_lists),
  };
}

/** Figures of each name of a dimension, `list`, `model`, `segment`, `source` or `variant`, over days, most shown first. */
export function broken(reports, dimension) {
  const names = new Set(reports.flatMap((report) => Object.keys(report.feedback.by?.[dimension] ?? {})));
  return [...names]
    .map((name) => ({ name, ...summed(reports.map((report) => report.feedback.by?.[dimension]?.[name]).filter(Boolean)) }))
    .sort((one, other) => other.impressions - one.impressions || one.name.localeCompare(other.name));
}

/** Alerts of all days, each once, in its latest state, open ones first and then the latest. */
export function episodes(reports) {
  const latest = new Map(reports.flatMap((report) => report.alerts.map((alert) => [`${alert.alert} ${alert.since}`, alert])));
  return [...latest.values()].sort((one, other) => !!one.until - !!other.until || other.since.localeCompare(one.since));
}

/** Numbers of documents with odd values over days, `[{ collection, treatment, field, count }]`, the most first. */
export function odd(reports) {
  const counts = new Map();
  for (const report of reports) {
    for (const [name, count] of Object.entries(report.operations.odd_documents ?? {})) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return [...counts]
    .map(([name, count]) => {
      const [collection, treatment, ...field] = name.split(".");
      return { collection, treatment, field: field.join("."), count };
    })
    .sort((one, other) => other.count - one.count);
}

/** Change of each event in a list that replaces another: "new", places gained or lost, or 0; by event id. */
export function moves(before, after) {
  const place = new Map(before.map((item, index) => [item.event_id, index]));
  return new Map(after.map((item, index) => [item.event_id, place.has(item.event_id) ? place.get(item.event_id) - index : "new"]));
}

/** Day as people write it, such as "Sat 28 Nov"; days of reports are those of UTC. */
export const dayText = (day) => new Date(begin(day) * 1_000).toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });

/** Time as people write it, in the reader's own time zone. */
export const timeText = (time) => new Date(time).toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** Name such as "dead_letters" as people write it. */
export const words = (name) => {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
};
