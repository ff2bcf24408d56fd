"""The classifier of Neuvo's model: one of the questions, its topic as the sum of its questions, and how sure it is."""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Text, Tuple

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.svm import LinearSVC

from nlu.features import Featurizer, VectorCache, vectors

logger = logging.getLogger(__name__)

URGENT = ("emergency", "crisis")
FOLLOW_UP = "follow_up"
_WORDS = re.compile(r"\w+")

Ranking = List[Dict[Text, Any]]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class QuestionClassifier(GraphComponent, IntentClassifier):
    """Classifies a message into `topic/question`, or a service intent, with a linear SVM over n-grams and vectors.

    It writes, in Rasa's own format, `intent` (a topic or a service intent, always the likeliest) with `intent_ranking`, and
    `response_selector.default` with `response.intent_response_key` (`topic/question`), `ranking` and `level`: `question`,
    `topic` or `unsure`, how sure the model is. A further key, `urgent`, holds `emergency` or `crisis` whenever one of them
    is as likely as the parameter `urgent` says, whatever else the message is about; there is no such key otherwise.

    A message that names no topic ("and how much is it?", the intent `follow_up`) is read in the topic that the tracker's
    slots `topic` and `question` remember; the parameter `follow_up` says which question of a topic answers it. A message
    the model is sure about is never captured by what was said before.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """The parameters; config.yml says what each of them means."""
        return {
            "C": 0.5,
            "tol": 0.01,
            "sharpness": 6.0,
            "vector_weight": 0.8,
            "minimum_count": 2,
            "random_state": 42,
            "question": 0.4,
            "topic": 0.5,
            "service": 0.35,
            "urgent": 0.02,
            "context": 3.0,
            "follow_up": {},
            "ranking_length": 10,
            "cache": "var/cache/vectors.npz",
        }

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Optional[Text]:
        """A hash of this folder's code: Rasa's own fingerprint sees this file only, and would keep an outdated model."""
        digest = hashlib.sha256()
        for path in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        featurizer: Optional[Featurizer] = None,
        weights: Optional[Tuple[np.ndarray, np.ndarray, List[Text]]] = None,
    ) -> None:
        """Set up, trained when `featurizer` and `weights` (coefficients, intercepts, labels) are given."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._featurizer = featurizer
        self._weights = weights

    @classmethod
    def create(
        cls, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> QuestionClassifier:
        """An untrained classifier."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the training examples; shows its progress."""
        examples = [(e.get(TEXT), e.get_full_intent()) for e in training_data.intent_examples if e.get(TEXT) and e.get(INTENT)]
        texts, labels = [text for text, _ in examples], [label for _, label in examples]
        embedded = VectorCache(Path(self._config["cache"])).vectors(texts, self._progress)
        self._featurizer = Featurizer(self._config["vector_weight"], self._config["minimum_count"]).fit(texts, embedded)
        features = self._featurizer.transform(texts, embedded)
        self._progress(f"linear support vector machine over {features.shape[1]} features, {len(set(labels))} classes", end="\n")
        model = LinearSVC(C=self._config["C"], tol=self._config["tol"], random_state=self._config["random_state"])
        model.fit(features, labels)
        self._weights = (model.coef_.astype(np.float32), model.intercept_.astype(np.float32), list(model.classes_))
        with self._model_storage.write_to(self._resource) as folder:
            joblib.dump((self._featurizer, self._weights), folder / "classifier.joblib")
        return self._resource

    @staticmethod
    def _progress(text: Text, end: Text = "\r") -> None:
        sys.stderr.write(f"{text}        {end}")
        sys.stderr.flush()

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> QuestionClassifier:
        """The classifier that `train` stored."""
        with model_storage.read_from(resource) as folder:
            featurizer, weights = joblib.load(folder / "classifier.joblib")
        return cls(config, model_storage, resource, featurizer, weights)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Leaves the training data as it is: nothing after this component learns from its predictions."""
        return training_data

    def process(self, messages: List[Message], tracker: Optional[DialogueStateTracker] = None) -> List[Message]:
        """Classify the messages; `tracker` gives the topic and the question talked about."""
        topic = tracker.get_slot("topic") if tracker else None
        question = tracker.get_slot("question") if tracker else None
        texts = [message.get(TEXT) or "" for message in messages]
        for message, (probabilities, understood) in zip(messages, self._probabilities(texts)):
            for key, value in self._result(probabilities, understood, topic, question).items():
                message.set(key, value, add_to_output=True)
        return messages

    def _probabilities(self, texts: List[Text]) -> List[Tuple[Dict[Text, float], bool]]:
        """For each text the probability of each label, and whether there was anything to read."""
        if self._featurizer is None or self._weights is None:
            raise RuntimeError("The classifier is not trained; train the model first.")
        if not texts:
            return []
        coefficients, intercepts, labels = self._weights
        scores = self._featurizer.transform(texts, vectors(texts)) @ coefficients.T + intercepts
        odds = np.exp(self._config["sharpness"] * (scores - scores.max(axis=1, keepdims=True)))
        shares = odds / odds.sum(axis=1, keepdims=True)
        return [(dict(zip(labels, map(float, row))), bool(_WORDS.search(text))) for row, text in zip(shares, texts, strict=True)]

    def _result(
        self, probabilities: Dict[Text, float], understood: bool, topic: Optional[Text], question: Optional[Text]
    ) -> Dict[Text, Any]:
        danger = {kind: probabilities.get(kind, 0.0) for kind in URGENT}
        urgent = max(danger, key=danger.__getitem__) if sum(danger.values()) >= self._config["urgent"] else None
        if topic:
            probabilities = self._in_context(probabilities, topic, question)
        intents: Dict[Text, float] = {}
        for label, probability in probabilities.items():
            name = label.partition("/")[0]
            intents[name] = intents.get(name, 0.0) + probability
        intent_ranking = _ranked(intents, "name", self._config["ranking_length"])
        questions = {label: p for label, p in probabilities.items() if "/" in label and not label.startswith(FOLLOW_UP)}
        ranking = _ranked(questions, "intent_response_key", self._config["ranking_length"])
        return {
            INTENT: intent_ranking[0],
            INTENT_RANKING_KEY: intent_ranking,
            "urgent": urgent if understood else None,
            "response_selector": {
                "all_retrieval_intents": sorted(self._topics),
                "default": {
                    "response": ranking[0],
                    "ranking": ranking,
                    "level": self._level(intent_ranking[0], ranking[0]) if understood else "unsure",
                },
            },
        }

    def _level(self, intent: Dict[Text, Any], best: Dict[Text, Any]) -> Text:
        """How sure the model is, by the thresholds of config.yml."""
        if intent["name"] == FOLLOW_UP:
            return "unsure"
        if intent["name"] not in self._topics:
            return "question" if intent["confidence"] >= self._config["service"] else "unsure"
        in_topic = best["intent_response_key"].startswith(f"{intent['name']}/")
        if in_topic and best["confidence"] >= self._config["question"]:
            return "question"
        return "topic" if intent["confidence"] >= self._config["topic"] else "unsure"

    @property
    def _topics(self) -> frozenset:
        labels = self._weights[2] if self._weights else []
        return frozenset(label.partition("/")[0] for label in labels if "/" in label and not label.startswith(FOLLOW_UP))

    def _in_context(self, probabilities: Dict[Text, float], topic: Text, question: Optional[Text]) -> Dict[Text, float]:
        """The probabilities given what was talked about.

        The topic's questions count for more (a prior of `context` to one), so that a message which names no other topic falls
        to them. What a follow-up asks for is given to the question of the topic that answers it, as config.yml lists them,
        or else to the question that was just answered.
        """
        weighted = {
            label: p * (self._config["context"] if label.startswith(f"{topic}/") else 1.0) for label, p in probabilities.items()
        }
        for label in probabilities:
            if label.startswith(f"{FOLLOW_UP}/"):
                kind = label.partition("/")[2]
                name = self._config["follow_up"].get(topic, {}).get(kind)
                target = f"{topic}/{name}" if name else question
                if target in weighted:
                    weighted[target] += weighted.pop(label)
        total = sum(weighted.values())
        return {label: p / total for label, p in weighted.items()}


def _ranked(scores: Dict[Text, float], key: Text, length: int) -> Ranking:
    best = sorted(scores.items(), key=lambda pair: -pair[1])[:length]
    return [{key: name, "confidence": score} for name, score in best]
