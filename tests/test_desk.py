"""The advisors' desk, in a real browser, with people in real browsers on the other side."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import PASSWORD, Person, Service

People = Callable[..., Person]


@pytest.fixture(scope="module")
def staff(service: Service) -> Iterator[None]:
    """Three people with accounts; before and after these tests nobody waits and nobody is free."""
    service.nobody_waits()
    service.advisor("amina", "Amina", "fi,en,ckb")
    service.advisor("ben", "Ben", "en,sv")
    service.advisor("sofia", "Sofia", "fi", role="supervisor")
    yield
    service.everybody_away()
    service.nobody_waits()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages that have nothing in common, at a size and in a language, and sees to it that none has an error."""
    contexts, errors = [], []

    def make(width: int, locale: str) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 800}, locale=locale)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


def sign_in(page: Page, service: Service, login: str) -> None:
    page.goto(f"{service.address}/desk")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Free").click()
    expect(page.get_by_role("button", name="Free")).to_have_attribute("aria-pressed", "true")


WAITING = {"en": "You are in the queue", "fi": "Olet jonossa", "ckb": "لە نۆرە"}


@pytest.mark.parametrize(
    ("language", "question", "reply"),
    [
        ("en", "How do I get a tax card?", "Hello! Which year is it for?"),
        ("fi", "Mistä saan verokortin?", "Hei! Mitä vuotta varten tarvitset sen?"),
        ("ckb", "چۆن کارتی باج وەربگرم؟", "سڵاو، بۆ کام ساڵ پێویستتە؟"),
    ],
)
def test_from_a_question_to_an_advisor_and_back(
    open_page: Callable[..., Page], staff: None, service: Service, language: str, question: str, reply: str
) -> None:
    amina, ben, person = open_page(1280, "en-GB"), open_page(1280, "en-GB"), open_page(360, "en-GB")
    sign_in(amina, service, "amina")
    sign_in(ben, service, "ben")

    person.goto(f"{service.address}/?language={language}")
    person.locator("#text").fill(question)
    person.keyboard.press("Enter")
    expect(person.locator(".message.answer")).to_have_count(1)
    person.locator("#person").click()
    expect(person.locator("#place")).to_contain_text(WAITING[language])

    # It appears at both desks by itself, and the tab counts.
    row = amina.locator("#queue ol li")
    expect(row).to_have_count(1)
    expect(amina).to_have_title("(1) The advisors' desk – Neuvo")
    expect(ben.locator("#queue ol li button")).to_have_count(1)
    row.get_by_role("link").click()
    expect(amina.locator("#transcript")).to_contain_text(question)
    amina.get_by_role("button", name="Take this conversation").click()
    expect(amina.get_by_role("button", name="Hand back to the assistant")).to_be_visible()
    expect(ben.locator("#queue ol li button")).to_have_count(0)
    expect(person.locator(".message.system").last).to_contain_text("Amina")
    expect(person.locator("#place")).to_be_empty()

    # Replies both ways; the assistant is silent.
    amina.locator("form.reply textarea").first.fill(reply)
    amina.get_by_role("button", name="Send").click()
    expect(person.locator(".message.advisor p")).to_have_text(reply)
    person.locator("#text").fill("2027")
    person.keyboard.press("Enter")
    expect(amina.locator("#transcript .message.person").last).to_contain_text("2027")
    amina.locator("form.reply textarea").last.fill("Has two jobs")
    amina.get_by_role("button", name="Write the note").click()
    expect(amina.locator("#transcript .message.note")).to_contain_text("Has two jobs")

    # Ben takes over, with a note; then the assistant, who answers again.
    amina.get_by_label("Give to").select_option(label="Ben (en, sv)")
    amina.get_by_label("with this note").fill("Second job began in May")
    amina.get_by_role("button", name="Give", exact=True).click()
    ben.locator("#queue ul li").get_by_role("link").click()
    expect(ben.locator("#transcript .message.note").last).to_contain_text("Second job began in May")
    expect(person.locator(".message.system").last).to_contain_text("Ben")
    ben.get_by_role("button", name="Hand back to the assistant").click()
    expect(ben.locator("#main")).to_contain_text("Choose a conversation")
    answers = person.locator(".message.answer").count()
    person.locator("#text").fill(question)
    person.keyboard.press("Enter")
    expect(person.locator(".message.answer")).to_have_count(answers + 1)
    expect(person.locator(".message", has_text="Has two jobs")).to_have_count(0)


