"""Rasa and an action server, started for a measurement; what they cost, and what they answer."""

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from benchmarks.projects import Assistant
from guidance.content import ROOT

RASA = ROOT / "nlu" / ".venv" / "bin" / "python"
LONGEST_START = 600
"""Seconds after which a server that is not ready is called a failure."""


def environment(**more: str) -> dict[str, str]:
    """The environment of every process: quiet, and telling nobody."""
    quiet = {
        "RASA_TELEMETRY_ENABLED": "false",
        "LOG_LEVEL": "ERROR",
        "LOG_LEVEL_LIBRARIES": "ERROR",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONPATH": str(ROOT),
    }
    return {**os.environ, **quiet, **more}


def machine() -> dict[str, Any]:
    """What a measurement ran on."""
    rows = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((row.partition(":")[2].strip() for row in rows if row.startswith("model name")), "")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "rasa": "3.6.21",
        "rasa_sdk": version("rasa-sdk"),
    }


def train(assistant: Assistant, folder: Path) -> float:
    """Train the project in `folder`, with Rasa's own progress on the screen; the seconds it took.

    Raises:
        RuntimeError: the training failed.
    """
    began = time.monotonic()
    command = [RASA, "-W", "ignore", "-m", assistant.rasa, "train", "--force", "--skip-validation", "--fixed-model-name", "model"]
    with (folder / "train.log").open("wb") as log:
        trained = subprocess.run(command, cwd=folder, env=environment(), stdout=log, stderr=subprocess.STDOUT, check=False)
    if trained.returncode:
        raise RuntimeError(f"{assistant.title} could not be trained; see {folder}/train.log")
    return time.monotonic() - began


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A running assistant. `start` is in seconds, until the first answer could be given."""

    url: str
    pid: int
    start: float

    def memory(self) -> float:
        """Resident memory of the Rasa server in megabytes."""
        line = next(row for row in Path(f"/proc/{self.pid}/status").read_text().splitlines() if row.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def client(self) -> httpx.Client:
        """A client for one person at a time."""
        return httpx.Client(base_url=self.url, timeout=120)

    def parse(self, client: httpx.Client, text: str) -> dict[str, Any]:
        """What the model understands."""
        result: dict[str, Any] = client.post("/model/parse", json={"text": text.lstrip("/ ") or "…"}).raise_for_status().json()
        return result


def turn(sender: str, text: str, language: str) -> dict[str, Any]:
    """The body of a turn, as bot/ sends it."""
    return {"sender": sender, "message": text.lstrip("/ ") or "…", "metadata": {"language": language}}


@contextmanager
def running(assistant: Assistant, folder: Path) -> Iterator[Server]:
    """The assistant trained in `folder`, on ports of its own.

    Raises:
        RuntimeError: it does not start.
    """
    rasa_port, actions_port = _free_port(), _free_port()
    settings = environment(NEUVO_ACTIONS_PORT=str(actions_port))
    with (folder / "servers.log").open("wb") as log:
        began = time.monotonic()
        actions = subprocess.Popen(
            [sys.executable, "-m", assistant.actions, str(actions_port)], cwd=ROOT, env=settings, stdout=log, stderr=log
        )
        rasa = subprocess.Popen(
            [RASA, "-W", "ignore", "-m", assistant.rasa, "run", "--enable-api", "--interface", "127.0.0.1",
             "--port", str(rasa_port), "--model", "models/model.tar.gz"],
            cwd=folder, env=settings, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{rasa_port}"
            while not _ready(url):
                if rasa.poll() is not None or actions.poll() is not None or time.monotonic() - began > LONGEST_START:
                    raise RuntimeError(f"{assistant.title} does not start; see {folder}/servers.log")
                time.sleep(0.2)
            yield Server(url, rasa.pid, time.monotonic() - began)
        finally:
            for process in (rasa, actions):
                process.terminate()
            for process in (rasa, actions):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()


def _ready(url: str) -> bool:
    try:
        reply = httpx.post(f"{url}/webhooks/rest/webhook", json=turn("ready?", "hello", "en"), timeout=120)
        return reply.is_success and bool(reply.json())
    except (httpx.HTTPError, ValueError):
        return False
