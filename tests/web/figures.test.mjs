// Figures of the dashboard, on Node's test runner.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { METRICS, begin, broken, columns, compared, episodes, moves, odd, readable, summed } from "../../web/dashboard/figures.js";

const report = (day, feedback = {}, others = {}) => ({ day, feedback, operations: {}, model: {}, alerts: [], ...others });

describe("figures of days", () => {
  it("leave days without a report empty", () => {
    const [times, values] = columns([report("2026-05-01", { ctr: 0.1 }), report("2026-05-04", { ctr: 0.2 })], METRICS.ctr);
    assert.deepEqual(times, ["2026-05-01", "2026-05-02", "2026-05-03", "2026-05-04"].map(begin));
    assert.deepEqual(values, [0.1, null, null, 0.2]);
    assert.deepEqual(columns([], METRICS.ctr), [[], []]);
  });

  it("compare the last day with the mean of those before that have a value", () => {
    const days = [report("2026-05-01", { ctr: 0.1 }), report("2026-05-02"), report("2026-05-03", { ctr: 0.3 }), report("2026-05-04", { ctr: 0.1 })];
    const { value, mean, change } = compared(days, METRICS.ctr);
    assert.equal(value, 0.1);
    assert.ok(Math.abs(mean - 0.2) < 1e-12);
    assert.ok(Math.abs(change + 0.5) < 1e-12);
    assert.deepEqual(compared(days.slice(0, 2), METRICS.ctr), { value: 0.1, day: "2026-05-01", mean: null, change: null });
    assert.equal(compared([], METRICS.latency).value, null);
  });

  it("are summed as numbers, and shares computed from the sums", () => {
    const found = summed([
      { impressions: 10, clicks: 5, bookings: 1, ratings: 1, stars: 5, hit_lists: 1, ndcg_at_10: 1 },
      { impressions: 30, clicks: 1, bookings: 1, ratings: 3, stars: 1, hit_lists: 0, ndcg_at_10: null },
    ]);
    assert.deepEqual([found.ctr, found.conversion, found.stars, found.ndcg_at_10], [6 / 40, 2 / 40, 2, 1]);
    assert.equal(summed([]).ctr, null);
  });

  it("are broken down by name, most shown first", () => {
    const of = (popular, similar) => ({ by: { list: { popular: { impressions: popular }, ...(similar && { similar: { impressions: similar } }) } } });
    const rows = broken([report("2026-05-01", of(1)), report("2026-05-02", of(2, 5)), report("2026-05-03")], "list");
    assert.deepEqual(rows.map(({ name, impressions }) => [name, impressions]), [["similar", 5], ["popular", 3]]);
  });
});

it("tells each alert once, in its latest state, open ones first", () => {
  const alert = (name, since, until) => ({ alert: name, since, until });
  const days = [
    report("2026-05-01", {}, { alerts: [alert("errors", "1", null)] }),
    report("2026-05-02", {}, { alerts: [alert("errors", "1", "2"), alert("drift", "0", null), alert("errors", "3", null)] }),
  ];
  assert.deepEqual(episodes(days).map(({ alert: name, since, until }) => [name, since, until]), [["errors", "3", null], ["drift", "0", null], ["errors", "1", "2"]]);
});

it("adds up documents with odd values", () => {
  const day = (counts) => report("2026-05-01", {}, { operations: { odd_documents: counts } });
  assert.deepEqual(odd([day({ "events.mended.place.lat": 1 }), day({ "events.mended.place.lat": 1, "events.hidden": 3 }), report("2026-05-03")]), [
    { collection: "events", treatment: "hidden", field: "", count: 3 },
    { collection: "events", treatment: "mended", field: "place.lat", count: 2 },
  ]);
});

it("says what moved in a list", () => {
  const list = (...ids) => ids.map((id) => ({ event_id: id }));
  assert.deepEqual([...moves(list("a", "b", "c"), list("c", "a", "d"))], [["c", 2], ["a", -1], ["d", "new"]]);
});

it("reads a report that lacks sections as one whose sections are empty", () => {
  const bare = readable({ day: "2026-05-01", feedback: null, alerts: "none" });
  assert.deepEqual([bare.feedback, bare.operations, bare.model, bare.alerts], [{}, {}, {}, []]);
  for (const metric of Object.values(METRICS)) assert.equal(compared([bare], metric).value, null);
  assert.deepEqual([odd([bare]), episodes([bare]), broken([bare], "list")], [[], [], []]);
});
