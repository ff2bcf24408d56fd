"""The thresholds cost least on the development messages, by the stated costs, and are written in their places."""

import numpy as np
import pytest
import yaml

from nlu import thresholds
from nlu.classifier import QuestionClassifier
from nlu.thresholds import DEVELOPMENT, Development

LABELS = ["crisis", "emergency", "greet", "housing/find_rental", "housing/tenant_rights", "out_of_scope"]
COSTS = yaml.safe_load((DEVELOPMENT / "costs.yml").read_text())


def development(*messages):
    """Messages as (label, the probabilities of LABELS)."""
    shares = np.array([shares for _, shares in messages])
    classifier = QuestionClassifier(QuestionClassifier.get_default_config(), None, None, labels=LABELS)
    return Development(classifier, [label for label, _ in messages], shares, COSTS)


RIGHT = ("housing/find_rental", [0, 0, 0, 0.7, 0.3, 0])
WRONG = ("housing/tenant_rights", [0, 0, 0, 0.6, 0.4, 0])
OUTSIDE = ("out_of_scope", [0, 0, 0, 0.5, 0.1, 0.4])
GREETING = ("greet", [0, 0, 0.9, 0, 0, 0.1])
DANGER = ("emergency", [0, 0.1, 0.8, 0, 0, 0.1])
SAFE = ("greet", [0, 0.05, 0.9, 0, 0, 0.05])


@pytest.mark.parametrize(
    ("question", "topic", "in_scope", "outside"),
    [
        (0.5, 0.5, "wrong_answer", "false_answer"),  # of two questions one is answered rightly, the other wrongly
        (0.65, 0.5, "question_back", "question_back"),
        (0.8, 0.5, "question_back", "question_back"),
        (0.99, 1.1, "unsure", None),
    ],
)
def test_a_reply_costs_what_is_stated(question, topic, in_scope, outside):
    cost = development(RIGHT, WRONG, OUTSIDE, GREETING, DANGER).reply_cost(question, topic, 0.5)
    shares = {(0.5, 0.5): 0.5, (0.65, 0.5): 0.5}.get((question, topic), 1)
    expected = COSTS["share_in_scope"] * shares * COSTS[in_scope]
    expected += COSTS["share_out_of_scope"] * (COSTS[outside] if outside else 0)
    assert cost == pytest.approx(expected)


def test_a_missed_danger_costs_more_than_any_number_of_false_alarms():
    messages = development(RIGHT, OUTSIDE, SAFE, DANGER)
    assert messages.danger_cost(0.2) > messages.danger_cost(0.0) > messages.danger_cost(0.08)


def test_thresholds_are_written_in_their_places_and_nothing_else_changes(tmp_path, monkeypatch):
    config = tmp_path / "config.yml"
    config.write_text("pipeline:\n- name: x\n  # question: how sure\n  question: 0.4\n  urgent: 0.02\n")
    monkeypatch.setattr(thresholds, "CONFIG", config)
    thresholds.write({"question": 0.55, "urgent": 0.005})
    assert config.read_text() == "pipeline:\n- name: x\n  # question: how sure\n  question: 0.55\n  urgent: 0.005\n"
    with pytest.raises(SystemExit, match="topic"):
        thresholds.write({"topic": 0.5, "question": 0.1})
    assert "0.55" in config.read_text()
