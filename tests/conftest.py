"""The real parts the tests run against: `neuvo run` with its own ports and folder, and the real content."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from bot.language import LanguageDetector
from guidance.content import ROOT
from guidance.knowledge import Knowledge, knowledge
from guidance.opening_hours import WEEKDAYS
from tests.postgres import Postgres, running

PASSWORD = "kuusi metsän reunassa"
FULL = ["fi", "sv", "en", "ku", "ckb"]
MODEL = ROOT / "var" / "models" / "neuvo.tar.gz"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def always_open(folder: Path) -> Path:
    """The real content, but with advisors' hours that never end: the tests are the same at night."""
    if not folder.exists():
        shutil.copytree(ROOT / "content", folder)
        days = "".join(f"  {day}: [00:00-23:59]\n" for day in WEEKDAYS)
        hours = f"timezone: Europe/Helsinki\nweekly:\n{days}holidays: null\nexceptions: []\n"
        (folder / "opening_hours.yml").write_text(hours)
    return folder


@pytest.fixture(scope="session")
def known() -> Knowledge:
    return knowledge()


@pytest.fixture(scope="session")
def detector(known: Knowledge) -> LanguageDetector:
    return LanguageDetector(known.service)


class Service:
    """A running Neuvo: everything that `make run` starts, on ports of its own."""

    def __init__(self, folder: Path, origins: str = "") -> None:
        self.folder = folder
        self.port, self.rasa_port, self.actions_port = free_port(), free_port(), free_port()
        self.environment = {
            **os.environ,
            "PORT": str(self.port),
            "NEUVO_RASA_PORT": str(self.rasa_port),
            "NEUVO_ACTIONS_PORT": str(self.actions_port),
            "NEUVO_VAR": str(folder),
            "NEUVO_PAUSE": "0.3",
            "NEUVO_ORIGINS": origins,
            "NEUVO_CONTENT": str(always_open(folder / "content")),
        }
        self.environment.pop("DATABASE_URL", None)
        self.address = f"http://127.0.0.1:{self.port}"
        self.output = folder / "run.log"

    def start(self) -> None:
        (self.folder / "models").mkdir(parents=True, exist_ok=True)
        if not (self.folder / "models" / MODEL.name).exists():
            shutil.copy(MODEL, self.folder / "models" / MODEL.name)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run"], cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        for _half_second in range(360):
            if "ready: " in self.output.read_text() or self.process.poll() is not None:
                break
            time.sleep(0.5)
        assert "ready: " in self.output.read_text(), self.output.read_text()

    def stop(self) -> float:
        """End it as Ctrl-C does; how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        return time.monotonic() - began

    def supervisor(self, *words: str) -> str:
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", "deploy/supervisord.conf", *words]
        environment = {**self.environment, "NEUVO_RASA_TOKEN": "", "NEUVO_VAR": str(self.folder)}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout

    def wait_until_ready(self) -> None:
        for _half_second in range(240):
            try:
                if httpx.get(f"{self.address}/ready", timeout=6).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.5)
        raise AssertionError("not ready again within two minutes")

    def _change(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self.folder / "neuvo.sqlite3", timeout=10)) as database, database:
            database.execute(statement, values)

    def set_mode(self, conversation: str, mode: str) -> None:
        self._change("UPDATE conversations SET mode = ?, waiting_since = created_at WHERE id = ?", mode, conversation)

    def take(self, conversation: str) -> None:
        """An advisor takes a conversation: the assistant's form and choices are over."""
        self._change("UPDATE conversations SET mode = 'advisor', choices = '[]', form = NULL WHERE id = ?", conversation)

    def nobody_seen_for_an_hour(self) -> None:
        self._change("UPDATE desk_sessions SET seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')")
        self._change("UPDATE advisors SET seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')")

    def last_seen(self) -> tuple[str, str]:
        """When something was last done at the desk, and when a page there was last known to be open."""
        query = "SELECT (SELECT max(seen_at) FROM desk_sessions), (SELECT max(seen_at) FROM advisors)"
        with closing(sqlite3.connect(self.folder / "neuvo.sqlite3", timeout=10)) as database:
            done, open = database.execute(query).fetchone()
        return done, open

    def be_away(self, name: str) -> None:
        """The laptop of this advisor was shut an hour ago."""
        self._change("UPDATE advisors SET seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour') WHERE name = ?", name)

    def everybody_away(self) -> None:
        self._change("UPDATE advisors SET presence = 'away'")

    def nobody_waits(self) -> None:
        self._change("UPDATE conversations SET mode = 'bot' WHERE mode IN ('waiting', 'advisor')")

    def advisor(self, login: str, name: str, languages: str, role: str = "advisor") -> None:
        """Make an account for the desk, as a person would."""
        command = [sys.executable, "-m", "bot", "advisor", "add", login, "--name", name, "--languages", languages, "--role", role]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, input=f"{PASSWORD}\n", text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted((self.folder / "log").iterdir()))


