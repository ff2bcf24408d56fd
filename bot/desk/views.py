"""What the desk's pages show, made ready for the templates, in Finnish, Swedish or English."""

import gettext
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from bot.conversation import Conversations
from bot.desk.accounts import SignedIn
from bot.queue import TRAINING
from bot.tables import Advisor, Author, Conversation, Mode, Role
from guidance.answers import TOPICS
from guidance.content import TRANSLATIONS
from guidance.translations import DESK, DESK_LANGUAGES
from guidance.wording import clock, day

SHOWN = 8
"""Curated answers listed at once."""


def _environments() -> dict[str, Environment]:
    """One template environment a language."""
    made = {}
    for code in DESK_LANGUAGES:
        environment: Any = Environment(  # whose methods for gettext its extension adds
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, extensions=["jinja2.ext.i18n"]
        )
        catalog = gettext.translation(DESK, TRANSLATIONS, [code], fallback=code == "en")
        environment.install_gettext_translations(catalog, newstyle=True)
        made[code] = environment
    return made


_templates = _environments()


def render(name: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page in a language of the desk."""
    text = _templates[language].get_template(name).render(language=language, languages=DESK_LANGUAGES, **values)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


class Desk:
    """What the templates need: rows of the queue, and words for codes."""

    def __init__(self, all: Conversations, me: SignedIn) -> None:
        self._all = all
        self.me = me
        self._now = all._clock()

    def row(self, conversation: Conversation) -> dict[str, Any]:
        """A conversation in the queue or in the list of those that are held."""
        language = self._all.knowledge.service.language(conversation.language)
        since = conversation.waiting_since or conversation.created_at
        return {
            "id": conversation.id,
            "short": conversation.id[:6],
            "language": language,
            "mine": language.code in self.me.advisor.languages,
            "interpreter": language.code not in self._all.knowledge.service.advisor_languages,
            "topic": self.topic(conversation.topic),
            "urgent": conversation.urgent_at is not None,
            "reason": conversation.wait_reason,
            "channel": conversation.channel,
            "training": conversation.channel == TRAINING,
            "topic_id": conversation.topic,
            "unread": conversation.mode == Mode.ADVISOR.value and conversation.last_seq > conversation.read_at_desk,
            "minutes": int((self._now - since).total_seconds() // 60),
        }

    def topic(self, topic: str | None) -> str | None:
        """A topic's name in the desk's language."""
        return self._all.knowledge.wording(self.me.session.language).topic(topic) if topic else None

    async def queue(self) -> dict[str, Any]:
        """Who waits, those first whom this advisor understands; and the conversations this advisor holds.

        The filter hides the others, but nobody in danger.
        """
        everybody = [self.row(conversation) for conversation in await self._all.queue.waiting()]
        session = self.me.session
        waiting = [
            row
            for row in everybody
            if row["urgent"]
            or (
                (not session.only_language or row["language"].code == session.only_language)
                and (not session.only_topic or row["topic_id"] == session.only_topic)
            )
        ]
        hidden = len(everybody) - len(waiting)
        waiting += [self.row(conversation) for conversation in await self._all.queue.practised(self.me.advisor)]
        supervisor = self.me.advisor.role == Role.SUPERVISOR.value
        held = await self._all.queue.held(None if supervisor else self.me.advisor.id)
        wording = self._all.knowledge.wording(self.me.session.language)
        return {
            "me": self.me.advisor,
            "csrf": self.me.session.csrf,
            "waiting": sorted(waiting, key=lambda row: (not row["urgent"], not row["mine"])),
            "hidden": hidden,
            "only": {"language": session.only_language, "topic": session.only_topic},
            "choose": {
                "languages": self._all.knowledge.service.languages,
                "topics": [(topic, wording.topic(topic)) for topic in TOPICS],
            },
            "held": [self.row(conversation) for conversation in held],
            "hours": wording.desk(await self._all.desk(), self._now),
        }

    def answers(self, conversation: Conversation, words: str) -> list[dict[str, str]]:
        """The curated answers that hold all these words, in the person's language or the next best; by default the topic's."""
        known = self._all.knowledge
        wanted = words.casefold().split()
        found = []
        for answer in known.answers.values():
            shown, code = known.translations.answer(answer, conversation.language)
            blocks = [block if isinstance(block, str) else "\n".join(f"• {point}" for point in block) for block in shown.answer]
            text = "\n\n".join([shown.question, *blocks, *(link.url for link in shown.links)])
            # An advisor may also look for the English words.
            everything = f"{text} {answer.id} {answer.question}".casefold()
            if all(word in everything for word in wanted) if wanted else answer.topic == conversation.topic:
                found.append({"question": shown.question, "text": text, "language": code})
        return found[:SHOWN]

    def phrases(self, conversation: Conversation) -> list[str]:
        """The short phrases in the person's language."""
        catalog = self._all.knowledge.translations.catalog(conversation.language)
        return [catalog.pgettext("phrase", phrase) for phrase in self._all.knowledge.phrases]

    def when(self, moment: datetime) -> str:
        """A moment on the desk's clock; with its day if that is not today."""
        zone = self._all.knowledge.hours.zone
        local, today = moment.astimezone(zone), self._now.astimezone(zone).date()
        language = self._all.knowledge.service.language(self.me.session.language)
        return clock(local) if local.date() == today else f"{day(local.date(), language)} {clock(local)}"

    async def transcript(self, conversation: Conversation, after: int = 0, after_note: int = 0) -> list[dict[str, Any]]:
        """The messages and notes after these, as they came."""
        messages = await self._all.store.messages_after(conversation.id, after, 2000)
        notes = await self._all.queue.notes(conversation.id, after_note)
        shown = [
            {
                **message.content,
                "seq": message.seq,
                "author": message.author,
                "type": message.type,
                "at": message.created_at,
                "when": self.when(message.created_at),
                "language": self._all.knowledge.service.language(message.language),
            }
            for message in messages
        ]
        written = [
            {"note": note.id, "author": "note", "text": note.text, "name": name, "at": note.at, "when": self.when(note.at)}
            for note, name in notes
        ]
        return sorted([*shown, *written], key=lambda entry: entry["at"])

    async def state(self, conversation: Conversation) -> dict[str, Any]:
        """Whether the person is writing, and how far the advisor's last reply has come."""
        last = await self._all.store.last_by(conversation.id, Author.ADVISOR)
        types = self._all.notifier.who_types(conversation.id, Author.PERSON) is not None
        return {"types": types, "last": last, "delivered": conversation.delivered, "read": conversation.read}

    async def conversation(self, conversation: Conversation) -> dict[str, Any]:
        """The whole transcript, and a line that sums it up."""
        shown = await self.transcript(conversation)
        asked = [message for message in shown if message["author"] == "person" and "payload" not in message]
        answers = [message for message in shown if message.get("type") == "answer"]
        held = conversation.mode == Mode.ADVISOR.value
        own = held and conversation.advisor_id == self.me.advisor.id
        supervisor = self.me.advisor.role == Role.SUPERVISOR.value
        holder = await self._holder(conversation) if held and not own else None
        return {
            "csrf": self.me.session.csrf,
            "row": self.row(conversation),
            "mode": conversation.mode,
            "own": own,
            "holder": holder,
            "may_move": own or (held and supervisor),
            "service": self._all.knowledge.service,
            "earlier": await self._earlier(conversation, own or supervisor),
            "may_write": not held and await self._all.records.took(conversation.id, self.me.advisor),
            "entries": shown,
            **await self.state(conversation),
            "asked": asked[0]["text"] if asked else None,
            "answered": answers[-1]["question"] if answers else None,
            "wants": asked[-1]["text"] if len(asked) > 1 else None,
            "colleagues": await self._colleagues(conversation),
        }

    async def _colleagues(self, conversation: Conversation) -> list[Advisor]:
        """Who could be given a conversation: those who are free, and a supervisor who moves somebody else's."""
        others = [advisor for advisor in await self._all.queue.free() if advisor.id != conversation.advisor_id]
        known = {advisor.id for advisor in others} | {conversation.advisor_id}
        return others if self.me.advisor.id in known else [*others, self.me.advisor]

    async def _holder(self, conversation: Conversation) -> Advisor | None:
        """Who has a conversation."""
        return await self._all.records.advisor(conversation.advisor_id or 0)

    async def _earlier(self, conversation: Conversation, may_see: bool) -> list[dict[str, Any]]:
        """The person's other conversations, if they allow it."""
        if not (may_see and conversation.shares_history):
            return []
        return [{**self.row(other), "when": self.when(other.created_at)} for other in await self._all.queue.earlier(conversation)]
