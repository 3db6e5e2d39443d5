"""Dashboard in a browser: the numbers that the store holds, rules, roll-backs, and who may look."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e import figures, stored
from tests.e2e.client import App, sign_in
from tests.e2e.examples import ANALYSIS, EXPERIMENT
from tests.e2e.hosted import Visit
from tests.e2e.site import DESK, PHONE, SMALL_TARGETS, TARGET_PX, Site, loaded
from tests.e2e.stored import Demo, Objects, manifests, objects_of, runs
from tools.emulators.programs import ROOT
from tools.emulators.suite import PROJECT

pytestmark = pytest.mark.e2e

PAGE: Final = "dashboard.html"
GUIDE: Final = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def url(simulated: Demo) -> str:
    return simulated.url


def opened(site: Site, **options: Any) -> Page:
    """Dashboard with all that it loads."""
    page = site.visit(PAGE, **options)
    expect(page.locator("#rules-body .columns")).to_be_visible()
    loaded(page)
    return page


def asked(page: Page, path: str, **given: Any) -> dict[str, Any]:
    """Answer of the demo's API."""
    answer = page.request.fetch(f"{page.url.rpartition('/')[0]}/api/v1{path}", **given)
    assert answer.ok, answer.text()
    found: dict[str, Any] = answer.json()
    return found


def shown_tiles(page: Page) -> dict[str, str]:
    """Values of the tiles by their headings."""
    headings, values = page.locator("#tiles h3").all_inner_texts(), page.locator("#tiles .value").all_inner_texts()
    return dict(zip(headings, values, strict=True))


def shown_rows(page: Page, table: str) -> list[dict[str, str]]:
    """Texts of the cells of a section's table by the headings of their columns."""
    headings = page.locator(f"{table} thead th").all_inner_texts()
    rows = page.locator(f"{table} tbody tr").all()
    return [dict(zip(headings, row.locator("th, td").all_inner_texts(), strict=True)) for row in rows]


def check_records(page: Page, objects: Objects) -> None:
    """Compare the models and the trainings of a dashboard with the objects of a bucket."""
    models, trainings = manifests(objects), runs(objects)
    rows = shown_rows(page, "#models")
    expected = [figures.model(version, manifest) for version, manifest in models.items()]
    assert [{name: row[name] for name in cells} for row, cells in zip(rows, expected, strict=True)] == expected
    serving = objects("models/current.json")["models/current.json"]["version"]
    assert [row["Version"] for row in rows if "serves" in row["Service"]] == [serving]
    rows = shown_rows(page, "#runs")
    expected = [figures.run(document) for document in trainings]
    assert [{name: row[name] for name in cells} for row, cells in zip(rows, expected, strict=True)] == expected
    bars = page.locator("#runs .phases").all()
    told = [set(str(bar.get_attribute("aria-label")).split(", ")) for bar in bars]
    assert told == [figures.phases(document) for document in trainings]
    longest = max(sum(document["phases"].values()) for document in trainings)
    for bar, document in zip(bars, trainings, strict=True):
        widths = [each["width"] for part in bar.locator("i").all() if (each := part.bounding_box())]
        box = bar.bounding_box()
        assert box is not None
        assert sum(widths) / box["width"] == pytest.approx(sum(document["phases"].values()) / longest, abs=0.05)