def test_a_ready_answer_goes_into_the_reply_and_a_reply_in_another_language_is_asked_about(
    open_page: Callable[..., Page], staff: None, service: Service, person: People
) -> None:
    amina, someone = open_page(1280, "en-GB"), person("fi", True)
    sign_in(amina, service, "amina")
    someone.press("/human_handoff")
    amina.locator("#queue ol li").get_by_role("button").click()
    amina.get_by_text("Ready answers").click()
    amina.get_by_label("Search").fill("tax card")
    amina.locator("#answers button", has_text="verokortin").first.click()
    reply = amina.locator("form.reply textarea").first
    expect(reply).to_have_value(re.compile("verokortti.*https://", re.DOTALL | re.IGNORECASE))
    reply.fill("Good morning, how can I help you with your tax card today?")
    amina.get_by_role("button", name="Send", exact=True).click()
    expect(amina.get_by_role("alert")).to_contain_text("this seems to be in English")
    assert [message for message in someone.messages() if message["author"] == "advisor"] == []
    amina.get_by_role("button", name="Send anyway").click()
    expect(amina.locator("#transcript .message.advisor")).to_contain_text("Good morning")
    amina.get_by_role("button", name="End the conversation").click()
    expect(amina.locator("#main")).to_contain_text("Choose a conversation")


def test_who_waits_can_leave_and_an_emergency_is_seen_by_the_advisor(
    open_page: Callable[..., Page], staff: None, service: Service, person: People
) -> None:
    amina = open_page(900, "en-GB")
    sign_in(amina, service, "amina")
    someone = person("en")
    replies = someone.press("/human_handoff")
    assert [reply["type"] for reply in replies] == ["handoff", "notice"]
    assert replies[-1]["choices"][0]["payload"] == "queue:leave"
    state = someone.client.get(someone.path).json()["state"]
    assert (state["mode"], state["place"]) == ("waiting", 1)
    (answer,) = someone.say("How do I get a tax card?")
    assert answer["type"] == "answer"
    expect(amina.locator("#queue ol li button")).to_have_count(1)
    (left,) = someone.press("queue:leave")
    assert left["text"] == "You have left the queue."
    expect(amina.locator("#queue ol li button")).to_have_count(0)

    someone.press("/human_handoff")
    amina.locator("#queue ol li").get_by_role("button").click()
    expect(amina.get_by_role("button", name="Hand back to the assistant")).to_be_visible()
    number = someone.send("1")  # for the advisor, who may have asked how many: it selects none of the assistant's choices
    urgent = someone.say("help, my child swallowed pills and is unconscious")
    assert [reply["type"] for reply in urgent] == ["urgent"]
    assert [message for message in someone.messages() if message["reply_to"] == number] == []
    expect(amina.locator("#transcript .message.urgent")).to_contain_text("112")
    expect(amina.locator("#queue ul .danger")).to_be_visible()
    amina.get_by_role("button", name="End the conversation").click()
    expect(amina.locator("#main")).to_contain_text("Choose a conversation")
    assert someone.client.get(someone.path).json()["state"]["mode"] == "closed"


def test_nobody_free_is_said_and_nobody_is_put_in_a_queue(person: People, service: Service) -> None:
    service.everybody_away()
    someone = person("sv")
    (reply,) = someone.press("/human_handoff")
    assert "Ingen rådgivare är på plats just nu" in reply["text"]
    assert reply["choices"][0]["payload"] == "/request_callback"
    assert someone.client.get(someone.path).json()["state"]["mode"] == "bot"


class Seat:
    """Somebody at the desk, without a browser."""

    def __init__(self, service: Service, login: str) -> None:
        headers = {"Accept-Language": "en"}
        self._client = httpx.Client(base_url=f"{service.address}/desk", headers=headers, follow_redirects=True)
        self._client.post("/sign-in", data={"login": login, "password": PASSWORD})
        self._csrf = self.page("").partition('name="csrf" value="')[2].partition('"')[0]

    def page(self, path: str) -> str:
        return self._client.get(path).raise_for_status().text

    def press(self, path: str, **fields: str) -> httpx.Response:
        return self._client.post(path, data={**fields, "csrf": self._csrf})


@pytest.fixture
def seat(service: Service, staff: None) -> Iterator[Callable[[str], Seat]]:
    seats: list[Seat] = []

    def sit(login: str) -> Seat:
        seats.append(Seat(service, login))
        return seats[-1]

    yield sit
    for taken in seats:
        taken._client.close()


