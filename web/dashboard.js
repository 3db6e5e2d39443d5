import * as backend from "./backend.js";
import { experiments } from "./dashboard/experiments.js";
import { readable } from "./dashboard/figures.js";
import { alerts, breakdown, history, oddFields, tiles, trend } from "./dashboard/overview.js";
import { deadLetters, forecast, models, runs } from "./dashboard/records.js";
import { editor } from "./dashboard/rules.js";
import { filled, isOfAccount } from "./dashboard/view.js";
import { Marquee, MarqueeError } from "./marquee.js";
import { pressed } from "./site/busy.js";
import { byId, el } from "./site/dom.js";
import { explained } from "./site/failure.js";
import { guarded } from "./site/notice.js";

const DAY_MS = 86_400_000;
const RUNS = 14;
const LETTERS = 50;
const EXPERIMENTS = 20;
let account = null;
const marquee = new Marquee({ idToken: backend.idToken, appCheck: backend.appCheck, userId: () => account?.userId ?? null });
const state = { days: 14, metric: "ctr", dimension: "list", series: "" };
let reports = [];
let reported = null;

const post = (path, body) => marquee.call(path, { method: "POST", body });

/** Loads the reports of the period, and draws all that is made of them. */
async function loadReports() {
  const day = (ago) => new Date(Date.now() - ago * DAY_MS).toISOString().slice(0, 10);
  reported = marquee.report({ from: day(state.days - 1), to: day(0) }).then((found) => { reports = found.reports.map(readable); });
  const drawn = (id, draw) => filled(id, () => reported, () => draw(), loadReports);
  return Promise.all([
    drawn("alert-state", () => alerts(reports)),
    drawn("tiles", () => tiles(reports)),
    drawn("trend-body", drawTrend),
    drawn("breakdown-body", drawBreakdown),
    drawn("forecast-body", drawForecast),
    drawn("alerts-body", () => history(reports)),
    drawn("odd-body", () => oddFields(reports)),
  ]);
}

const redrawn = (id, draw) => async () => {
  await filled(id, async () => null, draw);
  byId(id).querySelector("select")?.focus();
};
const drawTrend = () => trend(reports, state, redrawn("trend-body", drawTrend));
const drawBreakdown = () => breakdown(reports, state, redrawn("breakdown-body", drawBreakdown));
const drawForecast = () => forecast(reports.at(-1), state, redrawn("forecast-body", drawForecast));

async function activate(version, hold) {
  await marquee.activate(version, { hold });
  await loadModels();
}

const loadModels = () => filled("models-body", () => marquee.models(), (found) => models(found.models, activate));

async function loadExperiments() {
  const analysed = ({ experiment_id: id }) => marquee.call(`/experiments/${encodeURIComponent(id)}`);
  const put = async (id, experiment) => {
    await marquee.call(`/experiments/${encodeURIComponent(id)}`, { method: "PUT", body: experiment });
    await loadExperiments();
  };
  const all = async () => Promise.all((await marquee.call("/experiments")).experiments.slice(0, EXPERIMENTS).map(analysed));
  return filled("experiments-body", all, (found) => experiments(found, { put }));
}

const calls = {
  save: (rules) => marquee.setRules(rules),
  preview: (rules, userId, limit) => post("/rules:preview", { rules, limit, ...(userId && { user_id: userId }) }),
};

const loadRules = () => filled("rules-body", () => marquee.rules(), (found) => editor(found, calls));

/** Loads dead letters, and the report that says how many there are in all, undefined where that fails. */
async function loadLetters() {
  const letters = marquee.call(`/dead-letters?limit=${LETTERS}`);
  const [{ dead_letters: found }, report] = await Promise.all([letters, reported.then(() => reports.at(-1), () => undefined)]);
  return { found, report };
}

/** Loads all but the rules, which somebody may be editing. Where nothing could be loaded, says so once. */
async function load(...others) {
  try {
    const errors = await Promise.all([
      ...others.map((other) => other()),
      loadReports(),
      loadModels(),
      loadExperiments(),
      filled("runs-body", () => marquee.call(`/runs?limit=${RUNS}`), (found) => runs(found.runs)),
      filled("letters-body", loadLetters, ({ found, report }) => deadLetters(found, report)),
    ]);
    if (errors.flat().every(Boolean)) close(errors.flat()[0]);
    else open();
  } catch (error) {
    close(error);
  }
}

/** Shows the dashboard; the keyboard's focus goes there from what stood in its place. */
function open() {
  const hadFocus = byId("gate").contains(document.activeElement);
  byId("gate").hidden = true;
  byId("page").hidden = false;
  if (hadFocus) byId("main").focus({ preventScroll: true });
}

/** Shows in place of the dashboard why it cannot be shown, and what to do. */
function close(error) {
  const hadFocus = byId("gate").contains(document.activeElement);
  const enter = ["Sign in", "Signing in…", guarded(async () => { if (await backend.signIn()) await show(); })];
  const again = ["Try again", "Trying again…", show];
  const { text, detail } = explained(error);
  const [title, advice, [words, doing, work]] = error.status === 403
    ? ["This account is not an admin's.", "The dashboard is for accounts with the claim admin: true. Somebody who may set claims of your Firebase project can give it to you.", enter]
    : isOfAccount(error)
      ? ["Sign in to see the dashboard.", "It is for admins.", enter]
      : ["The dashboard could not be loaded.", `${text} ${detail} (${error.message})`, again];
  const button = el("button", { type: "button", class: "main", onclick: pressed(doing, work) }, words);
  byId("page").hidden = true;
  byId("gate").replaceChildren(el("div", { class: "blank" }, el("h1", {}, title), el("p", { class: "quiet" }, advice), button));
  byId("gate").hidden = false;
  byId("spoken").textContent = `${title} ${advice}`;
  if (hadFocus) button.focus();
}

/** Shows the dashboard to admins. Others are told at once: each call that the API refuses would be an error in the console. */
async function show() {
  try {
    account = await backend.account();
    byId("who").replaceChildren(account ? `Signed in as ${account.name}` : "");
    if (await backend.isAdmin()) await load(loadRules);
    else close(refusal());
  } catch (error) {
    close(error);
  }
}

const refusal = () => (account
  ? new MarqueeError("expected an account with the claim admin: true", "forbidden", { status: 403 })
  : new MarqueeError("expected an account", "unauthenticated", { status: 401 }));

for (const input of document.querySelectorAll("input[name=days]")) {
  input.addEventListener("change", async () => {
    state.days = Number(input.value);
    await load();
    byId("spoken").textContent = `The last ${state.days} days.`;
  });
}
/** Marks the section that is being read in the list of sections. */
const reading = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    for (const link of document.querySelectorAll(".rail a")) link.toggleAttribute("data-read", link.hash === `#${target.id}`);
  }
}, { rootMargin: "-10% 0px -70% 0px" });
document.querySelectorAll(".parts > section").forEach((section) => reading.observe(section));

byId("refresh").addEventListener("click", pressed("Refreshing…", async () => {
  await load();
  byId("spoken").textContent = "Loaded anew.";
}));
await show();
byId("main").setAttribute("aria-busy", "false");
