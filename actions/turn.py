"""What an action needs to know of the message it answers, read from Rasa's tracker in one place."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError
from rasa_sdk import Tracker

from guidance.answers import TOPICS
from guidance.knowledge import Knowledge
from guidance.languages import Language
from guidance.opening_hours import DeskState
from guidance.wording import Wording

logger = logging.getLogger(__name__)

Level = Literal["question", "topic", "unsure"]


@dataclass(frozen=True)
class Turn:
    """One message as the model understood it, in the language and with the desk's state that bot/ sent along.

    `ranked` are the ids of the questions in the order of their likelihood; a button press ranks its own question alone.
    `also` is a second question that the message seems to ask.
    """

    knowledge: Knowledge
    language: Language
    wording: Wording
    desk: DeskState
    now: datetime
    intent: str
    level: Level
    ranked: tuple[str, ...]
    also: str | None
    urgent: Literal["emergency", "crisis"] | None
    topic: str | None
    last_question: str | None
    unsure_before: int

    def gettext(self, text: str) -> str:
        """A message in the person's language."""
        return self.wording.catalog.gettext(text)

    @property
    def about(self) -> dict[str, Any]:
        """What the model understood, for the statistics that bot/ keeps."""
        topic = self.intent if self.intent in TOPICS else None
        sure = topic and self.level == "question" and self.ranked
        return {"intent": self.intent, "topic": topic, "question": self.ranked[0] if sure else None, "level": self.level}


def _desk(metadata: dict[str, Any], knowledge: Knowledge, now: datetime) -> DeskState:
    if (sent := metadata.get("desk")) is not None:
        try:
            return DeskState.model_validate(sent)
        except ValidationError as error:
            logger.warning("The desk's state that came with a message is not usable: %s", error.errors()[0]["msg"])
    return knowledge.hours.at(now)


def _local(desk: DeskState, knowledge: Knowledge) -> DeskState:
    zone = knowledge.hours.zone
    return desk.model_copy(
        update={
            "opens_at": desk.opens_at.astimezone(zone) if desk.opens_at else None,
            "closes_at": desk.closes_at.astimezone(zone) if desk.closes_at else None,
        }
    )


def read_turn(tracker: Tracker, knowledge: Knowledge) -> Turn:
    """The turn the tracker is in."""
    message = tracker.latest_message
    metadata = message.get("metadata") or {}
    now = datetime.now(UTC)
    intent = (message.get("intent") or {}).get("name") or "out_of_scope"
    selector = (message.get("response_selector") or {}).get("default") or {}
    pressed = [e["value"] for e in message.get("entities") or [] if e.get("entity") == "question"]
    if pressed:
        level: Level = "question"
        ranked: tuple[str, ...] = (f"{intent}/{pressed[0]}",)
    elif not selector:  # a button for a topic or a service intent: chosen, not guessed
        level, ranked = ("topic" if intent in TOPICS else "question"), ()
    else:
        level = selector.get("level", "unsure")
        ranked = tuple(entry["intent_response_key"] for entry in selector.get("ranking", []))
    language = knowledge.service.language(metadata.get("language"))
    return Turn(
        knowledge=knowledge,
        language=language,
        wording=knowledge.wording(language.code),
        desk=_local(_desk(metadata, knowledge, now), knowledge),
        now=now,
        intent=intent,
        level=level,
        ranked=ranked,
        also=also if (also := selector.get("also")) in knowledge.answers else None,
        urgent=message.get("urgent"),
        topic=tracker.get_slot("topic"),
        last_question=tracker.get_slot("question"),
        unsure_before=int(tracker.get_slot("unsure") or 0),
    )