def test_the_dashboard_shows_the_numbers_that_the_store_holds(site: Site, simulated: Demo) -> None:
    page = opened(site, locale="en-GB")
    reports = stored.reports(simulated.objects)
    assert len(reports) >= 3
    values = shown_tiles(page)
    assert values == figures.tiles(reports)
    assert figures.NONE not in values.values()
    check_records(page, simulated.objects)
    for dimension in page.get_by_label("Dimension").locator("option").all():
        name = str(dimension.get_attribute("value"))
        page.get_by_label("Dimension").select_option(name)
        expected = figures.breakdown(reports, name)
        rows = shown_rows(page, "#breakdown-body > .scroll")
        told = {
            row["Name"].lower(): {heading: row[heading] for heading in ("Impressions", "CTR", "Bookings", "Conversion")}
            for row in rows
        }
        assert told == expected, name
        assert expected or name == "variant"
    for figure in figures.day(reports[-1]):
        page.get_by_label("Figure").select_option(label=figure)
        page.locator("#trend summary").click()
        days = page.locator("#trend tbody td").all_inner_texts()
        assert days == [figures.day(report)[figure] for report in reports], figure
    page.locator("#forecast summary").click()
    cells = [row.locator("td").all_inner_texts() for row in page.locator("#forecast tbody tr").all()]
    assert cells == figures.forecast(reports[-1])
    told_alerts = {(row["Alert"], row["State"]) for row in shown_rows(page, "#alerts")}
    assert told_alerts == figures.alerts(reports)
    told_odd = {(row["Field"], row["What was done"], row["Documents"]) for row in shown_rows(page, "#odd")}
    assert told_odd == figures.odd_fields(reports)
    letters = {row["Document"] for row in shown_rows(page, "#letters")}
    assert letters == {f"{where}/{key}" for where, key in simulated.rows("dead_letters", "collection, document_id")}
    assert letters
    assert page.locator("#forecast canvas").count() == 1
    page.get_by_label("90 days").check(force=True)
    loaded(page)
    assert shown_tiles(page) == values


def test_rules_are_previewed_before_they_are_saved(site: Site) -> None:
    page = opened(site)
    before = page.locator("#rules-body section").first.locator("li").all_inner_texts()
    third = page.locator("#rules-body section").nth(1).locator("li").nth(2)
    title = third.locator(".title").inner_text()
    third.get_by_role("button", name="Pin").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#rules-body .verdict")).to_contain_text("places change")
    expect(page.locator("#rules-body section").nth(1).locator("li").first).to_contain_text(title)
    expect(page.get_by_role("button", name=f"Pin {title}")).to_be_focused()
    assert asked(page, "/rules") == {}
    page.get_by_role("button", name="Save rules").click()
    expect(page.locator("#notice")).to_contain_text("The rules are saved")
    [pinned] = asked(page, "/rules")["pinned"]
    page.get_by_role("button", name="Refresh").click()
    loaded(page)
    expect(page.locator(".rules li")).to_contain_text(title)
    page.locator(".rules").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Save rules").click()
    expect(page.get_by_role("button", name="Save rules")).to_be_disabled()
    assert asked(page, "/rules") == {}
    assert pinned["event_id"]
    assert len(before) == 10


def test_a_roll_back_asks_first(site: Site) -> None:
    page = opened(site)
    newest, older = (model["version"] for model in asked(page, "/models")["models"][:2])
    button = page.get_by_role("button", name=f"Activate {older}")
    button.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(button).to_be_focused()
    assert asked(page, "/models")["models"][0]["is_current"]
    button.click()
    page.get_by_role("dialog").get_by_label("Hold it").uncheck(force=True)
    page.get_by_role("dialog").get_by_role("button", name="Activate").click()
    expect(page.locator("#notice")).to_contain_text(f"{older} serves now")
    expect(page.locator("#models tr").filter(has_text=older)).to_contain_text("serves")
    # Its button is gone, and the table has the focus in its place.
    expect(page.get_by_role("group", name="Models", exact=True)).to_be_focused()
    asked(page, f"/models/{newest}:activate", method="POST", data={})


def test_what_cannot_be_loaded_and_what_is_not_there_is_said(site: Site) -> None:
    page = opened(site)
    page.route("**/api/v1/report*", lambda route: _answered(route, {"from": "", "to": "", "reports": []}))
    page.route("**/api/v1/runs*", lambda route: _answered(route, {"detail": "the store rests", "status": 409}, 409))
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#tiles")).to_contain_text("There are no reports of these days.")
    expect(page.locator("#runs-body")).to_contain_text("the store rests")
    page.unroute("**/api/v1/runs*")
    page.locator("#runs-body").get_by_role("button", name="Try again").click()
    expect(page.locator("#runs-body table")).to_be_visible()
    page.unroute("**/api/v1/report*")
    page.route("**/api/v1/report*", lambda route: _answered(route, {"detail": "the store rests", "status": 409}, 409))
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#tiles")).to_contain_text("the store rests")
    page.unroute("**/api/v1/report*")
    page.locator("#tiles").get_by_role("button", name="Try again").click()
    expect(page.locator("#tiles .tile")).not_to_have_count(0)
    expect(page.locator("#trend-body canvas")).to_be_visible()
    site.forgive(page, "status of 409")


