"""A smaller simulated day with the real parts: nobody and nothing is lost; and the checks see it when something is."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.checks import Report, check, read
from benchmarks.simulation import Day
from bot import migrations
from bot.rasa import Rasa
from bot.store import Store, connect
from guidance.knowledge import Knowledge
from tests.conftest import Service

Spoil = Callable[[str], Report]


def passed(service: Service, known: Knowledge, url: str, seed: int, people: int, watched: bool = True) -> Day:
    """A day that is over, with three advisors of whom one vanishes at midday."""
    token = (service.folder / "rasa_token").read_text().strip()
    migrations.upgrade(url)

    async def run() -> Day:
        day = Day(known, url, Rasa(f"http://127.0.0.1:{service.rasa_port}", token), seed, people, 3, watched)
        try:
            await day.run()
        finally:
            await day.all.close()
            await day.all.rasa.close()
            await day.store.close()
        return day

    return asyncio.run(run())


def checked(day: Day, url: str) -> Report:
    """The day against what is in this database."""

    async def stored() -> Report:
        store = Store(connect(url))
        try:
            return check(day, await read(store))
        finally:
            await store.close()

    return asyncio.run(stored())


@pytest.fixture(scope="module")
def day(service: Service, known: Knowledge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Day, Path]]:
    file = tmp_path_factory.mktemp("day") / "neuvo.sqlite3"
    yield passed(service, known, f"sqlite:///{file}", seed=3, people=32), file


@pytest.fixture
def spoil(day: tuple[Day, Path], tmp_path: Path) -> Spoil:
    """Runs a statement in a copy of the finished day's database, where `:author` is their last message, and checks that."""

    def run(statement: str) -> Report:
        copy = tmp_path / "spoilt.sqlite3"
        with closing(sqlite3.connect(day[1])) as whole:
            whole.execute("VACUUM INTO ?", (str(copy),))
        with closing(sqlite3.connect(copy)) as database, database:
            last = dict(database.execute("SELECT author, max(id) FROM messages GROUP BY author").fetchall())
            assert database.execute(statement, last).rowcount == 1
        return checked(day[0], f"sqlite:///{copy}")

    return run


def test_everybody_who_waited_is_seen_to_and_no_message_is_lost_doubled_or_out_of_order(day: tuple[Day, Path]) -> None:
    report = checked(day[0], f"sqlite:///{day[1]}")
    assert report.violations == []
    assert report.figures["people"] == 32
    assert report.figures["claimed"] > 8
    assert report.figures["came back to the queue"] > 0, "an advisor vanished"
    assert report.estimate["Neuvo's estimate"]["within 5 min"] > 0.5


@pytest.mark.parametrize(
    ("statement", "violation"),
    [
        ("DELETE FROM messages WHERE id = :person", "a message is lost"),
        ("DELETE FROM messages WHERE id = :advisor", "a reply of an advisor is lost"),
        (
            "INSERT INTO messages (conversation_id, seq, author, type, language, content, pending, created_at) SELECT "
            "conversation_id, seq + 99, author, type, language, content, pending, created_at FROM messages "
            "WHERE id = :person",
            "a message is there twice",
        ),
        ("UPDATE messages SET pending = 1 WHERE id = :person", "have no answer"),
        ("UPDATE messages SET author = 'assistant' WHERE id = :advisor", "the assistant spoke while an advisor"),
        ("UPDATE conversations SET mode = 'waiting' WHERE id = (SELECT max(conversation_id) FROM queue_events)", "still waits"),
    ],
)
def test_the_checks_see_what_is_wrong(spoil: Spoil, statement: str, violation: str) -> None:
    assert any(violation in found for found in spoil(statement).violations)


def test_without_the_watch_somebody_is_forgotten(service: Service, known: Knowledge, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'neuvo.sqlite3'}"
    report = checked(passed(service, known, url, seed=3, people=18, watched=False), url)
    assert any("held at the end of the day by an advisor who is gone" in found for found in report.violations)
