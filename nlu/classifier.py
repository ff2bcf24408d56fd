"""The classifier of Neuvo's model: one of the questions, its topic as the sum of its questions, and how sure it is."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Text, Tuple

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
from scipy.sparse import csr_matrix, hstack
from sklearn.svm import LinearSVC

from nlu.encoder import Encoder, build
from nlu.features import Featurizer, VectorCache

logger = logging.getLogger(__name__)

URGENT = ("emergency", "crisis")
FOLLOW_UP = "follow_up"
ENCODER = "e5-int8.onnx"
_WORDS = re.compile(r"\w+")
_PARTS = re.compile(r"[.,;:!?؟،؛\n]|\b(?:and|but|ja|mutta|sekä|och|men|û|u|lê|و|بەڵام)\b", re.IGNORECASE)

Ranking = List[Dict[Text, Any]]
Machine = Tuple[np.ndarray, np.ndarray]
"""Coefficients (features × labels) and intercepts (labels)."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class QuestionClassifier(GraphComponent, IntentClassifier):
    """Classifies a message into `topic/question`, or a service intent, with linear support vector machines.

    One machine sees the n-grams alone, which cost a millisecond. Where it is sure (the parameter `sure`) and sees no danger,
    it decides; otherwise the second one, which also sees the sentence vector, dozens of times as costly.

    It writes, in Rasa's own format, `intent` (a topic or a service intent, always the likeliest) with `intent_ranking`, and
    `response_selector.default` with `response.intent_response_key` (`topic/question`), `ranking` and `level`: `question`,
    `topic` or `unsure`, how sure the model is; `also` is a second question that the message seems to ask, or None. A further
    key, `urgent`, holds `emergency` or `crisis` whenever one of them is as likely as the parameter `urgent` says, whatever
    else the message is about; there is no such key otherwise.

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
            "suspicion": 0.005,
            "also": 0.5,
            "sure": 0.9,
            "context": 3.0,
            "follows": 0.35,
            "follow_up": {},
            "ranking_length": 10,
            "cache": "var/cache",
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
        encoder: Optional[Encoder] = None,
        machines: Optional[Tuple[Machine, Machine]] = None,
        labels: Sequence[Text] = (),
    ) -> None:
        """Set up; trained when all is given: the machine of the n-grams, and that of the n-grams with the vectors."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._featurizer = featurizer
        self._encoder = encoder
        self._machines = machines
        self.labels = list(labels)
        self._urgent_labels = [self.labels.index(kind) for kind in URGENT if kind in self.labels]
        self.topics = frozenset(label.partition("/")[0] for label in labels if _is_question(label))

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
        cache = Path(self._config["cache"])
        build(cache / ENCODER)
        embedded = VectorCache(cache / "vectors.npz", cache / ENCODER).vectors(texts, self._progress)
        featurizer = Featurizer(self._config["vector_weight"], self._config["minimum_count"]).fit(texts, embedded)
        ngrams = featurizer.ngrams(texts)
        both = hstack([ngrams, csr_matrix(featurizer.meanings(embedded))], format="csr")
        self._progress(f"two support vector machines, {both.shape[1]} features, {len(set(labels))} classes", end="\n")
        # Each takes one core, and the seed makes both repeatable.
        cheap, costly = joblib.Parallel(n_jobs=2, max_nbytes=None)(
            joblib.delayed(self._fit)(features, labels) for features in (ngrams, both)
        )
        with self._model_storage.write_to(self._resource) as folder:
            joblib.dump((featurizer, (cheap, costly), sorted(set(labels))), folder / "classifier.joblib")
            shutil.copy(cache / ENCODER, folder / ENCODER)
        return self._resource

    def _fit(self, features: csr_matrix, labels: List[Text]) -> Machine:
        model = LinearSVC(C=self._config["C"], tol=self._config["tol"], random_state=self._config["random_state"])
        model.fit(features, labels)
        # One row a feature: a message has few of them, and the rows of those lie together in memory.
        return np.ascontiguousarray(model.coef_.T.astype(np.float32)), model.intercept_.astype(np.float32)

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
            featurizer, machines, labels = joblib.load(folder / "classifier.joblib")
            encoder = Encoder(folder / ENCODER)
        return cls(config, model_storage, resource, featurizer, encoder, machines, labels)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Leaves the training data as it is: nothing after this component learns from its predictions."""
        return training_data

    def process(self, messages: List[Message], tracker: Optional[DialogueStateTracker] = None) -> List[Message]:
        """Classify the messages; `tracker` gives the topic and the question talked about."""
        topic = tracker.get_slot("topic") if tracker else None
        question = tracker.get_slot("question") if tracker else None
        texts = [message.get(TEXT) or "" for message in messages]
        if texts:
            for message, text, shares in zip(messages, texts, self.probabilities(texts), strict=True):
                result = self.result(shares, topic, question)
                parts = self._parts(text)
                if len(parts) > 1 and result["response_selector"]["default"]["level"] != "question":
                    result = self.result(parts[0])  # two questions in one message share its probability between them
                result["urgent"] = self._urgent(text, shares)
                selected = result["response_selector"]["default"]
                if not _WORDS.search(text):
                    selected["level"], result["urgent"] = "unsure", None
                others = [self.labels[part.argmax()] for part in parts]
                others = [label for label in others if not label.startswith(f"{result[INTENT]['name']}/")]
                selected["also"] = others[0] if others and result[INTENT]["name"] in self.topics else None
                for key, value in result.items():
                    message.set(key, value, add_to_output=True)
        return messages

    def _urgent(self, text: Text, shares: np.ndarray) -> Optional[Text]:
        """The kind of danger that the message speaks of, or one of its lines: several messages may have been read together."""
        lines = [line for line in text.splitlines() if _WORDS.search(line)]
        each = np.vstack([shares, self.probabilities(lines)]) if len(lines) > 1 else shares[None]
        danger = self.danger(each)
        worst = danger.argmax()
        if danger[worst] < self._config["urgent"]:
            return None
        return max(URGENT, key=lambda kind: each[worst, self.labels.index(kind)])

    def _parts(self, text: Text) -> List[np.ndarray]:
        """What the parts of a message ask by themselves: "I lost my job and cannot pay the rent".

        The probabilities of the surest part of each topic, surest first; no parts where the message is one.
        """
        texts = [part for part in _PARTS.split(text) if len(_WORDS.findall(part)) > 1]
        if len(texts) < 2 or self._featurizer is None or self._machines is None:
            return []
        cheap, offsets = self._machines[0]
        found: Dict[Text, np.ndarray] = {}
        for shares in sorted(self._softmax(self._featurizer.ngrams(texts) @ cheap + offsets), key=lambda part: -part.max()):
            label = self.labels[shares.argmax()]
            if shares.max() >= self._config["also"] and _is_question(label):
                found.setdefault(label.partition("/")[0], shares)
        return list(found.values())

    def probabilities(self, texts: List[Text]) -> np.ndarray:
        """How likely each label is for each text (texts × labels), the costly machine asked only where the cheap one is unsure.

        They add up to one but for emergency and crisis, whose likelihood is that of the more worried of the two machines.

        Raises:
            RuntimeError: the classifier is not trained.
        """
        if self._featurizer is None or self._encoder is None or self._machines is None:
            raise RuntimeError("The classifier is not trained; train the model first.")
        (cheap, cheap_offsets), (costly, costly_offsets) = self._machines
        ngrams = self._featurizer.ngrams(texts)
        shares = self._softmax(ngrams @ cheap + cheap_offsets)
        unsure = np.flatnonzero(self._unsure(shares))
        if len(unsure):
            meanings = self._featurizer.meanings(self._encoder.vectors([texts[i] for i in unsure]))
            count = ngrams.shape[1]
            better = self._softmax(ngrams[unsure] @ costly[:count] + meanings @ costly[count:] + costly_offsets)
            # Of danger the more worried of the two machines is believed: together they overlook far less than either. Of which
            # kind it is, the better one says.
            more = np.maximum(1, self.danger(shares[unsure]) / np.maximum(self.danger(better), 1e-9))
            better[:, self._urgent_labels] *= more[:, None]
            shares[unsure] = better
        return shares

    def _unsure(self, shares: np.ndarray) -> np.ndarray:
        return (shares.max(axis=1) < self._config["sure"]) | (self.danger(shares) >= self._config["suspicion"])

    def without_vector(self, texts: List[Text]) -> float:
        """The share of the texts that the n-grams alone decide."""
        if self._featurizer is None or self._machines is None:
            raise RuntimeError("The classifier is not trained; train the model first.")
        cheap, offsets = self._machines[0]
        return float(1 - self._unsure(self._softmax(self._featurizer.ngrams(texts) @ cheap + offsets)).mean())

    def _softmax(self, margins: np.ndarray) -> np.ndarray:
        odds = np.exp(self._config["sharpness"] * (margins - margins.max(axis=1, keepdims=True)))
        return odds / odds.sum(axis=1, keepdims=True)

    def danger(self, shares: np.ndarray) -> np.ndarray:
        """How likely an emergency or a crisis is (one number a text)."""
        return shares[:, self._urgent_labels].sum(axis=1)

    def result(self, shares: np.ndarray, topic: Optional[Text] = None, question: Optional[Text] = None) -> Dict[Text, Any]:
        """What Rasa is told of a message with these probabilities, in the topic and after the question talked about."""
        probabilities = dict(zip(self.labels, map(float, shares)))
        thresholds = self._config
        if topic:
            if self.labels[shares.argmax()].startswith(f"{FOLLOW_UP}/"):
                thresholds = {**thresholds, "question": thresholds["follows"]}
            probabilities = self._in_context(probabilities, topic, question)
        intents: Dict[Text, float] = {}
        for label, probability in probabilities.items():
            name = label.partition("/")[0]
            intents[name] = intents.get(name, 0.0) + probability
        intent_ranking = _ranked(intents, "name", self._config["ranking_length"])
        questions = {label: p for label, p in probabilities.items() if _is_question(label)}
        ranking = _ranked(questions, "intent_response_key", self._config["ranking_length"])
        return {
            INTENT: intent_ranking[0],
            INTENT_RANKING_KEY: intent_ranking,
            "response_selector": {
                "all_retrieval_intents": sorted(self.topics),
                "default": {
                    "response": ranking[0],
                    "ranking": ranking,
                    "level": self.level(intent_ranking[0], ranking[0], thresholds),
                },
            },
        }

    def level(self, intent: Dict[Text, Any], best: Dict[Text, Any], thresholds: Mapping[Text, float]) -> Text:
        """How sure the model is of the likeliest intent and question, by the thresholds `question`, `topic` and `service`."""
        if intent["name"] == FOLLOW_UP:
            return "unsure"
        if intent["name"] not in self.topics:
            return "question" if intent["confidence"] >= thresholds["service"] else "unsure"
        in_topic = best["intent_response_key"].startswith(f"{intent['name']}/")
        if in_topic and best["confidence"] >= thresholds["question"]:
            return "question"
        return "topic" if intent["confidence"] >= thresholds["topic"] else "unsure"

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
                if target in weighted and target.startswith(f"{topic}/"):
                    weighted[target] += weighted.pop(label)
        total = sum(weighted.values())
        return {label: p / total for label, p in weighted.items()}


def _is_question(label: Text) -> bool:
    return "/" in label and not label.startswith(f"{FOLLOW_UP}/")


def _ranked(scores: Dict[Text, float], key: Text, length: int) -> Ranking:
    best = sorted(scores.items(), key=lambda pair: -pair[1])[:length]
    return [{key: name, "confidence": score} for name, score in best]