def test_the_count_of_dead_letters_does_not_depend_on_which_answer_is_first(site: Site) -> None:
    page = opened(site)
    letters = asked(page, "/dead-letters")["dead_letters"]
    assert len(letters) > 1
    page.route("**/api/v1/dead-letters*", lambda route: _answered(route, {"dead_letters": letters[:1]}))
    held: list[Route] = []
    page.route("**/api/v1/report*", lambda route: held.append(route))
    with page.expect_response("**/api/v1/dead-letters*"):
        page.reload()
    # What was answered is drawn by now, unless it waits for the report.
    expect(page.locator("#models-body table")).to_have_count(1)
    page.wait_for_timeout(200)
    for route in held:
        route.continue_()
    expect(page.locator("#letters-body")).to_contain_text(f"The latest 1 of {len(letters)}.")


@pytest.mark.parametrize(
    ("fault", "told", "button"),
    [
        ("offline", "There is no connection.", "Try again"),
        ("503", "The service does not answer at the moment.", "Try again"),
        ("401", "Sign in to see the dashboard.", "Sign in"),
        ("403", "This account is not an admin's.", "Sign in"),
    ],
)
def test_a_dashboard_that_cannot_start_says_why_and_what_to_do(site: Site, fault: str, told: str, button: str) -> None:
    page = site.browser.new_context().new_page()

    def fail(route: Route) -> None:
        if fault == "offline":
            route.abort()
        else:
            _answered(route, {"detail": "refused", "status": int(fault)}, int(fault))

    page.route("**/api/v1/**", fail)
    page.goto(f"{site.url}/{PAGE}")
    expect(page.locator("#gate")).to_contain_text(told, timeout=60_000)
    loaded(page)
    assert page.locator("#spoken").inner_text().startswith(page.locator("#gate h1").inner_text())
    expect(page.locator("#page")).to_be_hidden()
    control = page.locator("#gate").get_by_role("button")
    expect(control).to_have_text(button)
    if button == "Try again":
        control.click()
        expect(control).to_be_focused()
        expect(control).to_have_text(button)
        page.unroute("**/api/v1/**")
        control.click()
        expect(page.locator("#rules-body .columns")).to_be_visible(timeout=60_000)
        expect(page.locator("#gate")).to_be_hidden()
        expect(page.locator("#main")).to_be_focused()


_UNCONFIGURED: Final = (
    "export const account = await Promise.reject(new Error('no project')); export const idToken = null;"
)


@pytest.mark.parametrize(
    "module", ["dashboard/chart.js", "vendor/uplot.js", "marquee.js", "dashboard.js", "backend.js"]
)
def test_a_dashboard_whose_modules_do_not_come_says_so(site: Site, module: str) -> None:
    page = site.browser.new_context().new_page()
    page.route(f"**/{module}", lambda route: route.abort())
    page.goto(f"{site.url}/{PAGE}")
    expect(page.locator("#failure")).to_contain_text("This page could not be loaded")
    expect(page.locator("#page")).to_be_hidden()
    page.unroute(f"**/{module}")
    if module == "backend.js":
        # It comes, and cannot begin.
        script = {"content_type": "text/javascript", "body": _UNCONFIGURED}
        page.route(f"**/{module}", lambda route: route.fulfill(**script))
        page.reload()
        expect(page.locator("#failure")).to_contain_text("This page could not be loaded")
        page.unroute(f"**/{module}")
    page.locator("#failure").get_by_role("button", name="Try again").click()
    expect(page.locator("#rules-body .columns")).to_be_visible(timeout=60_000)
    expect(page.locator("#failure")).to_have_count(0)


