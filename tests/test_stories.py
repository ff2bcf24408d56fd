"""Whole conversations as Rasa end-to-end stories, and follow-ups in every full language, through the real model."""

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from guidance.content import ROOT
from tests.conftest import FULL, MODEL, Person


def test_rasas_end_to_end_stories_pass(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "nlu/.venv/bin/python", "-W", "ignore", "-m", "rasa", "test", "core", "--e2e", "--fail-on-prediction-errors",
            "--model", str(MODEL), "--stories", "tests/stories/test_stories.yml", "--out", str(tmp_path), "--no-plot",
        ],
        cwd=ROOT,
        env={**os.environ, "RASA_TELEMETRY_ENABLED": "false", "NEUVO_ACTIONS_PORT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    failed = tmp_path / "failed_test_stories.yml"
    assert done.returncode == 0, failed.read_text() if failed.exists() else done.stderr[-3000:]


def _follow_ups(language: str) -> list[dict[str, str]]:
    path = ROOT / "tests" / "context" / f"{language}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("language", FULL)
def test_there_are_ten_follow_ups_of_each_kind_and_ten_that_name_another_topic(language: str) -> None:
    other_topic = [f for f in _follow_ups(language) if f["after"].partition("/")[0] != f["expect"].partition("/")[0]]
    assert len(other_topic) >= 10
    assert len(_follow_ups(language)) - len(other_topic) >= 30


@pytest.mark.parametrize("language", FULL)
def test_follow_ups_are_read_in_the_topic_and_another_topic_is_not_captured(person: Callable[..., Person], language: str) -> None:
    wrong = defaultdict(list)
    for follow_up in _follow_ups(language):
        someone = person(language, True)
        topic, _, question = follow_up["after"].partition("/")
        someone.press(f"/{topic}{json.dumps({'question': question})}")
        said = someone.say(follow_up["text"])
        answered = next((reply["id"] for reply in said if reply["type"] == "answer"), said[0]["type"])
        if answered != follow_up["expect"]:
            wrong[follow_up["expect"]].append((follow_up["text"], answered))
    mistakes = [f"{expect}: {text} → {got}" for expect, pairs in wrong.items() for text, got in pairs]
    assert len(mistakes) <= len(_follow_ups(language)) * 0.1, "\n".join(mistakes)