def test_a_call_back_is_taken_by_one_and_ends_with_an_outcome(seat: Callable[[str], Seat], person: People) -> None:
    someone = person("fi")
    someone.press("/request_callback")
    someone.press("callback:phone")
    someone.say("045 987 6543")
    someone.say("1")
    (times,) = someone.press("callback:no")
    (done,) = someone.press(times["choices"][0]["payload"])
    amina, ben = seat("amina"), seat("ben")
    page = amina.page("/call-backs")
    assert "+358459876543" in page
    reference = next(word for word in page.split() if word.startswith('action="/desk/call-backs/')).split("/")[3]
    assert reference in done["text"]
    amina.press(f"/call-backs/{reference}/take")
    ben.press(f"/call-backs/{reference}/take")
    ben.press(f"/call-backs/{reference}/end", outcome="reached")
    assert "Amina: wrong number or address" in amina.press(f"/call-backs/{reference}/end", outcome="wrong_contact").text


def test_a_supervisor_closes_the_desk_at_once_and_lifts_it(seat: Callable[[str], Seat], person: People) -> None:
    sofia, amina, someone = seat("sofia"), seat("amina"), person("en")
    today = {"date": datetime.now(ZoneInfo("Europe/Helsinki")).date().isoformat(), "start": "00:00", "end": "23:59"}
    assert amina.press("/hours/close", **today).status_code == 403
    assert "has to end after it starts" in sofia.press("/hours/close", **{**today, "start": "23:59"}).text
    closed = sofia.press("/hours/close", **today).text
    (reply,) = someone.press("/human_handoff")
    assert "No advisor is here right now" in reply["text"]
    assert not reply["open"]
    number = closed.partition('action="/desk/hours/')[2].partition("/")[0]
    sofia.press(f"/hours/{number}/lift")
    assert someone.press("/human_handoff")[0]["open"]


def test_a_wrong_answer_is_kept_once_with_what_was_asked(seat: Callable[[str], Seat], person: People, service: Service) -> None:
    amina, ben, someone = seat("amina"), seat("ben"), person("en")
    amina.press("/presence", presence="free")
    (answer,) = someone.say("How do I get a tax card for my second job?")
    someone.press("/human_handoff")
    amina.press(f"/conversations/{someone.id}/claim")
    for _press in range(2):
        amina.press(f"/conversations/{someone.id}/wrong/{answer['seq']}")
    for theirs in (f"/conversations/{someone.id}", f"/conversations/{someone.id}/transcript"):
        assert "not yours any more" in ben.page(theirs)
        assert "second job" not in ben.page(theirs)
    page = amina.page("/wrong-answers")
    assert page.count("How do I get a tax card for my second job?") == 1
    assert "studying_and_working/tax_card" in page
    amina.press(f"/conversations/{someone.id}/close")


def test_only_what_an_advisor_does_keeps_the_session_alive_and_only_an_answered_beat_the_presence(
    seat: Callable[[str], Seat], service: Service
) -> None:
    ben = seat("ben")
    ben.press("/presence", presence="free")
    service.nobody_seen_for_an_hour()
    done, open = service.last_seen()
    ben._client.get("/queue", headers={"HX-Request": "true"})  # as the page does by itself
    with ben._client.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as stream:
        assert "beat" in next(stream.iter_lines())
    assert service.last_seen() == (done, open)
    ben._client.get("/beat", headers={"HX-Request": "true"})
    assert service.last_seen()[0] == done
    assert service.last_seen()[1] > open
    ben.page("")
    assert service.last_seen()[0] > done


@pytest.mark.parametrize("path", ["", "/call-backs", "/hours", "/wrong-answers"])
def test_every_page_of_the_desk_answers_the_beat(
    open_page: Callable[..., Page], staff: None, service: Service, path: str
) -> None:
    amina = open_page(820, "en-GB")
    sign_in(amina, service, "amina")
    amina.goto(f"{service.address}/desk{path}")
    service.nobody_seen_for_an_hour()
    _done, an_hour_ago = service.last_seen()
    for _second in range(30):
        amina.wait_for_timeout(1000)
        if service.last_seen()[1] > an_hour_ago:
            break
    assert service.last_seen()[1] > an_hour_ago


def test_without_signing_in_or_with_another_sites_form_nothing_is_seen_or_changed(staff: None, service: Service) -> None:
    with httpx.Client(base_url=service.address) as client:
        for path in ("/desk", "/desk/queue", "/desk/conversations/x", "/desk/conversations/x/transcript", "/desk/events"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/desk/sign-in"), path
        refused = client.post("/desk/sign-in", data={"login": "ben", "password": "wrong"})
        assert refused.status_code == 401
        client.post("/desk/sign-in", data={"login": "ben", "password": PASSWORD})
        assert client.get("/desk").status_code == 200
        for path in ("presence", "language", "sign-out", "conversations/x/claim", "conversations/x/reply"):
            forged = client.post(f"/desk/{path}", data={"presence": "away", "language": "fi", "text": "x", "csrf": "guessed"})
            assert forged.status_code == 403, path
