"""The conversation new advisors practise on: nobody is on the other side, and nothing of it counts or stays."""

import secrets

from bot.masking import mask
from bot.queue import TRAINING, Queue
from bot.store import Reply
from bot.tables import Advisor, Author, Conversation, Mode
from guidance.knowledge import Knowledge


class Trainer:
    """Plays the person of content/training.yml."""

    def __init__(self, queue: Queue, knowledge: Knowledge) -> None:
        self._queue = queue
        self._store = queue.store
        self._knowledge = knowledge

    async def start(self, advisor: Advisor, language: str) -> str:
        """Put a pretended person into this advisor's queue, in a language of the desk; the conversation's id."""
        training = self._knowledge.training
        answer, shown_in = self._knowledge.translations.answer(self._knowledge.answers[training.answer], language)
        content = {
            "id": training.answer,
            "question": answer.question,
            "blocks": [block if isinstance(block, str) else list(block) for block in answer.answer],
            "choices": [],
        }
        conversation = Conversation(
            id=secrets.token_hex(16),
            channel=TRAINING,
            language=language,
            mode=Mode.WAITING.value,
            topic=self._knowledge.answers[training.answer].topic,
            choices=[],
            last_seq=0,
            wait_reason="asked",
            waiting_since=self._queue.clock(),
            advisor_id=advisor.id,
        )
        opening = [
            Reply("text", {"text": training.question[language]}, language, Author.PERSON),
            Reply("answer", content, shown_in),
            self._hint(language, 0),
        ]
        async with self._store.transaction() as session:
            session.add(conversation)
            await session.flush()
            await self._store.say(session, conversation.id, opening)
        self._queue.wake(conversation.id)
        return conversation.id

    def _hint(self, language: str, step: int) -> Reply:
        hint = self._knowledge.training.steps[step].hint[language]
        return Reply("notice", {"text": hint, "choices": []}, language, Author.SYSTEM)

    async def go_on(self, conversation: Conversation) -> None:
        """What the pretended person says to the advisor's last reply, and the next hint."""
        messages = await self._store.messages_after(conversation.id, 0)
        said = sum(message.author == Author.ADVISOR.value for message in messages)
        steps, language = self._knowledge.training.steps, conversation.language
        if not 1 <= said <= len(steps):
            return
        replies = []
        if person := steps[said - 1].person:
            replies.append(Reply("text", {"text": mask(person[language])}, language, Author.PERSON))
        if said < len(steps):
            replies.append(self._hint(language, said))
        async with self._store.transaction() as session:
            await self._store.say(session, conversation.id, replies)
        self._queue.wake(conversation.id)
