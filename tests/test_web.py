"""The web channel: tokens, bad input, order, repeated messages, streams."""

import json
import threading
from collections.abc import Callable

import httpx
import pytest

from bot.tokens import Tokens
from tests.conftest import Person, Service

People = Callable[..., Person]


def problem(response: httpx.Response, status: int, word: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert word in body["detail"], body


def test_a_message_is_acknowledged_with_its_number_and_then_answered(person: People) -> None:
    someone = person("en")
    seq = someone.send("How do I apply for a day care place?")
    assert seq == 1
    (reply,) = someone.replies_to(seq)
    assert (reply["author"], reply["type"], reply["id"]) == ("assistant", "answer", "early_childhood_education/apply")


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer x", "Basic abc"])
def test_nobody_reads_or_writes_without_the_token(person: People, service: Service, header: str | None) -> None:
    someone = person()
    headers = {"Authorization": header} if header else {}
    base = f"{service.address}/api/conversations/{someone.id}"
    problem(httpx.get(f"{base}/messages", headers=headers), 401, "token")
    problem(httpx.get(f"{base}/events", headers=headers), 401, "token")
    problem(httpx.post(f"{base}/messages", headers=headers, json={"client_id": "1", "text": "hi"}), 401, "token")


def test_a_token_opens_its_own_conversation_and_no_other(person: People, service: Service) -> None:
    mine, other = person(), person()
    path = f"{service.address}/api/conversations/{other.id}/messages"
    problem(httpx.get(path, headers={"Authorization": f"Bearer {mine.token}"}), 401, "token")
    problem(
        httpx.get(f"{service.address}/api/conversations/nothing/messages", headers={"Authorization": f"Bearer {mine.token}"}),
        401,
        "token",
    )


def test_a_token_signed_with_another_secret_opens_nothing() -> None:
    assert Tokens("a").opens(Tokens("a").token("x"), "x")
    assert not Tokens("a").opens(Tokens("b").token("x"), "x")
    assert not Tokens("a").opens(Tokens("a").token("x"), "y")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"client_id": "1"}, "either text or payload"),
        ({"client_id": "1", "text": "hi", "payload": "/housing"}, "either text or payload"),
        ({"text": "hi"}, "client_id"),
        ({"client_id": "", "text": "hi"}, "client_id"),
        ({"client_id": "x" * 65, "text": "hi"}, "client_id"),
        ({"client_id": "1", "text": "hi", "author": "advisor"}, "author"),
        ({"client_id": "1", "text": "   "}, "empty"),
        ({"client_id": "1", "text": "a" * 2001}, "2001 characters"),
        ({"client_id": "1", "payload": "/restart"}, "payload"),
        ({"client_id": "1", "text": 5}, "text"),
    ],
)
def test_bad_input_is_a_problem_that_says_what_to_do(person: People, body: dict[str, object], word: str) -> None:
    someone = person()
    problem(someone.client.post(someone.path, json=body), 422, word)
    assert someone.messages() == []  # nothing half-written


def test_broken_json_and_too_large_bodies_are_refused(person: People) -> None:
    someone = person()
    problem(someone.client.post(someone.path, content=b"{", headers={"Content-Type": "application/json"}), 422, "JSON")
    problem(someone.client.post(someone.path, json={"client_id": "1", "text": "ä" * 100_000}), 413, "bytes")


@pytest.mark.parametrize(("query", "word"), [({"after": "x"}, "after"), ({"after": -1}, "after"), ({"wait": 99}, "wait")])
def test_bad_queries_are_problems(person: People, query: dict[str, object], word: str) -> None:
    someone = person()
    problem(someone.client.get(someone.path, params=query), 422, word)


def test_a_bad_last_event_id_is_a_problem(person: People) -> None:
    someone = person()
    path = someone.path.replace("messages", "events")
    problem(someone.client.get(path, headers={"Last-Event-ID": "abc"}), 400, "Last-Event-ID")


def test_a_repeated_client_id_is_stored_and_answered_once(person: People) -> None:
    someone = person("en")
    first = someone.send("How do I get a tax card?", client_id="same")
    someone.replies_to(first)
    assert someone.send("How do I get a tax card?", client_id="same") == first
    assert [message["author"] for message in someone.messages()] == ["person", "assistant"]
    problem(someone.client.post(someone.path, json={"client_id": "same", "text": "another"}), 409, "client_id")


def test_a_button_that_is_sent_again_is_the_same_though_other_ones_are_offered_by_now(person: People) -> None:
    someone = person("en")
    someone.press("/request_callback")
    first = someone.send(payload="callback:phone", client_id="same")
    someone.replies_to(first)
    assert someone.send(payload="callback:phone", client_id="same") == first
    problem(someone.client.post(someone.path, json={"client_id": "same", "payload": "callback:sms"}), 409, "client_id")


