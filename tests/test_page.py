"""The page at /, in a real browser: by keyboard, on a phone, right to left, after a reload."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Service

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport=PHONE, locale="en-GB")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    assert errors == []


def open_page(page: Page, service: Service, language: str = "en") -> None:
    page.goto(f"{service.address}/?language={language}")
    expect(page.locator("#log .choices button")).to_have_count(7)


def test_a_question_by_keyboard_gets_an_answer_with_links_and_choices(page: Page, service: Service) -> None:
    open_page(page, service)
    page.locator("#text").focus()
    page.keyboard.type("How do I find a rental home in Espoo?")
    page.keyboard.press("Enter")
    card = page.locator(".message.answer")
    expect(card.locator("h2").first).to_have_text("How do I find a rental home in Espoo?")
    card.locator("summary", has_text="More").click()
    expect(card.locator("a").first).to_have_attribute("href", "https://www.espoonasunnot.fi/en/applicants")
    card.locator(".choices button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".message.answer")).to_have_count(2)


def test_sorani_runs_right_to_left_and_numbers_stay_readable(page: Page, service: Service) -> None:
    open_page(page, service, "ckb")
    assert page.evaluate("document.documentElement.dir") == "rtl"
    page.locator("#person").click()
    said = page.locator(".message.handoff p")
    expect(said).to_contain_text("040 636 8097")
    # The number's first digit must be drawn to the left of its last one.
    left_of_last = said.evaluate(
        """(paragraph) => {
            const node = paragraph.firstChild, at = node.data.indexOf("040"), range = document.createRange();
            const x = (offset) => {
                range.setStart(node, offset);
                range.setEnd(node, offset + 1);
                return range.getBoundingClientRect().x;
            };
            return x(at) < x(at + 11);
        }"""
    )
    assert left_of_last


@pytest.mark.parametrize("language", ["en", "fi", "ckb"])
def test_nothing_is_wider_than_a_small_phone(page: Page, service: Service, language: str) -> None:
    page.set_viewport_size({"width": 320, "height": 568})
    open_page(page, service, language)
    page.locator("#topics").click()
    page.locator("#log .choices button").first.click()
    expect(page.locator(".message.choices")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_language_can_be_chosen_and_stays_chosen(page: Page, service: Service) -> None:
    open_page(page, service)
    page.locator("#language").select_option("ku")
    expect(page.locator("#person")).not_to_have_text("Talk to a person")
    page.locator("#log .choices button").first.click()
    expect(page.locator(".message.choices")).to_have_attribute("lang", "ku")


def test_the_conversation_is_there_after_a_reload(page: Page, service: Service) -> None:
    open_page(page, service)
    page.locator("#text").fill("How do I get a tax card?")
    page.locator("#send").click()
    expect(page.locator(".message.answer")).to_have_count(1)
    page.reload()
    expect(page.locator(".message.answer")).to_have_count(1)
    expect(page.locator(".message.person")).to_have_count(1)


def test_help_in_danger_is_announced_and_can_be_called(page: Page, service: Service) -> None:
    open_page(page, service)
    page.locator("#text").fill("help, there is a fire in our house")
    page.locator("#send").click()
    card = page.locator(".message.urgent")
    expect(card).to_have_attribute("role", "alert")
    expect(card.locator("a.number").first).to_have_attribute("href", "tel:112")


def test_what_people_write_is_shown_as_text(page: Page, service: Service) -> None:
    open_page(page, service)
    page.locator("#text").fill("<img src=x onerror=document.title='pwned'> hello")
    page.locator("#send").click()
    expect(page.locator(".message.person")).to_contain_text("<img src=x")
    assert page.title() != "pwned"
