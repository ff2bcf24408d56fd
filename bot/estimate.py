"""How long somebody will wait for an advisor. docs/desk.md says how wrong it was on simulated days."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.queue import TRAINING, Queue
from bot.tables import Conversation, QueueEvent

NOTICE = 1.0
"""Minutes until an advisor who has room takes somebody."""
ROOM = 2
"""Conversations an advisor has room for, as long as they have not held more at once lately."""
TALK, TALKS, KNOWN = 12.0, 30, 5
"""Minutes a conversation with an advisor lasts, as long as fewer than `KNOWN` of the last `TALKS` have ended."""
REACH = timedelta(hours=12)
"""How far back conversations are looked at."""
BEGINS, ENDS = ("claimed", "written"), ("closed", "handed_back", "given_back", "returned", "blocked")


@dataclass
class Lately:
    """What conversations were like: how many minutes they `lasted`, and the `most` that each advisor held at once."""

    lasted: list[float] = field(default_factory=list)
    most: Counter[int] = field(default_factory=Counter)

    @property
    def talk(self) -> float:
        """The minutes that a conversation lasts."""
        return median(self.lasted[-TALKS:]) if len(self.lasted) >= KNOWN else TALK


class Estimate:
    """The wait, from the queue as it is and from what conversations were like lately.

    Every free advisor has room for the most conversations they have held at once lately. Who is within that room is taken
    within `NOTICE` minutes. Whoever is beyond it waits until one of the `held` conversations ends, which happens every
    talk / held minutes.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def minutes(self, place: int) -> int:
        """The minutes that somebody on this place of the queue, from 1, will still wait."""
        free, held = await self._queue.free(), await self._queue.held()
        async with self._queue.store.reading() as session:
            lately = await self._lately(session)
        holding = Counter(conversation.advisor_id for conversation in held)
        room = sum(max(0, max(ROOM, lately.most[advisor.id]) - holding[advisor.id]) for advisor in free)
        beyond = max(0, place - room)
        return round(NOTICE + beyond * lately.talk / max(len(held), len(free), 1))

    async def _lately(self, session: AsyncSession) -> Lately:
        since = self._queue.clock() - REACH
        what = QueueEvent.what.in_((*BEGINS, *ENDS, "transferred"))
        query = select(QueueEvent).join(Conversation).where(Conversation.channel != TRAINING)
        query = query.where(QueueEvent.at > since, what).order_by(QueueEvent.id)
        began: dict[str, datetime] = {}
        holder: dict[str, int] = {}
        lately = Lately()
        for event in (await session.execute(query)).scalars():
            id = event.conversation_id
            if event.what in ENDS:
                holder.pop(id, None)
                if start := began.pop(id, None):
                    lately.lasted.append((event.at - start).total_seconds() / 60)
                continue
            if event.what in BEGINS:
                began[id] = event.at
            if event.advisor_id is not None:
                holder[id] = event.advisor_id
                at_once = sum(advisor == event.advisor_id for advisor in holder.values())
                lately.most[event.advisor_id] = max(lately.most[event.advisor_id], at_once)
        return lately
