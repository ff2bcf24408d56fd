"""Waking those who wait for something new in a conversation, or at the desk; and who is typing, which nobody stores."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

TYPING = 6.0
"""Seconds that somebody counts as typing after they last did; who types says so more often than that."""


class Notifier:
    """Wakes every waiter of a conversation; who wakes reads the store, so a signal that is missed costs only time."""

    def __init__(self) -> None:
        self._waiters: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._typing: dict[tuple[str, str], tuple[float, str]] = {}

    @contextmanager
    def subscribe(self, *ids: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever something new is in one of these; clear it before reading the store."""
        event = asyncio.Event()
        for id in ids:
            self._waiters[id].add(event)
        try:
            yield event
        finally:
            for id in ids:
                self._waiters[id].discard(event)
                if not self._waiters[id]:
                    del self._waiters[id]

    def notify(self, id: str) -> None:
        """Something new is in this conversation."""
        for event in self._waiters.get(id, ()):
            event.set()

    def typing(self, id: str, author: str, name: str = "") -> None:
        """Somebody is typing in this conversation; a name is shown with it."""
        at = time.monotonic()
        self._typing = {key: value for key, value in self._typing.items() if value[0] > at - TYPING}
        self._typing[id, author] = (at, name)
        self.notify(id)

    def stopped_typing(self, id: str, author: str) -> None:
        """What was being typed is sent."""
        self._typing.pop((id, author), None)

    def who_types(self, id: str, author: str) -> tuple[float, str] | None:
        """When this side of the conversation last typed (a monotonic time), and the name; None if it does not."""
        found = self._typing.get((id, author))
        return found if found and found[0] > time.monotonic() - TYPING else None