def test_actions_are_under_way_until_they_are_over_and_keep_the_focus(site: Site) -> None:
    page = opened(site)
    page.route("**/api/v1/models/*", lambda route: _answered(route, {"detail": "the store rests"}, 409))
    activate = page.get_by_role("button", name="Activate").first
    activate.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Activate").click()
    expect(dialog.get_by_role("alert")).to_have_text("That did not work: the store rests")
    dialog.get_by_role("button", name="Cancel").click()
    expect(activate).to_be_focused()
    waiting: list[Route] = []
    page.route("**/api/v1/rules", lambda route: waiting.append(route))
    page.locator(".acts button").first.click()
    save = page.get_by_role("button", name="Save rules")
    save.focus()
    for _ in range(3):
        page.keyboard.press("Enter")
    expect(page.locator(".in-two .buttons .main")).to_have_text("Saving…")
    assert len(waiting) == 1
    _answered(waiting[0], {"detail": "google.api_core: 503"}, 409)
    expect(page.locator("#notice")).to_contain_text("The rules were not saved")
    expect(save).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".in-two .buttons .main")).to_have_text("Saving…")
    _answered(waiting[1], json.loads(waiting[1].request.post_data or ""))
    expect(page.locator("#notice")).to_contain_text("The rules are saved")
    expect(page.get_by_role("heading", name="In force after saving")).to_be_focused()
    page.route("**/api/v1/runs*", lambda route: _answered(route, {"detail": "the store rests"}, 409))
    refresh = page.get_by_role("button", name="Refresh")
    refresh.click()
    expect(page.locator("#runs-body")).to_contain_text("the store rests")
    expect(refresh).to_be_focused()
    page.unroute("**/api/v1/runs*")
    page.locator("#runs-body").get_by_role("button", name="Try again").click()
    expect(page.get_by_role("group", name="Trainings", exact=True)).to_be_focused()
    site.forgive(page, "status of 409")


def test_each_field_has_an_id_of_its_own_and_a_label(site: Site) -> None:
    page = opened(site)
    page.locator("#experiments summary").click()
    page.get_by_role("button", name="Activate").first.click()
    fields = page.evaluate(
        """[...document.querySelectorAll("input, select, textarea")]
          .map((node) => [node.id, node.labels.length, node.labels[0]?.htmlFor, node.labels[0]?.textContent.trim()])"""
    )
    ids = [each[0] for each in fields]
    assert len(fields) > 12
    assert all(ids)
    assert len(set(ids)) == len(ids)
    for field_id, n_labels, bound, text in fields:
        assert (n_labels, bound) == (1, field_id)
        assert text
    repeated = page.evaluate(
        "[...document.querySelectorAll('[id]')].map((node) => node.id).filter((id, n, all) => all.indexOf(id) !== n)"
    )
    assert repeated == []


def test_a_rule_whose_time_is_over_is_marked_and_none_is_added(site: Site) -> None:
    page = opened(site)
    over = {"event_id": "event_1", "strength": 1.0, "ends_at": "2020-01-01T00:00:00Z"}
    page.route("**/api/v1/rules", lambda route: _answered(route, {"boosted_events": [over]}))

    def preview(route: Route) -> None:
        # The API has no such rule in force, and would take it for a new one.
        body = json.loads(route.request.post_data or "")
        body["rules"]["boosted_events"] = [rule for rule in body["rules"]["boosted_events"] if rule != over]
        route.continue_(post_data=json.dumps(body))

    page.route("**/api/v1/rules:preview", preview)
    page.reload()
    loaded(page)
    expect(page.locator(".rules li")).to_contain_text("Over")
    expect(page.locator(".rules li")).to_contain_text("boost an event: it does nothing any more")
    page.get_by_role("combobox", name="Rule").select_option("boosted_events")
    page.locator("#rule-id").fill("event_2")
    page.get_by_label("Until").fill("2020-01-01T10:00")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".rules li")).to_have_count(1)
    assert "over" in page.get_by_label("Until").evaluate("(node) => node.validationMessage")
    page.get_by_label("Until").fill("2199-01-01T10:00")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".rules li")).to_have_count(2)


def test_a_report_that_lacks_its_sections_is_drawn(site: Site) -> None:
    page = opened(site)
    days = [
        {"format": 1, "day": day, "made_at": f"{day}T12:00:00Z", "is_closed": False}
        for day in ("2026-05-01", "2026-05-02")
    ]
    page.route("**/api/v1/report*", lambda route: _answered(route, {"from": "", "to": "", "reports": days}))
    page.get_by_role("button", name="Refresh").click()
    loaded(page)
    expect(page.locator("#tiles .tile")).not_to_have_count(0)
    expect(page.locator(".failed-part")).to_have_count(0)


