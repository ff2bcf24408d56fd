"""Waking those who wait for something new in a conversation, or at the desk."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Notifier:
    """Wakes every waiter of a conversation; who wakes reads the store, so a signal that is missed costs only time."""

    def __init__(self) -> None:
        self._waiters: dict[str, set[asyncio.Event]] = defaultdict(set)

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
