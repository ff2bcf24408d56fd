"""The chat on somebody else's page, in a real browser: small, strict, and no word is lost."""

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from bot import widget
from guidance.content import ROOT
from guidance.knowledge import Knowledge
from tests.conftest import Service

Pages = Callable[..., Page]
HOSTILE = """
* { all: unset !important; color: red !important; font-size: 40px !important; }
neuvo-chat, neuvo-chat * { display: none; transform: rotate(90deg) !important; direction: rtl !important; }
button { display: none !important; }
"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Site:
    """Another site than the service's, with a strict Content Security Policy and whatever page it is given."""

    def __init__(self, port: int) -> None:
        self.address = f"http://localhost:{port}"
        self.body, self.policy = "", ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                style = self.path == "/style.css"
                body = (HOSTILE if style else site.body).encode()
                self.send_response(200 if self.path in ("/", "/style.css") else 404)
                self.send_header("Content-Type", "text/css" if style else "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", site.policy)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def embeds(self, service: Service, attributes: str = "", head: str = "") -> None:
        """A page with the one line that the documentation gives."""
        body = "<main><h1>The city's page</h1></main>"
        self.policy = (
            f"default-src 'none'; script-src {service.address}; style-src 'self'; img-src 'self'; connect-src {service.address}"
        )
        script = f'<script src="{service.address}/widget.js" {attributes} defer></script>'
        self.body = f'<!doctype html><html lang="en"><head><title>City</title>{head}{script}</head><body>{body}</body></html>'


@pytest.fixture(scope="module")
def site(city_port: int) -> Iterator[Site]:
    made = Site(city_port)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages; none may have an error but those of a network that a test takes away."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note(text: str) -> None:
        if not re.search(r"ERR_|Failed to load resource|net::", text):
            errors.append(text)

    def make(width: int = 390, height: int = 800, **options: object) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, locale="en-GB", **options)
        contexts.append(context)
        context.on("page", watch)
        return context.new_page()

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: note(message.text) if message.type == "error" else None)

    yield make
    for context in contexts:
        context.close()
    assert errors == []


def write(page: Page, text: str) -> None:
    page.locator("#text").fill(text)
    page.keyboard.press("Enter")


def look(page: Page, state: str) -> None:
    page.wait_for_timeout(200)
    found = Axe().run(page, options={"runOnly": RULES})
    assert found.violations_count == 0, f"{state}\n{found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{state}: wider than the screen"


QUESTION = "How do I get a tax card?"


def test_it_is_small_enough_for_prepaid_data(known: Knowledge, service: Service) -> None:
    for language in known.service.languages:
        texts = httpx.get(f"{service.address}/api/texts/{language.code}").content
        assert widget.size(texts) <= widget.LIMIT, language.code


def test_one_line_puts_it_on_another_site_under_a_strict_policy(site: Site, browse: Pages, service: Service) -> None:
    site.embeds(service, 'data-language="en"')
    page = browse(1280)
    page.goto(site.address)
    page.locator("#launcher").click()
    expect(page.locator("#text")).to_be_focused()
    write(page, QUESTION)
    expect(page.locator(".message.answer")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("#launcher")).to_be_focused()
    look(page, "closed")


def test_an_answer_that_comes_while_it_is_closed_is_counted_on_its_button(site: Site, browse: Pages, service: Service) -> None:
    site.embeds(service, 'data-language="en"')
    page = browse(1280)
    page.goto(site.address)
    page.locator("#launcher").click()
    page.evaluate(f"""() => {{
        const chat = document.querySelector("neuvo-chat");
        chat.send({{ text: "{QUESTION}" }});
        chat.close();
    }}""")
    expect(page.locator("#launcher")).to_have_text("Advice on public services in Espoo (1)")
    page.locator("#launcher").click()
    page.locator("#close").click()
    expect(page.locator("#launcher")).to_have_text("Advice on public services in Espoo")


def test_the_page_does_not_change_it_and_it_does_not_change_the_page(site: Site, browse: Pages, service: Service) -> None:
    measure = """() => {
        const style = getComputedStyle(document.querySelector('neuvo-chat').shadowRoot.querySelector('#launcher'));
        return [style.color, style.fontSize, style.direction, style.display, style.backgroundColor];
    }"""
    page = browse(1280)
    site.embeds(service)
    page.goto(site.address)
    expect(page.locator("#launcher")).to_be_visible()
    calm = page.evaluate(measure)
    heading = "() => { const style = getComputedStyle(document.querySelector('h1')); return [style.fontSize, style.color]; }"
    with_it = page.evaluate(heading)
    site.embeds(service, head='<link rel="stylesheet" href="/style.css">')
    page.goto(site.address)
    expect(page.locator("#launcher")).to_have_count(1)
    assert page.evaluate(measure) == calm
    site.body = re.sub("<script.*?</script>", "", site.body.replace('<link rel="stylesheet" href="/style.css">', ""))
    page.goto(site.address)
    assert page.evaluate(heading) == with_it