BODIES: Final[tuple[tuple[str, str, dict[str, Any], str], ...]] = (
    ("models-body", "**/api/v1/models", {"models": []}, "No model is published yet."),
    ("runs-body", "**/api/v1/runs*", {"runs": []}, "There was no training yet."),
    ("forecast-body", "**/api/v1/report*", {"from": "", "to": "", "reports": []}, "There is no forecast yet."),
    ("letters-body", "**/api/v1/dead-letters*", {"dead_letters": []}, "There are no dead letters."),
)
"""Parts of the page: what they ask for, an answer without anything, and what they say of it."""


def test_parts_say_that_they_load_until_they_are_loaded(site: Site) -> None:
    page = opened(site)
    held: list[Route] = []
    for _, pattern, _, _ in BODIES:
        page.route(pattern, lambda route: held.append(route))
    page.reload()
    for part, _, _, _ in BODIES:
        body = page.locator(f"#{part}")
        expect(body.locator(".skeleton")).to_have_count(1)
        expect(body).to_have_attribute("aria-busy", "true")
        expect(body).to_contain_text("Loading")
    expect(page.locator("#experiments-body .skeleton")).to_have_count(0)
    for route in held:
        route.continue_()
    loaded(page)
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(page.locator("#models-body table")).to_have_count(1)


def test_parts_of_which_there_is_nothing_say_so(site: Site) -> None:
    page = opened(site)
    for _, pattern, answer, _ in BODIES:
        page.route(pattern, partial(_answered, body=answer))
    page.reload()
    loaded(page)
    for part, _, _, told in BODIES:
        expect(page.locator(f"#{part} .blank strong")).to_have_text(told)
        expect(page.locator(f"#{part} table, #{part} .skeleton")).to_have_count(0)
    expect(page.locator(".failed-part")).to_have_count(0)


def _answered(route: Route, body: object, status: int = 200) -> None:
    route.fulfill(status=status, body=json.dumps(body), content_type="application/json")


def test_a_running_experiment_is_shown_with_its_interval_and_stopped(site: Site) -> None:
    page = opened(site)
    sent: list[dict[str, Any]] = []
    page.route("**/api/v1/experiments", lambda route: _answered(route, {"experiments": [EXPERIMENT]}))

    def one(route: Route) -> None:
        if route.request.method == "PUT":
            sent.append(json.loads(route.request.post_data or ""))
        _answered(route, {**EXPERIMENT, "analysis": ANALYSIS})

    page.route("**/api/v1/experiments/*", one)
    page.get_by_role("button", name="Refresh").click()
    shown = page.locator("#experiments article")
    expect(shown).to_contain_text("diverse is better")
    expect(shown).to_contain_text("+11.3 % (+4.1 % to unbounded)")
    page.get_by_role("button", name="Stop diverse-lists").click()
    assert sent == []
    page.get_by_role("dialog").get_by_role("button", name="Stop it").click()
    expect(page.locator("#notice")).to_contain_text("ends in a minute")
    [stored] = sent
    assert datetime.fromisoformat(stored.pop("ends_at")) < datetime.now(UTC) + timedelta(minutes=2)
    assert stored == {name: EXPERIMENT[name] for name in EXPERIMENT if name not in ("experiment_id", "ends_at")}


