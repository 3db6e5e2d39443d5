"""Page of the API in a browser, at a desk and on a phone: navigation, search, commands of curl, nothing from afar."""

import pytest
from playwright.sync_api import Browser, Page, expect

from functions import contract
from tests.e2e.site import DESK, PHONE, watch
from tests.e2e.stored import Demo

pytestmark = pytest.mark.e2e

OPERATIONS = len(list(contract.contract().operations()))


def _opened(browser: Browser, city: Demo, size: tuple[int, int], problems: list[str]) -> Page:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    watch(page, (city.url,), problems.append)
    page.goto(f"{city.url}/api/v1/docs")
    expect(page.locator("rapi-doc").locator(".expanded-endpoint-body")).to_have_count(OPERATIONS)
    return page


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_shows_each_operation_with_curl_and_fits(browser: Browser, city: Demo, size: tuple[int, int]) -> None:
    problems: list[str] = []
    page = _opened(browser, city, size, problems)
    operations = page.locator("rapi-doc").locator(".expanded-endpoint-body")
    for number in range(OPERATIONS):
        expect(operations.nth(number)).to_contain_text("curl ")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert problems == []
    page.close()


def test_a_desk_has_navigation_and_a_search(browser: Browser, city: Demo) -> None:
    page = _opened(browser, city, DESK, [])
    entries = page.locator("rapi-doc").locator(".nav-bar-path:visible")
    expect(entries).to_have_count(OPERATIONS)
    page.locator("rapi-doc").get_by_placeholder("Filter").fill("trending")
    page.locator("rapi-doc").get_by_placeholder("Filter").press("Enter")
    expect(entries).to_have_count(1)
    entries.first.click()
    expect(page.locator("rapi-doc").locator("[id='get-/events/trending']")).to_be_in_viewport()
    page.close()


@pytest.mark.parametrize("words", ["interactions", "POST /interactions"])
def test_a_phone_has_a_search(browser: Browser, city: Demo, words: str) -> None:
    page = _opened(browser, city, PHONE, [])
    expect(page.locator("#operations option")).to_have_count(OPERATIONS)
    page.get_by_label("Find").fill(words)
    page.get_by_label("Find").press("Enter")
    expect(page.locator("rapi-doc").locator("[id='post-/interactions']")).to_be_in_viewport()
    page.close()
