"""Starting everything: supervisor keeps Rasa, the action server and the bot alive; this says how far they are."""

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

import httpx

from bot.settings import Settings, SettingsError
from guidance.content import ROOT
from guidance.knowledge import knowledge

LONGEST_START = 300
"""Seconds after which a service that is not ready is called a failure; Rasa alone takes half a minute."""


def environment(settings: Settings) -> dict[str, str]:
    """The environment of the started programs."""
    return {
        **os.environ,
        "PORT": str(settings.port),
        "DATABASE_URL": settings.database_url,
        "NEUVO_VAR": str(settings.var),
        "NEUVO_RASA_PORT": str(settings.rasa_port),
        "NEUVO_RASA_TOKEN": settings.rasa_token,
        "NEUVO_ACTIONS_PORT": str(settings.actions_port),
    }


def check_ports(settings: Settings) -> None:
    """Nothing else may use the ports.

    Raises:
        SettingsError: one of them is taken; says which and how to choose another.
    """
    for name, port in (
        ("PORT", settings.port),
        ("NEUVO_RASA_PORT", settings.rasa_port),
        ("NEUVO_ACTIONS_PORT", settings.actions_port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise SettingsError(f"port {port} is taken; choose another one with {name}=…") from None


def _missing(settings: Settings) -> str:
    """What is not ready yet, empty when everything is."""
    try:
        parts = httpx.get(f"http://127.0.0.1:{settings.port}/ready", timeout=6).json()
    except (httpx.HTTPError, ValueError):
        return "bot"
    return ", ".join(name for name in ("model", "actions", "database") if parts[name] != "ok")


def run(settings: Settings) -> int:
    """Run everything until Ctrl-C or SIGTERM; the exit code.

    Raises:
        SettingsError: a port is taken.
    """
    check_ports(settings)
    (settings.var / "log").mkdir(parents=True, exist_ok=True)
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(ROOT / "deploy/supervisord.conf")],
        cwd=ROOT,
        env=environment(settings),
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the others in order
        stdout=subprocess.DEVNULL,
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)  # a shell starts background jobs with Ctrl-C ignored
    began = time.monotonic()
    try:
        waited_for = None
        while missing := _missing(settings):
            if supervisor.poll() is not None:
                print(f"neuvo: the process manager ended; see {settings.var}/log/supervisord.log", file=sys.stderr)
                return 1
            if time.monotonic() - began > LONGEST_START:
                print(f"neuvo: not ready after {LONGEST_START} s: {missing}; see {settings.var}/log/", file=sys.stderr)
                return 1
            if missing != waited_for:
                print(f"[{time.monotonic() - began:3.0f} s] waiting for: {missing}", flush=True)
                waited_for = missing
            time.sleep(0.5)
        if knowledge().service.status == "pilot":
            print("Note: content/service.yml has the status `pilot`: phone, place and hours are those of the 2020 pilot.")
        print(f"Neuvo is ready: http://localhost:{settings.port}/  (Ctrl-C ends it)", flush=True)
        return supervisor.wait()
    except KeyboardInterrupt:
        print("\nending …", flush=True)
        return 0
    finally:
        supervisor.terminate()
        try:
            supervisor.wait(10)
        except subprocess.TimeoutExpired:
            supervisor.kill()
