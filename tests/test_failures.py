"""Parts that are down, silent or killed: the person is told, and nothing that was acknowledged is lost."""

import asyncio
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot import migrations
from bot.conversation import Conversations
from bot.language import LanguageDetector
from bot.rasa import Rasa
from bot.store import Store, connect
from bot.tables import Message
from guidance.knowledge import Knowledge
from tests.conftest import Person, Service, free_port

Build = Callable[[str], Awaitable[Conversations]]


@pytest.fixture
async def build(tmp_path: Path, known: Knowledge, detector: LanguageDetector) -> AsyncIterator[Build]:
    """Makes a bot of its own that asks a Rasa at this address."""
    url = f"sqlite:///{tmp_path / 'neuvo.sqlite3'}"
    migrations.upgrade(url)
    made: list[Conversations] = []

    async def make(rasa: str) -> Conversations:
        made.append(Conversations(Store(connect(url)), Rasa(rasa, "token"), known, detector))
        return made[-1]

    yield make
    for conversations in made:
        await conversations.close()
        await conversations.rasa.close()
        await conversations.store.close()


async def replies(conversations: Conversations, id: str, seq: int, seconds: float = 12) -> list[Message]:
    async with asyncio.timeout(seconds):
        while True:
            messages = await conversations.store.messages_after(id, seq)
            if said := [message for message in messages if message.reply_to == seq]:
                return said
            await asyncio.sleep(0.02)


@contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """A server that takes every connection and says this, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _address = listening.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer is not None:
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def http(body: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()


@pytest.mark.parametrize("language", ["fi", "sv", "en", "ku", "ckb", "ar", "ti"])
async def test_rasa_down_is_said_in_the_persons_language_with_112_and_how_to_reach_a_person(
    build: Build, known: Knowledge, language: str
) -> None:
    conversations = await build(f"http://127.0.0.1:{free_port()}")
    conversation = await conversations.open("web", language, chosen=True)
    seq = await conversations.receive(conversation.id, "1", "hello")
    (reply,) = await replies(conversations, conversation.id, seq)
    sorry = known.translations.catalog(language).gettext(
        "The assistant cannot answer right now. Your message is saved. Please try again in a few minutes."
    )
    assert (reply.author, reply.type, reply.language) == ("system", "notice", language)
    assert sorry in reply.content["text"]
    assert "112" in reply.content["text"]
    assert "040 636 8097" in reply.content["text"]
    assert (await conversations.store.turns())[-1].outcome == "away"


@pytest.mark.parametrize(
    "answer",
    [http("[]"), http("not json"), http("{}", "500 Internal Server Error"), http('[{"text": "no payload"}]')],
    ids=["an empty reply", "no JSON", "an error", "a reply without a payload"],
)
async def test_a_reply_that_is_none_counts_as_a_failure_and_is_said(build: Build, answer: bytes) -> None:
    with server(answer) as rasa:
        conversations = await build(rasa)
        conversation = await conversations.open("web", "en")
        seq = await conversations.receive(conversation.id, "1", "hello")
        (reply,) = await replies(conversations, conversation.id, seq)
    assert reply.author == "system"


async def test_a_silent_rasa_is_waited_for_ten_seconds_and_no_longer(build: Build) -> None:
    from bot import rasa as client

    assert client.TIMEOUT == 10
    with server(None) as silent:
        conversations = await build(silent)
        conversation = await conversations.open("web", "en")
        began = time.monotonic()
        seq = await conversations.receive(conversation.id, "1", "hello")
        assert time.monotonic() - began < 1  # acknowledged at once
        (reply,) = await replies(conversations, conversation.id, seq)
        assert 9 < time.monotonic() - began < 11.5
    assert reply.author == "system"


async def test_what_was_stored_before_a_crash_is_answered_once_after_the_restart(build: Build) -> None:
    with server(None) as silent:
        conversations = await build(silent)
        conversation = await conversations.open("web", "en")
        seq = await conversations.receive(conversation.id, "1", "hello")
        await asyncio.sleep(0.2)
        await conversations.close()  # in the middle of the turn
    assert await conversations.store.messages_after(conversation.id, seq) == []
    payload = '[{"recipient_id": "x", "custom": {"type": "notice", "text": "back again", "choices": []}}]'
    with server(http(payload)) as rasa:
        again = await build(rasa)
        await again.resume()
        (reply,) = await replies(again, conversation.id, seq)
        assert reply.content["text"] == "back again"
        await again.resume()
        await asyncio.sleep(0.3)
    assert len(await again.store.messages_after(conversation.id, seq)) == 1


async def test_no_message_is_left_lying_however_many_come_at_once(build: Build) -> None:
    payload = '[{"recipient_id": "x", "custom": {"type": "notice", "text": "answered", "choices": []}}]'
    with server(http(payload)) as rasa:
        conversations = await build(rasa)
        conversation = await conversations.open("web", "en")
        seqs = []
        for number in range(40):
            seqs.append(await conversations.receive(conversation.id, str(number), f"message {number}"))
            await asyncio.sleep(0.003 * (number % 7))
        for seq in seqs:
            assert [reply.reply_to for reply in await replies(conversations, conversation.id, seq)] == [seq]


async def test_a_mistake_in_our_own_code_is_told_and_does_not_block_the_conversation(build: Build) -> None:
    broken = '[{"recipient_id": "x", "custom": {"no type": true}}]'
    with server(http(broken)) as rasa:
        conversations = await build(rasa)
        conversation = await conversations.open("web", "en")
        seq = await conversations.receive(conversation.id, "1", "hello")
        (reply,) = await replies(conversations, conversation.id, seq)
    assert reply.author == "system"
    assert "112" in reply.content["text"]


def test_killing_bot_and_actions_in_the_middle_of_a_conversation_loses_nothing(
    service: Service, person: Callable[..., Person]
) -> None:
    someone = person("en")
    someone.press('/early_childhood_education{"question": "apply"}')
    seq = someone.send("How do I get a tax card?")
    service.supervisor("signal", "KILL", "bot")
    time.sleep(1)
    service.wait_until_ready()
    said = someone.replies_to(seq)
    assert [reply["id"] for reply in said] == ["studying_and_working/tax_card"]
    service.supervisor("signal", "KILL", "actions")
    time.sleep(1)
    service.wait_until_ready()
    assert someone.say("How do I find a rental home?")[0]["id"] == "housing/find_rental"
    assert [message["seq"] for message in someone.messages()] == list(range(1, 7))


def test_actions_down_is_a_failure_that_is_said_and_logged_without_the_message(
    service: Service, person: Callable[..., Person]
) -> None:
    someone = person("en")
    service.supervisor("stop", "actions")
    try:
        (reply,) = someone.say("my secret word is xylophonist and I look for a flat")
        assert reply["author"] == "system"
        assert "112" in reply["text"]
    finally:
        service.supervisor("start", "actions")
        service.wait_until_ready()
    assert "xylophonist" not in service.logs()


def test_ready_names_the_part_that_is_down(service: Service) -> None:
    import httpx

    service.supervisor("stop", "actions")
    try:
        ready = httpx.get(f"{service.address}/ready")
        assert ready.status_code == 503
        assert ready.json()["actions"] != "ok"
        assert ready.json()["model"] == "ok"
    finally:
        service.supervisor("start", "actions")
        service.wait_until_ready()


def test_migrations_lead_to_the_tables_the_code_expects(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine

    from bot.tables import Base

    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    migrations.upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
    newest = ScriptDirectory.from_config(migrations.configuration(url)).get_current_head()
    with closing(sqlite3.connect(tmp_path / "new.sqlite3")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (newest,)
