"""What happens to people between the assistant and the advisors when something goes wrong, ten times."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.conftest import AtDesk, Person, Service

People = Callable[..., Person]


@pytest.fixture(scope="module", autouse=True)
def accounts(service: Service) -> Iterator[None]:
    """Laura speaks Finnish and English, Miko English, and Saga supervises."""
    service.nobody_waits()
    service.advisor("laura", "Laura", "fi,en")
    service.advisor("miko", "Miko", "en")
    service.advisor("saga", "Saga", "fi,sv,en", role="supervisor")
    yield
    service.everybody_away()
    service.nobody_waits()


@pytest.fixture
def at_desk(service: Service) -> Iterator[Callable[..., AtDesk]]:
    """Signs advisors in; after the test nobody is free and nobody waits."""
    made: list[AtDesk] = []

    def make(login: str, presence: str = "free") -> AtDesk:
        made.append(AtDesk(service, login, presence))
        return made[-1]

    yield make
    for advisor in made:
        advisor.client.close()
    service.everybody_away()
    service.nobody_waits()


@pytest.fixture
def laura(at_desk: Callable[..., AtDesk]) -> AtDesk:
    return at_desk("laura")


def wait_for_an_advisor(someone: Person) -> Person:
    someone.press("/human_handoff")
    assert someone.state()["mode"] == "waiting"
    return someone


def test_the_tab_is_closed_while_waiting(person: People, laura: AtDesk, service: Service) -> None:
    """The place is kept, and what the advisor wrote is there when the tab is open again."""
    anna, later = wait_for_an_advisor(person("en", True)), wait_for_an_advisor(person("en", True))
    with httpx.stream("GET", f"{service.address}/api/conversations/{anna.id}/events", headers=dict(anna.client.headers)) as tab:
        assert "event: state" in next(tab.iter_text())
    assert laura.queue() == [anna.id, later.id]
    laura.act(anna, "claim")
    laura.act(anna, "reply", text="Hello, are you there?")
    told = [message["text"] for message in anna.messages()]
    assert told[-2:] == ["An advisor is here now: Laura. The advisor reads what you write.", "Hello, are you there?"]


def test_the_phones_battery_is_dead_in_mid_talk(person: People, laura: AtDesk) -> None:
    """The desk says what has not arrived; afterwards everything comes once and in order, in both directions."""
    anna = wait_for_an_advisor(person("en", True))
    laura.act(anna, "claim")
    seen = anna.messages()[-1]["seq"]
    anna.send("my phone is nearly", client_id="last words")
    for text in ("First, take the form.", "Then sign it."):
        laura.act(anna, "reply", text=text)
    assert "Your last reply: sent" in laura.page(f"/conversations/{anna.id}")
    anna.send("my phone is nearly", client_id="last words")  # it was never told that this had arrived
    after = anna.client.get(anna.path, params={"after": seen}).json()["messages"]
    assert [message["text"] for message in after] == ["my phone is nearly", "First, take the form.", "Then sign it."]
    anna.client.get(anna.path, params={"after": after[-1]["seq"]})
    assert "Your last reply: delivered" in laura.page(f"/conversations/{anna.id}")
    anna.client.post(f"/conversations/{anna.id}/read", json={"seq": after[-1]["seq"]})
    assert "Your last reply: read" in laura.page(f"/conversations/{anna.id}")
    assert anna.state()["read"] < after[0]["seq"]
    laura.act(anna, "seen", seq=str(after[0]["seq"]))
    assert anna.state()["read"] == after[0]["seq"]  # and anna sees that Laura has read her words


def test_the_advisors_laptop_is_shut(person: People, laura: AtDesk, at_desk: Callable[..., AtDesk], service: Service) -> None:
    """The person is told, is first in the queue again, and the supervisor sees it."""
    anna, later = wait_for_an_advisor(person("en", True)), wait_for_an_advisor(person("en", True))
    laura.act(anna, "claim")
    miko, saga = at_desk("miko"), at_desk("saga", "busy")
    service.be_away("Laura")
    anna.is_told("The advisor had to leave. You are first in the queue again.")
    assert miko.queue() == [anna.id, later.id]
    miko.act(anna, "claim")
    assert anna.messages()[-1]["text"] == "An advisor is here now: Miko. The advisor reads what you write."
    assert "Laura was gone" in saga.page("/forgotten")


def test_closing_time_comes_in_mid_talk(person: People, laura: AtDesk, at_desk: Callable[..., AtDesk]) -> None:
    """Who talks goes on; who waits is told when the desk opens, and can ask for a call-back."""
    anna, later = wait_for_an_advisor(person("en", True)), wait_for_an_advisor(person("en", True))
    laura.act(anna, "claim")
    saga = at_desk("saga", "busy")
    now = datetime.now(ZoneInfo("Europe/Helsinki"))
    start, end = (now - timedelta(minutes=5)), (now + timedelta(hours=2))
    if start.date() != end.date():
        start, end = now.replace(hour=0, minute=0), now.replace(hour=23, minute=59)
    saga.post("/hours/close", date=f"{now:%Y-%m-%d}", start=f"{start:%H:%M}", end=f"{end:%H:%M}")
    try:
        notice = later.is_told("No advisor is here right now.")
        assert [choice["payload"] for choice in notice["choices"]] == ["/request_callback"]
        assert (later.state()["mode"], later.state()["hours"]["open"]) == ("bot", False)
        laura.act(anna, "reply", text="We finish this together.")
        assert anna.messages()[-1]["text"] == "We finish this together."
        assert "still waited at closing time" in saga.page("/forgotten")
    finally:
        closure = saga.page("/hours").partition("/desk/hours/")[2].partition("/lift")[0]
        saga.post(f"/hours/{closure}/lift")
    assert later.state()["hours"]["open"]


@pytest.mark.parametrize(("language", "words"), [("ku", "tercuman"), ("so", "turjubaan")])
def test_nobody_on_duty_speaks_the_language(person: People, laura: AtDesk, language: str, words: str) -> None:
    """The person is told so in their language, and the desk says who needs an interpreter."""
    dilan = person(language, True)
    told = dilan.press("/human_handoff")
    assert dilan.state()["mode"] == "waiting"
    assert words in told[-1]["text"].casefold()
    page = laura.page(f"/conversations/{dilan.id}")
    assert ("an interpreter is needed" if language == "so" else "not one of yours") in page
    assert "number is missing in content/service.yml" in page


def ask_for_a_call_back(someone: Person, number: str) -> str:
    """Fill the form in; the reference."""
    someone.press("/request_callback")
    someone.press("callback:phone")
    someone.say(number)
    someone.press("callback:en")
    (times,) = someone.press("callback:no")
    (saved,) = someone.press(times["choices"][0]["payload"])
    return str(saved["text"]).rstrip(".").rpartition(" ")[2].strip("\u2066\u2069")


def test_the_number_in_the_call_back_is_wrong(person: People, laura: AtDesk) -> None:
    """A number that cannot exist is refused at once; of one that nobody answers the person is told, and may ask again."""
    anna = person("en", True)
    anna.press("/request_callback")
    anna.press("callback:phone")
    (refused,) = anna.say("12345")
    assert "not a complete phone number" in refused["text"]
    anna.press("callback:cancel")
    reference = ask_for_a_call_back(anna, "0457770001")
    laura.post(f"/call-backs/{reference}/take")
    laura.post(f"/call-backs/{reference}/end", outcome="wrong_contact")
    notice = anna.is_told("the number or address was wrong")
    assert [choice["payload"] for choice in notice["choices"]] == ["/request_callback"]
    (again,) = anna.say("1")
    assert again["text"].startswith("How shall an advisor reach you?")


def test_somebody_is_abusive(person: People, laura: AtDesk, at_desk: Callable[..., AtDesk]) -> None:
    """They reach no advisor for a while, not with a new conversation either; the assistant answers, in danger above all."""
    rude = wait_for_an_advisor(person("en", True))
    laura.act(rude, "claim")
    laura.act(rude, "block", reason="Threatened me after two warnings", hours="24")
    assert "You cannot wait for an advisor before this time:" in rude.messages()[-1]["text"]
    again = person("en", True, earlier=rude.token)
    for someone in (rude, again):
        for payload in ("/human_handoff", "/request_callback"):
            assert "You cannot wait for an advisor" in someone.press(payload)[-1]["text"]
        assert someone.state()["mode"] == "bot"
    assert rude.say("How do I get a tax card?")[0]["type"] == "answer"
    assert rude.say("my father has collapsed and does not breathe")[0]["type"] == "urgent"
    saga = at_desk("saga")
    blocked = saga.page("/ratings")
    assert "Threatened me after two warnings" in blocked
    saga.post(f"/blocks/{blocked.partition('/desk/blocks/')[2].partition('/lift')[0]}/lift")
    assert saga.queue() == []
    wait_for_an_advisor(rude)


def test_a_crisis_in_the_queue(person: People, laura: AtDesk) -> None:
    """Who speaks of danger gets the numbers at once and comes before all who wait for longer, whatever the filter says."""
    first, second = wait_for_an_advisor(person("en", True)), wait_for_an_advisor(person("en", True))
    assert laura.queue() == [first.id, second.id]
    said = second.say("my husband hits me and I am afraid to go home")
    assert (said[0]["type"], said[0]["kind"]) == ("urgent", "crisis")
    assert laura.queue() == [second.id, first.id]
    laura.post("/filter", language="sv", topic="housing")
    assert laura.queue() == [second.id]
    assert "1 more is hidden by the filter" in laura.page()
    laura.post("/filter")
    assert laura.queue() == [second.id, first.id]


def test_the_same_person_in_two_conversations(person: People, laura: AtDesk) -> None:
    """Replies go where they belong, and an advisor reads the other conversation only when the person allows it."""
    phone = person("en", True)
    phone.say("How do I get a tax card?")
    laptop = person("en", True, earlier=phone.token)
    waiting = laptop.press("/human_handoff")[-1]
    laura.act(laptop, "claim")
    assert "not yours any more" in laura.page(f"/conversations/{phone.id}")
    laura.act(laptop, "hand-back")
    laptop.press("/human_handoff")
    (allow,) = [choice for choice in waiting["choices"] if choice["payload"] == "history:share"]
    assert laptop.press(allow["payload"])[0]["text"] == "The advisor can now read your earlier conversations here."
    laura.act(laptop, "claim")
    assert f"/desk/conversations/{phone.id}" in laura.page(f"/conversations/{laptop.id}")
    assert "How do I get a tax card?" in laura.page(f"/conversations/{phone.id}")
    laura.act(laptop, "reply", text="I have read it.")
    assert laptop.messages()[-1]["text"] == "I have read it."
    assert all(message["author"] != "advisor" for message in phone.messages())
    laura.act(laptop, "close")
    assert "not yours any more" in laura.page(f"/conversations/{phone.id}")


def test_the_advisor_answers_next_morning(person: People, laura: AtDesk, at_desk: Callable[..., AtDesk]) -> None:
    """Who took the call-back can write into the conversation that it came from, and nobody else can."""
    anna = person("en", True)
    anna.say("How do I get a tax card?")
    reference = ask_for_a_call_back(anna, "0457770002")
    miko = at_desk("miko")
    assert "not yours any more" in miko.act(anna, "write")
    laura.post(f"/call-backs/{reference}/take")
    assert "Write to this person" in laura.page(f"/conversations/{anna.id}")
    laura.act(anna, "write")
    laura.act(anna, "reply", text="Good morning! Your form is at the service point.")
    laura.act(anna, "close")
    assert [message["text"] for message in anna.messages() if message["author"] == "advisor"] == [
        "Good morning! Your form is at the service point."
    ]
    ended = anna.messages()[-1]
    assert [choice["label"] for choice in ended["choices"]] == ["Good", "Neither good nor bad", "Bad"]
    (thanks,) = anna.press("rating:good")
    assert thanks["text"].startswith("Thank you!")
    anna.press("rating:comment")
    assert anna.say("Laura was kind and quick")[-1]["text"] == "Thank you. We have received your comment."
    ratings = at_desk("saga").page("/ratings")
    assert "good · Laura" in ratings
    assert "Laura was kind and quick" in ratings
    assert anna.say("How do I get a tax card?")[0]["type"] == "answer"