def test_a_site_that_is_not_listed_gets_nothing(service: Service, site: Site) -> None:
    listed = httpx.options(
        f"{service.address}/api/conversations",
        headers={"Origin": site.address, "Access-Control-Request-Method": "POST"},
    )
    assert listed.headers["access-control-allow-origin"] == site.address
    other = httpx.post(f"{service.address}/api/conversations", json={}, headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in other.headers


def test_its_address_with_the_version_is_kept_for_a_year_and_the_other_asked_again(service: Service) -> None:
    fresh = httpx.get(f"{service.address}/widget.js")
    assert fresh.headers["content-encoding"] == "gzip"
    assert "max-age=300" in fresh.headers["cache-control"]
    again = httpx.get(f"{service.address}/widget.js", headers={"If-None-Match": fresh.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    kept = httpx.get(f"{service.address}/widget/{widget.version()}.js", headers={"Accept-Encoding": "identity"})
    assert kept.content == fresh.content == widget.script()
    assert "immutable" in kept.headers["cache-control"]
    assert httpx.get(f"{service.address}/widget/0.js").status_code == 404


def test_the_first_screen_greets_in_all_languages_and_one_is_chosen_in_its_own_words(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    greetings = page.locator(".languages button")
    expect(greetings).to_have_count(24)
    page.locator(".languages button", has_text="سڵاو").click()
    expect(page.locator(".neuvo")).to_have_attribute("lang", "ckb")
    expect(page.locator(".neuvo")).to_have_attribute("dir", "rtl")
    page.reload()
    expect(page.locator(".neuvo")).to_have_attribute("lang", "ckb")


def test_what_was_written_without_a_network_arrives_once_and_in_order(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    write(page, QUESTION)
    expect(page.locator(".message.answer")).to_have_count(1)
    page.context.set_offline(True)
    for text in ("zero", "one", "two"):
        write(page, f"{text} day care")
    expect(page.locator(".message.pending")).to_have_count(3)
    expect(page.locator("#status")).to_contain_text("No connection")
    page.context.set_offline(False)
    expect(page.locator(".message.pending")).to_have_count(0, timeout=20000)
    said = [text for text in page.locator(".message.person p").all_inner_texts() if "day care" in text]
    assert said == ["zero day care", "one day care", "two day care"]
    assert json.loads(page.evaluate("localStorage.neuvo"))["unsent"] == []


def test_an_event_that_overtakes_the_acknowledgement_costs_no_message(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")

    def late(route: Route) -> None:
        response = route.fetch()
        page.wait_for_timeout(700)  # the stream is faster
        route.fulfill(response=response)

    page.route(re.compile(r"/messages$"), late)
    for text in ("tax card zero", "tax card one", "tax card two", "tax card three"):
        write(page, text)
    expect(page.locator(".message.person")).to_have_count(4, timeout=20000)
    expect(page.locator(".message.pending")).to_have_count(0, timeout=20000)
    said = page.locator(".message.person p").all_inner_texts()
    assert said == ["tax card zero", "tax card one", "tax card two", "tax card three"]
    page.unroute_all(behavior="ignoreErrors")


def test_messages_survive_a_reload_and_two_tabs_show_the_same(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    page.route(re.compile("/api/conversations"), lambda route: route.abort())
    write(page, QUESTION)
    expect(page.locator(".message.pending")).to_have_count(1)
    page.unroute(re.compile("/api/conversations"))
    page.reload()
    expect(page.locator(".message.answer")).to_have_count(1)
    other = page.context.new_page()
    other.goto(f"{service.address}/?language=en")
    expect(other.locator(".message.answer")).to_have_count(1)
    write(other, "What does day care cost?")
    expect(page.locator(".message.person")).to_have_count(2)
    expect(page.locator(".message.answer")).to_have_count(2)


def test_a_network_that_holds_streams_back_gets_the_same_by_long_poll(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    page.route(re.compile("/events$"), lambda route: None)  # never answered
    write(page, QUESTION)
    expect(page.locator(".message.answer")).to_have_count(1, timeout=20000)


def test_forget_me_says_what_it_means_and_erases_it(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    write(page, QUESTION)
    expect(page.locator(".message.answer")).to_have_count(1)
    opened = json.loads(page.evaluate("localStorage.neuvo"))["conversation"]
    page.locator("#menu summary").click()
    page.locator("#forget").click()
    expect(page.locator("#forget-what")).to_contain_text("It cannot be undone")
    page.locator("#forget-yes").click()
    expect(page.locator("#status")).to_have_text("Everything is erased.")
    expect(page.locator(".message.welcome")).to_have_count(1)
    assert page.evaluate("localStorage.neuvo") in (None, "")
    gone = httpx.get(
        f"{service.address}/api/conversations/{opened['id']}/messages", headers={"Authorization": f"Bearer {opened['token']}"}
    )
    assert gone.status_code == 404


def test_forget_me_erases_the_conversation_before_this_one_too(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    opened = []
    for _conversation in range(2):
        write(page, QUESTION)
        expect(page.locator(".message.answer")).to_have_count(1)
        opened.append(json.loads(page.evaluate("localStorage.neuvo"))["conversation"])
        page.locator("#menu summary").click()
        page.locator("#new").click()
        expect(page.locator(".message.welcome")).to_have_count(1)
    page.locator("#menu summary").click()
    page.locator("#forget").click()
    page.locator("#forget-yes").click()
    expect(page.locator("#status")).to_have_text("Everything is erased.")
    last = opened[-1]
    headers = {"Authorization": f"Bearer {last['token']}"}
    assert httpx.get(f"{service.address}/api/conversations/{last['id']}/messages", headers=headers).status_code == 404


def test_links_that_were_cut_short_and_addresses_are_shown(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    write(page, "Is https://www.kela.fi… or https://[x right? I live at Soukantie 4, Espoo, see https://www.kela.fi/main.")
    said = page.locator(".message.person p")
    expect(said).to_contain_text("https://www.kela.fi…")
    expect(said.locator("a").first).to_have_attribute("href", re.compile("openstreetmap.org/search.query=Soukantie%204"))
    expect(said.locator("a").last).to_have_attribute("href", "https://www.kela.fi/main")
    expect(page.locator(".message.pending")).to_have_count(0)


def test_what_is_not_sent_yet_is_shown_after_a_reload(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    page.route(re.compile("/api/conversations"), lambda route: route.abort())
    write(page, QUESTION)
    page.reload()
    expect(page.locator(".message.pending p")).to_have_text(QUESTION)
    page.unroute(re.compile("/api/conversations"))
    expect(page.locator(".message.answer")).to_have_count(1, timeout=20_000)
    expect(page.locator(".message.person")).to_have_count(1)


def test_a_shared_phone_keeps_nothing_and_the_quick_exit_leaves_at_once(site: Site, browse: Pages, service: Service) -> None:
    site.embeds(service, f'data-language="en" data-open data-exit="{site.address}/weather"')
    page = browse()
    page.goto("about:blank")
    page.goto(site.address)
    page.locator("#menu summary").click()
    page.locator("#shared").click()
    write(page, "my husband hits me")
    expect(page.locator(".message.urgent")).to_have_count(1)
    assert page.evaluate("localStorage.length") == 0
    page.locator("#exit").click()
    page.wait_for_url("**/weather")
    page.go_back()
    assert page.url == "about:blank"


def test_an_answer_is_short_first_and_can_be_rated_saved_and_shared(browse: Pages, service: Service) -> None:
    page = browse(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{service.address}/?language=en")
    write(page, QUESTION)
    card = page.locator(".message.answer")
    expect(card.locator(".more li").first).to_be_hidden()
    card.locator("summary", has_text="More").click()
    expect(card.locator(".more li").first).to_be_visible()
    expect(card.locator(".more a").first).to_have_attribute("rel", "noopener noreferrer")
    card.get_by_role("group").get_by_role("button", name="Yes").click()
    expect(card.get_by_role("status")).to_have_text("Thank you for telling us.")
    card.get_by_role("button", name="Share").click()
    expect(page.locator("#status")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(QUESTION)
    assert "https://" in copied
    assert "Talk to a person" not in copied
    page.locator("#menu summary").click()
    with page.expect_download() as saved:
        page.locator("#save").click()
    text = Path(saved.value.path()).read_text()
    assert QUESTION in text


def test_what_was_said_is_text_and_never_html(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    write(page, "<img src=x onerror=alert(1)> **tax card**")
    card = page.locator(".message.person")
    expect(card).to_have_count(1)
    expect(card.locator("p")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(card.locator("strong")).to_have_text("tax card")


def test_the_form_says_beside_the_field_what_is_wrong(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    write(page, "Please call me back")
    page.get_by_role("button", name="By phone").click()
    expect(page.locator("#text")).to_have_attribute("inputmode", "tel")
    write(page, "12345")
    expect(page.locator("#error")).to_contain_text("This is not a complete phone number")
    expect(page.locator("#text")).to_have_attribute("aria-invalid", "true")
    look(page, "form error")
    write(page, "040 123 4567")
    expect(page.locator("#error")).to_be_empty()
    expect(page.locator("#text")).to_have_attribute("aria-invalid", "false")


def test_the_page_is_told_what_happens_but_never_what_was_written(site: Site, browse: Pages, service: Service) -> None:
    site.embeds(service, 'data-language="en" data-topic="housing" data-colour="#ffe000" data-position="start"')
    page = browse(1280)
    page.goto(site.address)
    page.evaluate("""() => {
        window.told = [];
        for (const name of ['neuvo-opened', 'neuvo-message', 'neuvo-handoff'])
            addEventListener(name, ({ type, detail }) => window.told.push([type, detail]));
    }""")
    page.locator("#launcher").click()
    expect(page.locator(".message.choices")).to_have_count(1)
    told = page.evaluate("told")
    assert told[0] == ["neuvo-opened", {}]
    assert ["neuvo-message", {"author": "assistant", "type": "choices"}] in told
    write(page, "my husband hits me")
    expect(page.locator(".message.urgent")).to_have_count(1)
    assert "urgent" not in json.dumps(page.evaluate("told"))
    box = page.locator("#panel").bounding_box()
    assert box
    assert box["x"] < 100
    assert page.evaluate("getComputedStyle(document.querySelector('neuvo-chat')).getPropertyValue('--neuvo-on-main')") == "#000"


def test_without_scripts_there_is_a_phone_number_and_the_hours(service: Service) -> None:
    page = httpx.get(f"{service.address}/hours").text
    for word in ("040 636 8097", 'lang="ckb" dir="rtl"', "112", "Opening hours"):
        assert word in page
    for name in ("accessibility", "privacy"):
        for language, word in (("fi", "luonnos"), ("sv", "utkast"), ("en", "draft")):
            assert word in httpx.get(f"{service.address}/{name}?language={language}").text


STATES = {
    "phone, English": {"language": "en"},
    "phone, Sorani": {"language": "ckb"},
    "desktop, Finnish": {"language": "fi", "width": 1280},
    "dark": {"language": "en", "color_scheme": "dark"},
    "320 pixels": {"language": "fi", "width": 320, "height": 568},
    "200 % zoom": {"language": "en", "width": 640, "height": 400},
    "reduced motion": {"language": "ckb", "reduced_motion": "reduce"},
}


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_in_any_state(browse: Pages, service: Service, state: str) -> None:
    options = dict(STATES[state])
    language = str(options.pop("language"))
    page = browse(**options)
    page.goto(f"{service.address}/?language={language}")
    expect(page.locator(".message.welcome")).to_have_count(1)
    look(page, "first screen")
    write(page, {"en": QUESTION, "fi": "Mistä saan verokortin?", "ckb": "چۆن کارتی باج وەربگرم؟"}[language])
    expect(page.locator(".message.answer")).to_have_count(1)
    page.evaluate("""() => document.querySelector('neuvo-chat').shadowRoot.querySelectorAll('.message details')
        .forEach((part) => { part.open = true; })""")
    look(page, "answer")
    page.locator("#topics").click()
    look(page, "topics")
    page.locator("#menu summary").click()
    look(page, "menu")
    page.locator("#forget").click()
    look(page, "forget me")
    write(page, {"en": "there is a fire in our house", "fi": "talossa on tulipalo", "ckb": "ماڵەکەمان ئاگری گرتووە"}[language])
    expect(page.locator(".message.urgent")).to_have_count(1)
    look(page, "urgent")
    page.context.set_offline(True)
    write(page, "x")
    expect(page.locator(".message.pending")).to_have_count(1)
    look(page, "offline")


def test_the_types_that_the_sources_state_hold() -> None:
    checked = subprocess.run(["tsc", "-p", "bot/widget/tsconfig.json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_a_server_that_restarts_in_mid_conversation_costs_nothing(browse: Pages, service: Service) -> None:
    page = browse()
    page.goto(f"{service.address}/?language=en")
    write(page, QUESTION)
    expect(page.locator(".message.answer")).to_have_count(1)
    service.supervisor("stop", "bot")
    write(page, "What does day care cost?")
    expect(page.locator(".message.pending")).to_have_count(1)
    expect(page.locator("#status")).to_contain_text("No connection")
    service.supervisor("start", "bot")
    expect(page.locator(".message.answer")).to_have_count(2, timeout=60_000)
    expect(page.locator(".message.person")).to_have_count(2)
    service.wait_until_ready()