def test_an_experiment_begins_as_the_form_says_once_it_is_confirmed(site: Site, simulated: Demo) -> None:
    page = opened(site)
    page.locator("#experiments summary").click()
    form = page.get_by_role("form", name="Begin an experiment")
    form.get_by_label("Id of the experiment").fill("by-popularity")
    form.get_by_label("Change").select_option("popularity")
    form.get_by_label("Metric that decides").select_option("conversion")
    form.get_by_label("Days").fill("7")
    # Few users, so that other tests see lists as before.
    form.get_by_label("Share of users").fill("1")
    begin, dialog = form.get_by_role("button", name="Begin"), page.get_by_role("dialog")
    begin.click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(begin).to_be_focused()
    assert simulated.rows("experiments", "document") == []
    begin.click()
    expect(dialog).to_contain_text("1.0 % of the users get lists as now, as many others: popular events only.")
    pressed_at = datetime.now(UTC)
    dialog.get_by_role("button", name="Begin").click()
    expect(page.locator("#notice")).to_contain_text("by-popularity begins in a minute.")
    [(name, text)] = simulated.rows("experiments", "experiment_id, document")
    document = json.loads(text)
    assert (name, document["metric"]) == ("by-popularity", "conversion")
    kept = [{key: arm[key] for key in ("name", "share", "model") if arm.get(key)} for arm in document["variants"]]
    assert kept == [{"name": "as-now", "share": 0.01}, {"name": "popularity", "share": 0.01, "model": "popularity"}]
    starts_at, ends_at = (datetime.fromisoformat(document[edge]) for edge in ("starts_at", "ends_at"))
    assert timedelta(seconds=50) < starts_at - pressed_at < timedelta(seconds=90)
    assert ends_at - starts_at == timedelta(days=7)
    shown = page.locator("#experiments article")
    expect(shown).to_contain_text("by-popularity")
    expect(shown).to_contain_text("to come")
    expect(shown).to_contain_text("as-now 1.0 %, popularity 1.0 %")
    # To the page, it has begun.
    later = starts_at + timedelta(minutes=1)
    page.clock.set_fixed_time(later)
    page.get_by_role("button", name="Refresh").click()
    page.get_by_role("button", name="Stop by-popularity").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop it").click()
    expect(page.locator("#notice")).to_contain_text("by-popularity ends in a minute.")
    [(text,)] = simulated.rows("experiments", "document")
    stopped = json.loads(text)
    assert datetime.fromisoformat(stopped["ends_at"]) - later == timedelta(minutes=1)
    assert {**stopped, "ends_at": document["ends_at"]} == document
    page.clock.set_fixed_time(later + timedelta(minutes=2))
    page.get_by_role("button", name="Refresh").click()
    expect(shown).to_contain_text("over")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_dashboard_fits_and_its_targets_are_large(site: Site, size: tuple[int, int]) -> None:
    page = opened(site, size=size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate(SMALL_TARGETS.replace("LEAST", str(TARGET_PX - 0.5))) == []


def test_the_picture_of_the_documentation_shows_the_dashboard(site: Site, tmp_path: Path) -> None:
    page = opened(site, size=(1280, 860), reduced_motion="reduce", locale="en-GB")
    picture = Path(os.environ.get("MARQUEE_PICTURES", tmp_path)) / "dashboard.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000


def test_admins_alone_see_the_numbers_that_cloud_storage_holds(
    app: App, monitored: dict[str, Any], visit: Visit
) -> None:
    page, objects = visit.page, objects_of(app.suite)
    asked: list[str] = []
    page.goto(f"{app.suite.hosting}/{PAGE}")
    # What the page before has noted may still be on its way.
    page.on("request", lambda sent: asked.append(sent.url) if re.search("/api/v1/(?!interactions)", sent.url) else None)
    page.reload()
    expect(page.locator("#gate")).to_contain_text("Sign in to see the dashboard.", timeout=60_000)
    sign_in(app.suite, visit.email.partition("@")[0])
    page.locator("#gate").get_by_role("button", name="Sign in").click()
    visit.enter("Sign in")
    expect(page.locator("#gate")).to_contain_text("This account is not an admin's.", timeout=60_000)
    expect(page.locator("#page")).to_be_hidden()
    assert asked == []
    [command] = re.findall(r"^GOOGLE_CLOUD_PROJECT=.*?EXAMPLE\.COM$", GUIDE, re.MULTILINE | re.DOTALL)
    command = command.replace("YOUR-PROJECT", PROJECT).replace("YOU@EXAMPLE.COM", visit.email)
    environ = {**os.environ, "FIREBASE_AUTH_EMULATOR_HOST": app.suite.auth.removeprefix("http://")}
    subprocess.run(["sh", "-c", command], cwd=ROOT, env=environ, check=True)
    page.reload()
    expect(page.locator("#rules-body .columns")).to_be_visible(timeout=60_000)
    loaded(page)
    assert asked
    reports = stored.reports(objects)
    assert shown_tiles(page) == figures.tiles(reports)
    check_records(page, objects)
    # In the first minutes of a day nothing of it is settled.
    if datetime.fromisoformat(monitored["until"]).date().isoformat() == reports[-1]["day"]:
        assert all(reports[-1]["feedback"][name] > 0 for name in ("impressions", "clicks", "bookings", "ratings"))
