"""The choices a person can make: the payloads that are accepted, and the words that select one of those last offered."""

import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.rating import COMMENT, RATING
from bot.tables import Score
from guidance.answers import TOPICS
from guidance.languages import Language, Service

SERVICE_INTENTS = (
    "human_handoff",
    "request_callback",
    "opening_hours",
    "contact_details",
    "service_languages",
    "change_language",
)
"""The service intents that a button may stand for."""

LANGUAGE = "language:"
CALL_BACK = "callback:"
LEAVE = "queue:leave"
"""The choice not to wait for an advisor any more."""

SHARE_HISTORY = "history:share"
"""The choice to let an advisor read the person's earlier conversations."""

_QUESTION = re.compile(r"/(?P<topic>\w+)(?P<entities>\{.*\})")
_NOT_WORDS = re.compile(r"[\W_]+")


class PayloadError(ValueError):
    """A payload has none of the forms that a choice can have."""


def check_payload(payload: str, questions: Collection[str], service: Service) -> str:
    """The payload, if it has one of the forms that a choice can have.

    Raises:
        PayloadError: it has not; the message says which forms there are.
    """
    if payload.startswith(LANGUAGE):
        if payload.removeprefix(LANGUAGE) in service.by_code:
            return payload
    elif payload in (LEAVE, SHARE_HISTORY, COMMENT) or payload.startswith(CALL_BACK):
        return payload  # the call-back form checks its own, against what it offered
    elif payload.startswith(RATING) and payload.removeprefix(RATING) in set(Score):
        return payload
    elif payload.startswith("/"):
        if payload[1:] in (*TOPICS, *SERVICE_INTENTS):
            return payload
        if question_of(payload) in questions:
            return payload
    raise PayloadError(
        'a payload is /topic, /topic{"question": "name"}, /service_intent or language:code, as offered in a choice'
    )


def question_of(payload: str) -> str | None:
    """The id of the question a payload asks, `topic/question`; None if it asks none."""
    match = _QUESTION.fullmatch(payload)
    if match is None:
        return None
    try:
        entities = json.loads(match["entities"])
    except ValueError:
        return None
    if not isinstance(entities, dict) or list(entities) != ["question"] or not isinstance(entities["question"], str):
        return None
    return f"{match['topic']}/{entities['question']}"


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    return _NOT_WORDS.sub(" ", text).strip()


def select(text: str, choices: Sequence[Mapping[str, Any]], language: Language) -> str | None:
    """The payload of the choice that a text selects: by its number, by its own words, or by "yes" where there is one only."""
    if not choices:
        return None
    said = _plain(text)
    if said.isdecimal():
        number = int(said)
        return str(choices[number - 1]["payload"]) if 1 <= number <= len(choices) else None
    for choice in choices:
        if said == _plain(choice["label"]):
            return str(choice["payload"])
    questions = [choice for choice in choices if choice["payload"] != "/human_handoff"]
    if len(questions) == 1 and said in {_plain(word) for word in language.yes}:
        return str(questions[0]["payload"])
    return None