def test_messages_sent_at_once_are_numbered_and_answered_in_order(person: People) -> None:
    someone = person("en")
    asked = ["How do I get a tax card?", "How do I find a rental home?", "What does day care cost?"]
    seqs = [someone.send(text) for text in asked]
    assert seqs == sorted(seqs)
    said = [someone.replies_to(seq)[0]["id"] for seq in seqs]
    assert said == ["studying_and_working/tax_card", "housing/find_rental", "early_childhood_education/fees"]


def test_the_same_message_resent_from_many_threads_is_stored_once(person: People) -> None:
    someone = person("en")
    body = {"client_id": "storm", "text": "hello there"}
    results: list[int] = []

    def resend() -> None:
        results.append(someone.client.post(someone.path, json=body).json()["seq"])

    threads = [threading.Thread(target=resend) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    someone.replies_to(results[0])
    assert [m["author"] for m in someone.messages()].count("person") == 1


def read_events(someone: Person, count: int, last: str | None = None) -> list[tuple[str, str | None, dict[str, object]]]:
    """The first `count` events of the stream: (event, id, data)."""
    headers = {"Last-Event-ID": last} if last else {}
    found, event, id = [], "", None
    with someone.client.stream("GET", someone.path.replace("messages", "events"), headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "id":
                id = value
            elif name == "data":
                found.append((event, id, json.loads(value)))
                id = None
                if len(found) == count:
                    break
    return found


def test_the_stream_begins_with_the_state_and_only_messages_have_an_id(person: People) -> None:
    someone = person("en")
    someone.say("hello")
    state, question, answer = read_events(someone, 3)
    assert (state[0], state[1]) == ("state", None)
    assert state[2]["mode"] == "bot"
    assert set(state[2]["hours"]) >= {"open", "opens_at", "closes_at", "text"}
    assert [(question[0], question[1]), (answer[0], answer[1])] == [("message", "1"), ("message", "2")]


def test_the_stream_goes_on_after_the_last_event_seen(person: People) -> None:
    someone = person("en")
    someone.say("hello")
    someone.say("thank you very much")
    events = read_events(someone, 3, last="2")
    assert [id for name, id, _data in events if name == "message"] == ["3", "4"]


def test_an_identity_code_is_masked_before_anything_is_stored(person: People, service: Service) -> None:
    someone = person("en")
    someone.say("my code is 131052-308T, how do I get a tax card?")
    assert "••••••-••••" in someone.messages()[0]["text"]
    stored = (service.folder / "neuvo.sqlite3").read_bytes()
    wal = service.folder / "neuvo.sqlite3-wal"
    assert b"308T" not in stored + (wal.read_bytes() if wal.exists() else b"")


def test_no_log_has_what_people_wrote(person: People, service: Service) -> None:
    someone = person("en")
    someone.say("my landlord zyxwvut wants me out of the flat")
    someone.press('/housing{"question": "tenant_rights"}')
    assert "zyxwvut" not in service.logs()


def test_rasa_and_the_actions_listen_on_loopback_only(service: Service) -> None:
    from pathlib import Path

    listening = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, port = local.split(":")
            if state == "0A":
                listening.setdefault(int(port, 16), set()).add(address)
    assert listening[service.rasa_port] == {"0100007F"}
    assert listening[service.actions_port] == {"0100007F"}


def test_health_and_ready_name_each_part(service: Service) -> None:
    assert httpx.get(f"{service.address}/health").json() == {"status": "ok"}
    ready = httpx.get(f"{service.address}/ready")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "model": "ok", "actions": "ok", "database": "ok", "service": "pilot"}


def test_the_api_describes_itself_and_the_page_is_guarded(service: Service) -> None:
    paths = httpx.get(f"{service.address}/openapi.json").json()["paths"]
    assert "/api/conversations/{id}/events" in paths
    assert httpx.get(f"{service.address}/docs").status_code == 200
    page = httpx.get(f"{service.address}/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    problem(httpx.get(f"{service.address}/nothing"), 404, "Not Found")


@pytest.mark.parametrize("language", ["fi", "sv", "en", "ku", "ckb"])
def test_the_pages_strings_exist_in_every_full_language(service: Service, language: str) -> None:
    english = httpx.get(f"{service.address}/api/texts/en").json()
    texts = httpx.get(f"{service.address}/api/texts/{language}").json()
    assert texts["language"] == language
    assert texts["direction"] == ("rtl" if language == "ckb" else "ltr")
    assert len(texts["topics"]) == 7
    assert len(texts["languages"]) == 25
    if language != "en":
        same = [name for name, text in texts["strings"].items() if text == english["strings"][name]]
        assert same == []
