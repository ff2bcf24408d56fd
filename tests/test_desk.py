"""The advisors' desk, in a real browser, with people in real browsers on the other side."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import PASSWORD, AtDesk, Person, Service

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


def sign_in(page: Page, service: Service, login: str, presence: str = "Free") -> None:
    page.goto(f"{service.address}/desk")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=presence).click()
    expect(page.get_by_role("button", name=presence)).to_have_attribute("aria-pressed", "true")


WAITING = {"en": "You are in the queue", "fi": "Olet jonossa", "ckb": "لە نۆرە"}
READ = {"en": "Read", "fi": "Luettu", "ckb": "خوێندرایەوە"}
THANKS = {"en": "Thank you", "fi": "Kiitos", "ckb": "سوپاس"}
QUESTIONS = {
    "en": ("How do I get a tax card?", "Hello! Which year is it for?"),
    "fi": ("Mistä saan verokortin?", "Hei! Mitä vuotta varten tarvitset sen?"),
    "ckb": ("چۆن کارتی باج وەربگرم؟", "سڵاو، بۆ کام ساڵ پێویستتە؟"),
}


def write(person: Page, text: str) -> None:
    person.locator("#text").fill(text)
    person.keyboard.press("Enter")


def in_queue(desk: Page, id: str) -> Locator:
    return desk.locator(f'#queue a[href$="{id}"]')


def test_two_advisors_and_three_people_from_a_question_to_a_rating(
    open_page: Callable[..., Page], staff: None, service: Service
) -> None:
    amina, ben = open_page(1280, "en-GB"), open_page(1280, "en-GB")
    sign_in(amina, service, "amina")
    sign_in(ben, service, "ben")
    people = {language: open_page(360, "en-GB") for language in QUESTIONS}
    ids = {}
    for language, person in people.items():
        person.goto(f"{service.address}/?language={language}")
        write(person, QUESTIONS[language][0])
        expect(person.locator(".message.answer")).to_have_count(1)
        person.locator("#person").click()
        expect(person.locator("#place")).to_contain_text(WAITING[language])
        ids[language] = person.evaluate("JSON.parse(localStorage.getItem('neuvo')).conversation.id")

    # They appear at both desks by themselves, and the tab counts; Ben sees first whom he understands.
    expect(amina.locator("#queue ol li")).to_have_count(3)
    expect(amina).to_have_title("(3) The advisors' desk – Neuvo")
    expect(ben.locator("#queue ol li a").first).to_have_attribute("href", f"/desk/conversations/{ids['en']}")

    for language, person in people.items():
        question, reply = QUESTIONS[language]
        in_queue(amina, ids[language]).click()
        expect(amina.locator("#transcript")).to_contain_text(question)
        amina.get_by_role("button", name="Take this conversation").click()
        expect(amina.get_by_role("button", name="Hand back to the assistant")).to_be_visible()
        expect(ben.locator(f'#queue form[action*="{ids[language]}"]')).to_have_count(0)
        expect(person.locator(".message.system").last).to_contain_text("Amina")
        expect(person.locator("#place")).to_be_empty()

        # Replies both ways, with who is writing and what was read; the assistant is silent.
        box = amina.locator("form.reply textarea").first
        box.press_sequentially(reply[:3])
        expect(person.locator("#status")).to_contain_text("Amina")
        box.fill(reply)
        amina.get_by_role("button", name="Send").click()
        expect(person.locator(".message.advisor p")).to_have_text(reply)
        expect(amina.locator("#state")).to_have_text("Your last reply: read")
        person.locator("#text").press_sequentially("202")
        expect(amina.locator("#state")).to_have_text("The person is writing …")
        write(person, "2027")
        expect(amina.locator("#transcript .message.person").last).to_contain_text("2027")
        expect(person.locator(".message.person .mark").last).to_have_text(READ[language])
        amina.locator("form.reply textarea").last.fill("Has two jobs")
        amina.get_by_role("button", name="Write the note").click()
        expect(amina.locator("#transcript .message.note")).to_contain_text("Has two jobs")

        # Ben takes over, with a note; then the assistant, who answers again.
        amina.get_by_label("Give to").select_option(label="Ben (en, sv)")
        amina.get_by_label("with this note").fill("Second job began in May")
        amina.get_by_role("button", name="Give", exact=True).click()
        in_queue(ben, ids[language]).click()
        expect(ben.locator("#transcript .message.note").last).to_contain_text("Second job began in May")
        expect(person.locator(".message.system").last).to_contain_text("Ben")
        ben.get_by_role("button", name="Hand back to the assistant").click()
        expect(ben.locator("#main")).to_contain_text("Choose a conversation")
        answers = person.locator(".message.answer").count()
        write(person, question)
        expect(person.locator(".message.answer")).to_have_count(answers + 1)

        # Once more to a person, who ends it; a rating and a comment.
        person.locator("#person").click()
        in_queue(ben, ids[language]).click()
        ben.get_by_role("button", name="Take this conversation").click()
        ben.get_by_role("button", name="End the conversation").click()
        person.locator(".message.system").last.locator(".choices button").first.click()  # good
        expect(person.locator(".message.system").last.locator(".choices button")).to_have_count(1)
        person.locator(".message.system").last.locator(".choices button").click()
        expect(person.locator(".message.system").last.locator(".choices button")).to_have_count(0)
        write(person, reply)
        expect(person.locator(".message").last).to_contain_text(THANKS[language])
        expect(person.locator(".message", has_text="Has two jobs")).to_have_count(0)

    sofia = open_page(1280, "en-GB")
    sign_in(sofia, service, "sofia", "Busy")
    sofia.get_by_role("link", name="Ratings").click()
    for _question, comment in QUESTIONS.values():
        expect(sofia.get_by_role("listitem").filter(has_text=comment)).to_contain_text("good · Ben")


def test_a_ready_answer_goes_into_the_reply_and_a_reply_in_another_language_is_asked_about(
    open_page: Callable[..., Page], staff: None, service: Service, person: People
) -> None:
    amina, someone = open_page(1280, "en-GB"), person("fi", True)
    sign_in(amina, service, "amina")
    someone.press("/human_handoff")
    amina.locator("#queue ol li").get_by_role("button").click()
    amina.get_by_text("Ready answers and phrases").click()
    amina.get_by_label("Search the answers").fill("tax card")
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


@pytest.fixture
def seat(service: Service, staff: None) -> Iterator[Callable[[str], AtDesk]]:
    """Seats advisors at the desk, without a browser; they are away until they say otherwise."""
    seats: list[AtDesk] = []

    def sit(login: str) -> AtDesk:
        seats.append(AtDesk(service, login, "away"))
        return seats[-1]

    yield sit
    for taken in seats:
        taken.client.close()


def test_a_call_back_is_taken_by_one_and_ends_with_an_outcome(seat: Callable[[str], AtDesk], person: People) -> None:
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
    (reference,) = [word for word in re.findall(r"/desk/call-backs/(\w+)/take", page) if word in done["text"]]
    amina.post(f"/call-backs/{reference}/take")
    ben.post(f"/call-backs/{reference}/take")
    ben.post(f"/call-backs/{reference}/end", outcome="reached")
    assert "Amina: wrong number or address" in amina.post(f"/call-backs/{reference}/end", outcome="wrong_contact")


def test_a_supervisor_closes_the_desk_at_once_and_lifts_it(seat: Callable[[str], AtDesk], person: People) -> None:
    sofia, amina, someone = seat("sofia"), seat("amina"), person("en")
    today = {"date": datetime.now(ZoneInfo("Europe/Helsinki")).date().isoformat(), "start": "00:00", "end": "23:59"}
    assert amina.client.post("/hours/close", data={"csrf": amina.csrf, **today}).status_code == 403
    assert "has to end after it starts" in sofia.post("/hours/close", **{**today, "start": "23:59"})
    closed = sofia.post("/hours/close", **today)
    (reply,) = someone.press("/human_handoff")
    assert "No advisor is here right now" in reply["text"]
    assert not reply["open"]
    number = closed.partition('action="/desk/hours/')[2].partition("/")[0]
    sofia.post(f"/hours/{number}/lift")
    assert someone.press("/human_handoff")[0]["open"]


def test_a_wrong_answer_is_kept_once_with_what_was_asked(seat: Callable[[str], AtDesk], person: People, service: Service) -> None:
    amina, ben, someone = seat("amina"), seat("ben"), person("en")
    amina.post("/presence", presence="free")
    (answer,) = someone.say("How do I get a tax card for my second job?")
    someone.press("/human_handoff")
    amina.post(f"/conversations/{someone.id}/claim")
    for _press in range(2):
        amina.post(f"/conversations/{someone.id}/wrong/{answer['seq']}")
    for theirs in (f"/conversations/{someone.id}", f"/conversations/{someone.id}/transcript"):
        assert "not yours any more" in ben.page(theirs)
        assert "second job" not in ben.page(theirs)
    page = amina.page("/wrong-answers")
    assert page.count("How do I get a tax card for my second job?") == 1
    assert "studying_and_working/tax_card" in page
    amina.post(f"/conversations/{someone.id}/close")


def test_only_what_an_advisor_does_keeps_the_session_alive_and_only_an_answered_beat_the_presence(
    seat: Callable[[str], AtDesk], service: Service
) -> None:
    ben = seat("ben")
    ben.post("/presence", presence="free")
    service.nobody_seen_for_an_hour()
    done, open = service.last_seen()
    ben.client.get("/queue", headers={"HX-Request": "true"})  # as the page does by itself
    with ben.client.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as stream:
        assert "beat" in next(stream.iter_lines())
    assert service.last_seen() == (done, open)
    ben.client.get("/beat", headers={"HX-Request": "true"})
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


def test_who_switched_it_on_hears_and_sees_that_somebody_waits(
    open_page: Callable[..., Page], staff: None, service: Service, person: People
) -> None:
    amina = open_page(1280, "en-GB")
    amina.context.grant_permissions(["notifications"])
    amina.add_init_script("""
        window.heard = 0; window.shown = [];
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function () { window.heard += 1; return start.apply(this, arguments); };
        window.Notification = class extends window.Notification {
            constructor(title, options) { super(title, options); window.shown.push(options.body); }
        };
    """)
    sign_in(amina, service, "amina")
    first = person("en", True)
    first.press("/human_handoff")
    expect(amina.locator("#queue ol li button")).to_have_count(1)
    assert amina.evaluate("[heard, shown.length]") == [0, 0]
    amina.get_by_role("button", name="Sound and notification").click()
    expect(amina.get_by_role("button", name="Sound and notification")).to_have_attribute("aria-pressed", "true")
    heard = amina.evaluate("heard")
    second = person("en", True)
    second.press("/human_handoff")
    expect(amina.locator("#queue ol li button")).to_have_count(2)
    for _tenth in range(50):  # wait_for_function would need an eval, which the page's policy forbids
        if amina.evaluate("shown.length"):
            break
        amina.wait_for_timeout(100)
    assert amina.evaluate("[heard, shown]") == [heard + 1, ["Somebody waits for an advisor."]]
    first.press("queue:leave")
    expect(amina.locator("#queue ol li button")).to_have_count(1)
    assert amina.evaluate("[heard, shown.length]") == [heard + 1, 1]  # that somebody left is no news
    second.press("queue:leave")


def test_an_advisor_is_not_told_of_what_happens_in_a_conversation_they_may_not_read(
    seat: Callable[[str], AtDesk], person: People
) -> None:
    ben, someone = seat("ben"), person("en")
    for path in ("/events?conversation=", "/conversations/"):
        refused = ben.client.get(f"{path}{someone.id}", follow_redirects=False)
        assert (refused.status_code, refused.headers["location"]) == (303, "/desk?problem=not-yours")


@pytest.mark.parametrize(("width", "locale"), [(1280, "en-GB"), (820, "fi-FI"), (400, "sv-FI")])
def test_axe_finds_nothing_on_any_page(
    open_page: Callable[..., Page], staff: None, service: Service, person: People, width: int, locale: str
) -> None:
    def look(page: Page) -> None:
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
        assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"

    service.nobody_waits()
    sofia = open_page(width, locale)
    sofia.goto(f"{service.address}/desk")
    look(sofia)
    sofia.locator("input[name=login]").fill("sofia")
    sofia.locator("input[name=password]").fill(PASSWORD)
    sofia.locator("button.main").click()
    sofia.locator("button[value=free]").click()
    look(sofia)
    first = person("ckb", True)
    first.say(QUESTIONS["ckb"][0])
    someone = person("ckb", True, earlier=first.token)
    for press in ("/human_handoff", "history:share"):
        someone.press(press)
    someone.say("هاوسەرەکەم لێم دەدات و دەترسم بچمەوە ماڵەوە")
    sofia.goto(f"{service.address}/desk/conversations/{someone.id}")
    look(sofia)
    sofia.locator("#main button.main").click()
    sofia.evaluate("document.querySelectorAll('#main details').forEach((part) => { part.open = true })")
    sofia.locator("form.reply textarea").first.fill("Good morning, how can I help you with your tax card today?")
    sofia.locator("form.reply button.main").first.click()
    expect(sofia.get_by_role("alert")).to_be_visible()
    sofia.wait_for_load_state()
    look(sofia)
    sofia.locator("form[action='/desk/training'] button").click()
    expect(sofia.locator("#transcript article")).to_have_count(3)
    look(sofia)
    for path in ("call-backs", "hours", "wrong-answers", "forgotten", "ratings"):
        sofia.goto(f"{service.address}/desk/{path}")
        look(sofia)


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
