"""What a person thought of an advisor's help: one tap when the conversation has ended, and a comment if they like."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import select

from bot.masking import mask
from bot.store import Store
from bot.tables import Advisor, QueueEvent, Rating, Score, now
from guidance.wording import Wording

RATING = "rating:"
COMMENT = f"{RATING}comment"
"""The choice to write a comment; the others are `rating:` and a score."""
FORM = {"step": "comment"}
"""What the conversation's form is while the comment is being written."""


def choices(wording: Wording) -> list[dict[str, str]]:
    """The scores as buttons."""
    _question, labels = wording.rate()
    return [{"label": labels[score.value], "payload": f"{RATING}{score.value}"} for score in Score]


def comment_choice(wording: Wording) -> dict[str, str]:
    """The button to write a comment."""
    return {"label": wording.rated()[1], "payload": COMMENT}


class Ratings:
    """The ratings in the store."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock

    async def rate(self, conversation: str, score: Score) -> bool:
        """Keep a score for the advisor who last ended this conversation, in place of an earlier one; whether there was one."""
        async with self._store.transaction() as session:
            ended = select(QueueEvent).where(QueueEvent.conversation_id == conversation, QueueEvent.what == "closed")
            last = (await session.execute(ended.order_by(QueueEvent.id.desc()).limit(1))).scalar_one_or_none()
            if last is None:
                return False
            of_it = select(Rating).where(Rating.conversation_id == conversation, Rating.at >= last.at)
            rating = (await session.execute(of_it)).scalar_one_or_none()
            if rating is None:
                values = {"conversation_id": conversation, "advisor_id": last.advisor_id, "at": self._clock()}
                session.add(Rating(score=score.value, **values))
            else:
                rating.score = score.value
            return True

    async def comment(self, conversation: str, text: str) -> None:
        """Add a comment to the last rating."""
        async with self._store.transaction() as session:
            rated = select(Rating).where(Rating.conversation_id == conversation).order_by(Rating.id.desc()).limit(1)
            rating = (await session.execute(rated)).scalar_one_or_none()
            if rating is not None:
                rating.comment = mask(text)

    async def all(self) -> Sequence[tuple[Rating, str]]:
        """All ratings with the advisors' names, the latest first."""
        async with self._store.reading() as session:
            query = select(Rating, Advisor.name).join(Advisor).order_by(Rating.id.desc())
            return [(rating, name) for rating, name in (await session.execute(query)).all()]
