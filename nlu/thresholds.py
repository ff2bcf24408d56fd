"""`make thresholds`: chooses the classifier's thresholds on the development messages, from stated costs, and writes them.

The messages (data/development/<language>.jsonl) were never trained on; tests/nlu is never read here. The costs are in
data/development/costs.yml. The chosen numbers go into config.yml, each in the place of the one before it.
"""

import itertools
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import yaml
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource

from nlu.classifier import URGENT, QuestionClassifier

ROOT = Path(__file__).parent.parent
DEVELOPMENT = ROOT / "data" / "development"
CONFIG = ROOT / "config.yml"
COMPONENT = "nlu.classifier.QuestionClassifier"

QUESTION, TOPIC, SERVICE = (np.round(np.arange(*steps), 2) for steps in ((0.2, 0.8, 0.05), (0.2, 0.9, 0.05), (0.2, 0.8, 0.05)))
URGENT_LEVELS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2)
SURE_LEVELS = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.1)


def load(model: Path, **parameters: Any) -> QuestionClassifier:
    """The trained classifier in a model file of Rasa, with config.yml's parameters but for those given."""
    pipeline = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["pipeline"]
    config = {**QuestionClassifier.get_default_config(), **next(c for c in pipeline if c["name"] == COMPONENT), **parameters}
    with tempfile.TemporaryDirectory() as folder:
        storage, _ = LocalModelStorage.from_model_archive(Path(folder), model)
        return QuestionClassifier.load(config, storage, Resource(f"train_{COMPONENT}0"), ExecutionContext(GraphSchema({})))


class Development:
    """The development messages as the model sees them: what each would cost at which thresholds."""

    def __init__(self, classifier: QuestionClassifier, labels: List[str], shares: np.ndarray, costs: Dict[str, float]) -> None:
        """Set up with the messages' labels and the probabilities (messages × classes) that the classifier gives them."""
        self._classifier, self._labels, self._costs = classifier, labels, costs
        results = [classifier.result(row) for row in shares]
        self._understood = [(result["intent"], result["response_selector"]["default"]["response"]) for result in results]
        self.danger = classifier.danger(shares)
        self.kinds = np.array([self._kind(label) for label in labels])

    def _kind(self, label: str) -> str:
        if label in URGENT:
            return "danger"
        if label == "out_of_scope":
            return label
        return "in_scope" if label.partition("/")[0] in self._classifier.topics else "service"

    def _weighted(self, cost: np.ndarray, kinds: Tuple[str, ...]) -> float:
        return float(sum(self._costs[f"share_{kind}"] * cost[self.kinds == kind].mean() for kind in kinds))

    def reply_cost(self, question: float, topic: float, service: float) -> float:
        """The mean cost of a message's reply at these thresholds."""
        thresholds = {"question": question, "topic": topic, "service": service}
        cost = np.array(
            [
                self._reply_cost(
                    label, intent["name"], best["intent_response_key"], self._classifier.level(intent, best, thresholds)
                )
                for label, (intent, best) in zip(self._labels, self._understood, strict=True)
            ]
        )
        return self._weighted(cost, ("in_scope", "service", "out_of_scope"))

    def _reply_cost(self, label: str, intent: str, question: str, level: str) -> float:
        outside, right = label == "out_of_scope", intent == label.partition("/")[0]
        if level == "unsure":
            return 0 if outside else self._costs["unsure"]
        if intent not in self._classifier.topics:
            return 0 if right else self._costs["question_back" if outside else "wrong_reply"]
        if level == "question":
            return 0 if question == label else self._costs["false_answer" if outside else "wrong_answer"]
        return self._costs["question_back" if outside or right else "wrong_topic"]

    def danger_cost(self, urgent: float) -> float:
        """The mean cost of seeing danger from this likelihood on."""
        seen = self.danger >= urgent
        missed = np.where(seen, 0, self._costs["missed_danger"])
        alarm = np.where(seen, self._costs["false_alarm"], 0)
        return self._weighted(np.where(self.kinds == "danger", missed, alarm), ("in_scope", "service", "out_of_scope", "danger"))


def read() -> Tuple[List[str], List[str]]:
    """The development messages and their labels."""
    rows = [
        json.loads(line) for path in sorted(DEVELOPMENT.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [row["text"].lstrip("/ ") or "…" for row in rows], [row["label"] for row in rows]


def write(chosen: Dict[str, float]) -> None:
    """Put the chosen thresholds into config.yml, leaving everything else as it is."""
    text = CONFIG.read_text(encoding="utf-8")
    for name, value in chosen.items():
        text, count = re.subn(rf"(?m)^(  {name}: )[\d.]+$", rf"\g<1>{value:g}", text)
        if count != 1:
            raise SystemExit(f"config.yml: there should be one line `  {name}: …` in the pipeline; nothing was written")
    CONFIG.write_text(text, encoding="utf-8")


def choose(model: Path) -> Dict[str, float]:
    """The cheapest thresholds for the model in this file; says how it comes to them."""
    costs = yaml.safe_load((DEVELOPMENT / "costs.yml").read_text(encoding="utf-8"))
    texts, labels = read()
    print(f"{len(texts)} development messages", flush=True)
    always = load(model, sure=1.1)
    exact = Development(always, labels, always.probabilities(texts), costs)
    print("\ndanger seen from   cost of a message   missed   false alarms")
    for level in URGENT_LEVELS:
        seen, danger = exact.danger >= level, exact.kinds == "danger"
        print(f"{level:16} {exact.danger_cost(level):18.4f} {int((danger & ~seen).sum()):8} {(seen & ~danger).mean():14.1%}")
    # So few messages tell little of how unlikely real danger may look: the level is kept well below where the cost is least.
    cheapest = min(URGENT_LEVELS, key=lambda level: (round(exact.danger_cost(level), 4), level))
    urgent = max((level for level in URGENT_LEVELS if level <= cheapest / costs["danger_margin"]), default=URGENT_LEVELS[0])
    print(f"cheapest from {cheapest:g}; taken, for a margin of {costs['danger_margin']:g}: {urgent:g}")
    question, topic, service = min(itertools.product(QUESTION, TOPIC, SERVICE), key=lambda levels: exact.reply_cost(*levels))
    least = exact.reply_cost(question, topic, service)
    print(f"\nquestion {question:g}, topic {topic:g}, service {service:g}: a message costs {least:.4f}")
    print("\nn-grams decide from   messages without vector   cost of a message   missed")
    sure = SURE_LEVELS[-1]
    for level in reversed(SURE_LEVELS):
        classifier = load(model, sure=level)
        shares = classifier.probabilities(texts)
        fast = Development(classifier, labels, shares, costs)
        cost = fast.reply_cost(question, topic, service)
        missed = int(((fast.kinds == "danger") & (fast.danger < urgent)).sum())
        print(f"{level:19} {classifier.without_vector(texts):25.0%} {cost:19.4f} {missed:8}", flush=True)
        if not missed and cost <= least * (1 + costs["for_speed"]):
            sure = level
    return {"question": question, "topic": topic, "service": service, "urgent": urgent, "sure": sure}


if __name__ == "__main__":
    chosen = choose(Path(sys.argv[1]))
    write(chosen)
    print(f"\nwritten to config.yml: {', '.join(f'{name} {value:g}' for name, value in chosen.items())}")
    print("The next training takes them up: make train")
