"""The heart: a message comes in, is stored, understood and answered, in order and once."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from bot.callback import CallBackForm, Step
from bot.choices import CALL_BACK, LANGUAGE, LEAVE, SHARE_HISTORY, PayloadError, check_payload, question_of, select
from bot.estimate import Estimate
from bot.language import Detected, LanguageDetector, words
from bot.masking import mask
from bot.notifier import Notifier
from bot.queue import DESK, Queue
from bot.rasa import Rasa, RasaError
from bot.rating import COMMENT, FORM, RATING, Ratings, comment_choice
from bot.records import Records
from bot.store import Answered, Reply, Store
from bot.tables import Author, Conversation, Message, Mode, Score, now
from bot.training import Trainer
from guidance.answers import TOPICS
from guidance.knowledge import Knowledge
from guidance.opening_hours import DeskState

logger = logging.getLogger(__name__)

MAXIMUM_LENGTH = 2000
"""Characters a message may have."""
SHORT = 4
"""Words of a message after which more is likely to come: "hi", "i need help", "my son", "day care"."""
RETRY = 1.0
"""Seconds after which a store that failed is tried again."""

Payload = dict[str, Any]


class MessageError(ValueError):
    """A message cannot be taken; the text says why and what to do."""


class UnknownConversationError(LookupError):
    """There is no conversation of this id."""


class Conversations:
    """All conversations of all channels.

    `receive` stores a message and returns; the answer is worked out in the background, one message of a conversation at a
    time, and stored under the message it answers. After a short message the answer waits `pause` seconds for another one, and
    all are read together. `notifier` wakes the channels that deliver it.
    """

    def __init__(
        self,
        store: Store,
        rasa: Rasa,
        knowledge: Knowledge,
        detector: LanguageDetector,
        clock: Callable[[], datetime] = now,
        pause: float = 0.0,
    ) -> None:
        self.store = store
        self.rasa = rasa
        self.knowledge = knowledge
        self.notifier = Notifier()
        self.records = Records(store, clock)
        self.queue = Queue(store, self.notifier, knowledge, clock)
        self.estimate = Estimate(self.queue)
        self.ratings = Ratings(store, clock)
        self.trainer = Trainer(self.queue, knowledge)
        self._detector = detector
        self._clock = clock
        self._pause = pause
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._wanted: set[str] = set()

    async def open(
        self, channel: str, language: str | None, chosen: bool = False, earlier: Conversation | None = None
    ) -> Conversation:
        """Begin a conversation in the page's language, or the one the person chose; `earlier` is one the person had before."""
        id = secrets.token_hex(16)
        conversation = Conversation(
            id=id,
            person=earlier.person if earlier else id,
            blocked_until=earlier.blocked_until if earlier else None,
            channel=channel,
            language=self.knowledge.service.language(language).code,
            language_source="chosen" if chosen else "page",
            mode=Mode.BOT.value,
            choices=[],
            last_seq=0,
        )
        await self.store.open(conversation)
        return conversation

    async def receive(self, id: str, client_id: str, text: str | None = None, payload: str | None = None) -> int:
        """Store a message and have it answered; its sequence number. A repeated client id is stored and answered once.

        Raises:
            UnknownConversationError: there is no such conversation.
            MessageError: the message is empty or too long.
            PayloadError: the payload has none of the forms that a choice can have.
            RepeatedIdError: the client id was used for another message.
        """
        conversation = await self.store.conversation(id)
        if conversation is None:
            raise UnknownConversationError(id)
        if payload is not None:
            payload = check_payload(payload, self.knowledge.answers, self.knowledge.service)
            content = {"text": self._label(conversation, payload), "payload": payload}
        else:
            content = {"text": self._clean(text or "")}
        seq = await self.store.receive(id, client_id, "text", content, conversation.language)
        self.notifier.notify(id)
        self.work(id)
        return seq

    @staticmethod
    def _clean(text: str) -> str:
        if len(text) > MAXIMUM_LENGTH:
            raise MessageError(f"text has {len(text)} characters; at most {MAXIMUM_LENGTH} are taken")
        text = mask(
            "".join(character for character in text if character.isprintable() or character in "\n\t\u200c\u200d").strip()
        )
        if not text:
            raise MessageError("text is empty")
        return text

    def _label(self, conversation: Conversation, payload: str) -> str:
        """What the person sees of a button that was pressed."""
        for choice in conversation.choices:
            if choice["payload"] == payload:
                return str(choice["label"])
        wording = self.knowledge.wording(conversation.language)
        if payload.startswith(LANGUAGE):
            return self.knowledge.service.language(payload.removeprefix(LANGUAGE)).name
        if question := question_of(payload):
            return self.knowledge.translations.answer(self.knowledge.answers[question], conversation.language)[0].question
        if payload[1:] in TOPICS:
            return wording.topic(payload[1:])
        if payload == LEAVE:
            return wording.leave_the_queue()
        if payload == SHARE_HISTORY:
            return wording.share_history()
        return wording.talk_to_a_person() if payload == "/human_handoff" else "…"

    def work(self, id: str) -> None:
        """Answer what is unanswered in a conversation; one worker a conversation, so that order is kept."""
        self._wanted.add(id)
        if id not in self._workers:
            self._workers[id] = asyncio.create_task(self._work(id))

    async def settled(self, id: str) -> None:
        """Return when everything that was said in a conversation until now has its answer."""
        while worker := self._workers.get(id):
            await asyncio.wait({worker})

    async def resume(self) -> None:
        """After a restart: go on with the messages that have no answer yet."""
        for id in await self.store.unanswered():
            self.work(id)

    async def close(self) -> None:
        """Stop working; what is unanswered is answered after the next start."""
        await self._stop(*self._workers)

    async def _stop(self, *ids: str) -> None:
        """Stop working on these conversations."""
        workers = [worker for id in ids if (worker := self._workers.get(id))]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, id: str) -> None:
        try:
            # A message that comes in while the store is read is wanted again: nothing is left lying between two reads.
            while id in self._wanted:
                self._wanted.discard(id)
                try:
                    await self._answer_pending(id)
                except SQLAlchemyError as error:
                    logger.error("The store failed in conversation %s, trying again: %s", id, type(error).__name__)
                    self._wanted.add(id)
                    await asyncio.sleep(RETRY)
        finally:
            del self._workers[id]

    async def _answer_pending(self, id: str) -> None:
        while pending := await self.store.pending(id):
            conversation, messages = pending
            started = time.monotonic()
            try:
                if await self._more_may_come(conversation, messages):
                    continue
                together = self._together(conversation, messages)
                answered = await self._answer(conversation, together)
            except RasaError as error:
                logger.warning("Rasa did not answer: %s", error)
                together, answered = messages[:1], await self._away(conversation)
            except SQLAlchemyError:
                raise
            except Exception as error:
                # Whatever went wrong, the person is told. An exception may quote the message: only its type is logged.
                logger.error("A message of conversation %s could not be answered: %s", id, type(error).__name__)
                together, answered = messages[:1], await self._away(conversation)
            answered.mode = conversation.mode
            answered.milliseconds = round((time.monotonic() - started) * 1000)
            await self.store.answer(id, [message.seq for message in together], answered)
            self.notifier.notify(id)
            if answered.wait_for or conversation.mode in (Mode.WAITING.value, Mode.ADVISOR.value):
                self.notifier.notify(DESK)

    def _alone(self, conversation: Conversation, message: Message) -> bool:
        """Whether a message is a choice or belongs to the form, and so is not read together with others."""
        return bool(message.content.get("payload") or self._selected(conversation, message.content["text"]) or conversation.form)

    def _selected(self, conversation: Conversation, text: str) -> str | None:
        """The payload of the choice that a text selects; none while an advisor, who may have asked for a number, is there."""
        if conversation.mode == Mode.ADVISOR.value:
            return None
        return select(text, conversation.choices, self.knowledge.service.language(conversation.language))

    def _together(self, conversation: Conversation, messages: Sequence[Message]) -> Sequence[Message]:
        """The first messages, as far as they are read together: short ones, and the first long one after them."""
        together: list[Message] = []
        for message in messages if self._pause else messages[:1]:
            alone = self._alone(conversation, message)
            if alone and together:
                break
            together.append(message)
            if alone or words(message.content["text"]) > SHORT:
                break
        return together

    async def _more_may_come(self, conversation: Conversation, messages: Sequence[Message]) -> bool:
        """Wait a moment after a short message; whether another one came."""
        last = self._together(conversation, messages)[-1]
        if last is not messages[-1] or self._alone(conversation, last) or words(last.content["text"]) > SHORT:
            return False
        age = (self._clock() - last.created_at).total_seconds()
        if age >= self._pause:
            return False
        await asyncio.sleep(self._pause - age)
        newer = await self.store.pending(conversation.id)
        return newer is not None and len(newer[1]) > len(messages)

    async def _away(self, conversation: Conversation) -> Answered:
        """What is said when the assistant cannot answer; nothing while an advisor does."""
        code = conversation.language
        notice = {"text": self.knowledge.wording(code).away(await self.desk(), self._clock()), "choices": []}
        silent = conversation.mode == Mode.ADVISOR.value
        changes = {"form": None} if conversation.form == FORM else {}  # the comment is kept already
        return Answered([] if silent else [Reply("notice", notice, code, Author.SYSTEM)], changes, outcome="away")

    def detect(self, text: str, language: str) -> Detected:
        """The language of a text in a conversation of this language."""
        return self._detector.detect(text, language)

    async def desk(self) -> DeskState:
        """Whether an advisor is there now, and how many could take a conversation."""
        return self.knowledge.hours.at(self._clock(), await self.records.closed(), len(await self.queue.free()))

    def now(self) -> datetime:
        """The present moment."""
        return self._clock()

    async def forget(self, id: str) -> None:
        """Erase a conversation: here, with everything that belongs to it, and what Rasa remembers of it."""
        await self._stop(id)
        await self.store.erase(id)
        await self._stop(id)  # who answers a message that came just before the end
        try:
            await self.rasa.forget(id)
        except RasaError as error:  # its tracker is a cache in memory, and bounded
            logger.warning("Rasa did not forget a conversation: %s", error)
        self.queue.wake(id)

    async def _answer(self, conversation: Conversation, messages: Sequence[Message]) -> Answered:
        text, payload = "\n".join(message.content["text"] for message in messages), messages[0].content.get("payload")
        if payload is None:
            payload = self._selected(conversation, text)
            typed = payload is None
        else:
            typed = False
        changes, offer = self._notice_language(conversation, text) if typed else ({}, None)
        code = changes.get("language", conversation.language)
        if payload and payload.startswith(LANGUAGE):
            return await self._change_language(conversation, payload.removeprefix(LANGUAGE))
        if payload == LEAVE:
            return await self._leave(conversation)
        if payload == SHARE_HISTORY:
            shared = self.knowledge.wording(code).history_shared()
            return self._notice(shared, code, {"shares_history": True, "choices": []}, "shared")
        if payload and conversation.mode == Mode.ADVISOR.value:  # a button of what was before the advisor came
            return Answered([], outcome="silent")
        if payload and payload.startswith(RATING):
            return await self._rate(conversation, payload, code)
        form = None if conversation.mode == Mode.ADVISOR.value else conversation.form
        comment = form == FORM and typed
        if comment:
            await self.ratings.comment(conversation.id, text)
        if form == FORM or self._is_blocked(conversation):  # which leaves no call-back to ask for
            changes, form = {**changes, "form": None}, None
        if form and (step := (await self._form(code)).reply(form, text if typed else None, payload)):
            return self._step(step, code, conversation, changes)
        if payload and payload.startswith(CALL_BACK):  # a button of a form that is over
            if self._is_blocked(conversation):
                return self._notice(self._blocked(conversation, code), code, changes, "blocked")
            call_back = await self._form(code)
            return self._step(call_back.problem(form) if form else call_back.start(), code, conversation, changes)
        # Free text that begins with / would be a command to Rasa.
        to_rasa = payload or text.lstrip("/ \t\n") or "…"
        desk = await self.desk()
        said = await self.rasa.answer(conversation.id, to_rasa, code, desk)
        if comment:
            # A comment is no question; but danger is danger wherever it is spoken of.
            thanks = {"type": "notice", "text": self.knowledge.wording(code).comment_received(), "choices": []}
            said = [*(payload for payload in said if payload["type"] == "urgent"), {**thanks, "about": said[0].get("about")}]
        if self._is_blocked(conversation) and said[-1]["type"] == "handoff":
            refused = {"type": "notice", "text": self._blocked(conversation, code), "choices": []}
            said = [*said[:-1], {**refused, "about": said[-1].get("about")}]
        answered = await self._deliver(conversation, said, code, changes, offer, form)
        return await self._queued(conversation, said[-1], answered, code) if desk.open and desk.free else answered

    @staticmethod
    def _notice(text: str, code: str, changes: dict[str, Any], outcome: str) -> Answered:
        """A notice by itself, and what it changes; its choices are those that the changes name."""
        content = {"text": text, "choices": changes.get("choices", [])}
        return Answered([Reply("notice", content, code, Author.SYSTEM)], changes, outcome=outcome)

    async def _rate(self, conversation: Conversation, payload: str, code: str) -> Answered:
        """Thanks for a score, or asks for the comment. Without a conversation that an advisor ended there is nothing to rate."""
        wording = self.knowledge.wording(code)
        if payload == COMMENT:
            return self._notice(wording.ask_for_a_comment(), code, {"form": FORM, "choices": []}, "rating")
        if not await self.ratings.rate(conversation.id, Score(payload.removeprefix(RATING))):
            return Answered([], outcome="rating")
        return self._notice(wording.rated()[0], code, {"choices": [comment_choice(wording)]}, "rating")

    def _is_blocked(self, conversation: Conversation) -> bool:
        return conversation.blocked_until is not None and conversation.blocked_until > self._clock()

    def _blocked(self, conversation: Conversation, code: str) -> str:
        """What is said instead of an offer of an advisor."""
        return self.knowledge.wording(code).blocked(conversation.blocked_until or self._clock())

    async def _deliver(
        self,
        conversation: Conversation,
        said: list[Payload],
        code: str,
        changes: dict[str, Any],
        offer: Payload | None,
        form: dict[str, Any] | None,
    ) -> Answered:
        """What Rasa's actions said, as it is stored; the form goes on after it, and an advisor is not talked over."""
        about = said[0].get("about") or {}
        outcomes = [payload["type"] for payload in said]
        if conversation.mode == Mode.ADVISOR.value:
            said = [payload for payload in said if payload["type"] == "urgent"]
            offer = None
        last = said[-1] if said else None
        if last and last["type"] == "handoff" and last["reason"] == "callback":
            step = (await self._form(code)).start()
            said = [*said[:-1], self._asks(step)]
            changes["form"] = step.form
        elif form:
            call_back = await self._form(code)
            step = call_back.ask(form) if set(outcomes) & {"urgent", "answer"} else call_back.problem(form)
            # An emergency or a question interrupts the form; what the model did not understand was meant for the form.
            said = [*(p for p in said if p["type"] in ("urgent", "answer")), self._asks(step)]
        if offer:
            said = [*said, offer]
        replies = [self._reply(payload, code) for payload in said]
        changes["choices"] = (
            [choice for payload in said for choice in payload.get("choices", [])] if said else conversation.choices
        )
        if "urgent" in outcomes:
            changes["urgent_at"] = self._clock()
        if about.get("topic") and conversation.mode != Mode.ADVISOR.value:
            changes["topic"] = about["topic"]
        return Answered(
            replies,
            changes,
            topic=about.get("topic"),
            question=about.get("question"),
            level=about.get("level"),
            outcome="urgent" if "urgent" in outcomes else outcomes[-1],
        )

    async def _queued(self, conversation: Conversation, said: Payload, answered: Answered, code: str) -> Answered:
        """Who asked for a person while one is at the desk waits for one, and is told the place."""
        if said["type"] != "handoff" or said["reason"] != "asked" or conversation.mode == Mode.ADVISOR.value:
            return answered
        wording = self.knowledge.wording(code)
        place = await self.queue.place(conversation)
        choices = [{"label": wording.leave_the_queue(), "payload": LEAVE}]
        if not conversation.shares_history and await self.queue.earlier(conversation):
            choices.append({"label": wording.share_history(), "payload": SHARE_HISTORY})
        understood = any(code in advisor.languages for advisor in await self.queue.free())
        text = wording.queue(place, await self.estimate.minutes(place), understood)
        answered.replies.append(Reply("notice", {"text": text, "choices": choices}, code, Author.SYSTEM))
        answered.changes["choices"] = [*answered.changes.get("choices", []), *choices]
        answered.wait_for = str(said["reason"])
        return answered

    async def _leave(self, conversation: Conversation) -> Answered:
        text = self.knowledge.wording(conversation.language).queue_left()
        left = Reply("notice", {"text": text, "choices": []}, conversation.language, Author.SYSTEM)
        waited = await self.queue.leave(conversation.id)
        return Answered([left] if waited else [], {"choices": []}, outcome="left")

    @staticmethod
    def _reply(payload: Payload, code: str) -> Reply:
        content = {name: value for name, value in payload.items() if name not in ("type", "about")}
        return Reply(payload["type"], content, payload.get("language", code))

    async def _form(self, code: str) -> CallBackForm:
        closures = await self.records.closed()
        return CallBackForm(self.knowledge, self.knowledge.service.language(code), self._clock(), closures)

    @staticmethod
    def _asks(step: Step) -> Payload:
        """A question of the form; `input` says that it is answered in words, of what kind, and what was wrong with the last."""
        asked = {"type": "choices" if step.choices else "notice", "text": step.text, "choices": step.choices}
        return {**asked, "input": step.input} if step.input else asked

    def _step(self, step: Step, code: str, conversation: Conversation, changes: dict[str, Any]) -> Answered:
        """A step of the call-back form, as it is stored."""
        reply = self._reply(self._asks(step), code)
        request = {**step.request, "topic": conversation.topic} if step.request else None
        changes |= {"form": step.form, "choices": step.choices}
        return Answered([reply], changes, outcome="callback" if request else "form", call_back=request)

    async def _change_language(self, conversation: Conversation, code: str) -> Answered:
        wording = self.knowledge.wording(code)
        text = wording.catalog.gettext("I write in this language now: {language}").format(language=wording.language.name)
        changes: dict[str, Any] = {"language": code, "language_source": "chosen", "other_language": None}
        if conversation.form and conversation.form != FORM:
            step = (await self._form(code)).ask(conversation.form)
            changes["choices"] = step.choices
            replies = [Reply("choices", {"text": f"{text}\n{step.text}", "choices": step.choices}, code)]
        else:
            replies = [Reply("notice", {"text": text, "choices": []}, code)]
        return Answered(replies, changes, outcome="language")

    def _notice_language(self, conversation: Conversation, text: str) -> tuple[dict[str, Any], Payload | None]:
        """What a message's language changes: detection beats the page's language; after that two sure messages make an offer."""
        detected = self._detector.detect(text, conversation.language)
        if not detected.sure:
            return {}, None
        if detected.language == conversation.language:
            source = "detected" if conversation.language_source == "page" else conversation.language_source
            return {"other_language": None, "language_source": source}, None
        if conversation.language_source == "page":
            return {"language": detected.language, "language_source": "detected", "other_language": None}, None
        if conversation.other_language != detected.language:
            return {"other_language": detected.language}, None
        other = self.knowledge.service.language(detected.language)
        question = self.knowledge.translations.catalog(other.code).gettext("Shall I write in this language? {language}")
        offer = {
            "type": "choices",
            "language": other.code,
            "text": question.format(language=other.name),
            "choices": [{"label": other.name, "payload": f"{LANGUAGE}{other.code}"}],
        }
        return {"other_language": None}, offer


__all__ = ["Conversations", "MessageError", "PayloadError", "UnknownConversationError"]