@pytest.fixture(scope="session")
def city_port() -> int:
    """Where the city's own site is: another origin than the service's."""
    return free_port()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, city_port: int) -> Iterator[Service]:
    """The whole service, started once for all tests that talk to it."""
    assert MODEL.exists(), "there is no trained model: run `make train`"
    running = Service(tmp_path_factory.mktemp("service"), f"http://localhost:{city_port}")
    try:
        running.start()
        yield running
    finally:
        seconds = running.stop()
    assert seconds < 10, f"Ctrl-C took {seconds:.1f} s"


class Person:
    """Somebody who talks to the service over HTTP."""

    def __init__(self, service: Service, language: str | None = None, chosen: bool = False, earlier: str | None = None) -> None:
        self.client = httpx.Client(base_url=f"{service.address}/api", timeout=40)
        opened = self.client.post("/conversations", json={"language": language, "chosen": chosen, "earlier": earlier})
        assert opened.status_code == 201, opened.text
        self.id, self.token = opened.json()["id"], opened.json()["token"]
        self.client.headers["Authorization"] = f"Bearer {self.token}"
        self.path = f"/conversations/{self.id}/messages"
        self.sent = 0

    def send(self, text: str | None = None, payload: str | None = None, client_id: str | None = None) -> int:
        self.sent += 1
        body = {"client_id": client_id or f"m{self.sent}", **({"text": text} if payload is None else {"payload": payload})}
        stored = self.client.post(self.path, json=body)
        assert stored.status_code == 202, stored.text
        return int(stored.json()["seq"])

    def replies_to(self, seq: int) -> list[dict[str, Any]]:
        seen, deadline = seq, time.monotonic() + 40
        while time.monotonic() < deadline:
            messages = self.client.get(self.path, params={"after": seen, "wait": 12}).json()["messages"]
            if said := [message for message in messages if message["reply_to"] == seq]:
                return said
            seen = messages[-1]["seq"] if messages else seen
        raise AssertionError("no reply came")

    def say(self, text: str) -> list[dict[str, Any]]:
        """Write a text; all that is said to it."""
        return self.replies_to(self.send(text))

    def press(self, payload: str) -> list[dict[str, Any]]:
        """Press a button; all that is said to it."""
        return self.replies_to(self.send(payload=payload))

    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(self.path).json()["messages"]
        return found

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(self.path).json()["state"]
        return found

    def is_told(self, words: str, seconds: float = 40) -> dict[str, Any]:
        """The first message that has these words, whoever it is from; waits for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for message in self.messages():
                if words in message.get("text", ""):
                    return message
            time.sleep(0.3)
        raise AssertionError(f"nobody said {words!r}: {[message.get('text') for message in self.messages()]}")


class AtDesk:
    """An advisor at the desk, who posts its forms; tests/test_desk.py does the same in a browser."""

    def __init__(self, service: Service, login: str, presence: str = "free") -> None:
        self.client = httpx.Client(
            base_url=f"{service.address}/desk", timeout=40, follow_redirects=True, headers={"Accept-Language": "en"}
        )
        signed_in = self.client.post("/sign-in", data={"login": login, "password": PASSWORD})
        assert signed_in.status_code == 200, signed_in.text
        token = re.search(r'name="csrf" value="([^"]+)"', signed_in.text)
        assert token
        self.csrf = token[1]
        self.post("/presence", presence=presence)

    def post(self, path: str, **form: str) -> str:
        """Send a form of the desk; the page that comes back."""
        done = self.client.post(path, data={"csrf": self.csrf, **form})
        assert done.status_code in (200, 204), done.text
        return done.text

    def page(self, path: str = "") -> str:
        shown = self.client.get(path)
        assert shown.status_code == 200, shown.text
        return shown.text

    def act(self, person: Person, what: str, **form: str) -> str:
        """Claim, reply, close, …: what an advisor does in a conversation."""
        return self.post(f"/conversations/{person.id}/{what}", **form)

    def queue(self) -> list[str]:
        """The ids of those who wait, in the order shown."""
        shown = re.search(r'data-waiting="([^"]*)"', self.page("/queue"))
        assert shown
        return shown[1].split()


@pytest.fixture
def person(service: Service) -> Iterator[Callable[..., Person]]:
    """Makes people who talk to the service."""
    made: list[Person] = []

    def make(language: str | None = None, chosen: bool = False, earlier: str | None = None) -> Person:
        made.append(Person(service, language, chosen, earlier))
        return made[-1]

    yield make
    for someone in made:
        someone.client.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running(free_port()) as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
