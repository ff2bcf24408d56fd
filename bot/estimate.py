"""How long somebody will wait for an advisor. docs/desk.md says how wrong it was on a replayed day."""

from datetime import timedelta
from statistics import median

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.queue import TRAINING, Queue
from bot.tables import Conversation, QueueEvent

NOTICE = 2.0
"""Minutes until an advisor who has nothing else to do takes somebody."""
TALK, TALKS, KNOWN = 12.0, 30, 5
"""Minutes a conversation with an advisor lasts, as long as fewer than `KNOWN` of the last `TALKS` have ended."""
REACH = timedelta(hours=12)
"""How far back finished conversations are looked at."""
BEGINS, ENDS = ("claimed", "written"), ("closed", "handed_back", "given_back", "returned", "blocked")


class Estimate:
    """The wait, from the queue as it is and from how long conversations lasted lately.

    An advisor who holds nothing takes the next person within `NOTICE` minutes. When all hold somebody, the `held`
    conversations last `talk` minutes each (the median of the last ones), so that one ends every talk / held minutes; the
    person on place p beyond the idle advisors waits for the p-th end.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def minutes(self, place: int) -> int:
        """The minutes that somebody on this place of the queue, from 1, will still wait."""
        free, held = await self._queue.free(), await self._queue.held()
        holding = {conversation.advisor_id for conversation in held}
        idle = sum(advisor.id not in holding for advisor in free)
        async with self._queue.store.reading() as session:
            talk = await self._talk(session)
        beyond = max(0, place - idle)
        return round(NOTICE + beyond * talk / max(len(held), len(free), 1))

    async def _talk(self, session: AsyncSession) -> float:
        since = self._queue.clock() - REACH
        query = select(QueueEvent).join(Conversation).where(Conversation.channel != TRAINING)
        query = query.where(QueueEvent.at > since, QueueEvent.what.in_((*BEGINS, *ENDS))).order_by(QueueEvent.id)
        began, lasted = {}, []
        for event in (await session.execute(query)).scalars():
            if event.what in BEGINS:
                began[event.conversation_id] = event.at
            elif start := began.pop(event.conversation_id, None):
                lasted.append((event.at - start).total_seconds() / 60)
        return median(lasted[-TALKS:]) if len(lasted) >= KNOWN else TALK
