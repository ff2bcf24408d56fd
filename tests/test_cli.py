"""The command line: what it prints, and what it says of mistakes (exit code 2)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from guidance.content import ROOT
from tests.conftest import Service


def neuvo(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def asking(service: Service, *words: str) -> subprocess.CompletedProcess[str]:
    return neuvo(*words, PORT=str(service.port), NEUVO_VAR=str(service.folder))


def test_ask_prints_the_answer_in_the_language_of_the_question(service: Service) -> None:
    done = asking(service, "ask", "Hur ansöker jag om dagisplats för mitt barn?")
    assert done.returncode == 0, done.stderr
    assert "espoo.fi" in done.stdout
    assert "1. " in done.stdout
    chosen = asking(service, "ask", "tax card", "--language", "ckb")
    assert "کارتی باج" in chosen.stdout


def test_chat_holds_a_conversation(service: Service) -> None:
    import os

    done = subprocess.run(
        [sys.executable, "-m", "bot", "chat", "--language", "en"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(service.port), "NEUVO_VAR": str(service.folder)},
        input="How do I apply for a day care place?\nand how much is it?\n\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "eVaka" in done.stdout
    assert "How much does day care cost" in done.stdout


def test_asking_when_nothing_runs_says_how_to_start_it(tmp_path: Path) -> None:
    from tests.conftest import free_port

    done = neuvo("ask", "hello", PORT=str(free_port()), NEUVO_VAR=str(tmp_path))
    assert done.returncode == 1
    assert "make run" in done.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "http"}, "PORT='http' is not a port number"),
        ({"PORT": "70000"}, "PORT='70000' is not a port number"),
        ({"NEUVO_PAUSE": "soon"}, "NEUVO_PAUSE='soon'"),
        ({"NEUVO_PAUSE": "-1"}, "NEUVO_PAUSE='-1'"),
        ({"NEUVO_ENV": "prod"}, "NEUVO_ENV='prod' must be development or production"),
        ({"NEUVO_ENV": "production"}, "status is still `pilot`"),
        ({"NEUVO_URL": "neuvo.example"}, "NEUVO_URL='neuvo.example' is not an address"),
        ({"NEUVO_OIDC_ISSUER": "https://id.example"}, "NEUVO_OIDC_CLIENT_ID and NEUVO_OIDC_CLIENT_SECRET not"),
        ({"NEUVO_OIDC_ISSUER": "https://id.example", "NEUVO_OIDC_CLIENT_ID": "neuvo"}, "set and NEUVO_OIDC_CLIENT_SECRET not"),
        ({"NEUVO_OIDC_ISSUER": "http://id.example", "NEUVO_ENV": "production"}, "is not an address that begins with https://"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_nothing_starts(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    done = neuvo("run", NEUVO_VAR=str(tmp_path), **environment)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_port_that_is_taken_is_named(service: Service, tmp_path: Path) -> None:
    done = neuvo("run", PORT=str(service.port), NEUVO_VAR=str(tmp_path))
    assert done.returncode == 2
    assert f"port {service.port} is taken" in done.stderr


LINE = json.dumps({"text": "where is my tax card", "lang": "en", "label": "studying_and_working/tax_card"})


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "not JSON"),
        ('{"text": "x", "lang": "en"}', "a line is"),
        ('{"text": "x", "lang": "en", "label": 5}', "a line is"),
        ('{"text": " ", "lang": "en", "label": "greet"}', "text is empty"),
        ('{"text": "x", "lang": "xx", "label": "greet"}', "lang 'xx'"),
        ('{"text": "x", "lang": "en", "label": "housing/castle"}', "label 'housing/castle'"),
    ],
)
def test_evaluate_refuses_a_malformed_line_by_its_number_before_anything_runs(tmp_path: Path, bad: str, words: str) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text(f"{LINE}\n{bad}\n")
    done = neuvo("evaluate", str(path), NEUVO_VAR=str(tmp_path))
    assert done.returncode == 2
    assert f"{path}:2" in done.stderr.replace("\n", "")
    assert words in done.stderr
    assert not (tmp_path / "log").exists()


def test_evaluate_refuses_a_file_that_is_missing_or_empty(tmp_path: Path) -> None:
    assert neuvo("evaluate", str(tmp_path / "none.jsonl"), NEUVO_VAR=str(tmp_path)).returncode == 2
    (tmp_path / "empty.jsonl").write_text("")
    assert "has no messages" in neuvo("evaluate", str(tmp_path / "empty.jsonl"), NEUVO_VAR=str(tmp_path)).stderr


def test_evaluate_prints_figures_for_machines_and_draws_a_picture(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text(LINE + "\n")
    picture = tmp_path / "confusion.png"
    done = neuvo(
        "evaluate", "--json", "--picture", str(picture), str(path),
        NEUVO_RASA_PORT=str(service.rasa_port), NEUVO_VAR=str(service.folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["languages"]["en"]["messages"] == 1
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_review_refuses_an_answer_or_language_that_does_not_exist() -> None:
    assert neuvo("review", "ku", "housing/castle", "--by", "X").returncode == 2
    assert neuvo("review", "en", "housing/find_rental", "--by", "X").returncode == 2
