"""Rasa's trackers, kept in memory: of so many conversations, and of each the last events."""

from collections import OrderedDict
from typing import Any

from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.trackers import DialogueStateTracker


class BoundedTrackerStore(InMemoryTrackerStore):
    """Keeps a turn's cost and the server's memory from growing with the length and the number of conversations.

    Rasa replays a conversation's events at every message and never forgets one. Here the tracker is a cache (bot/ keeps the
    conversation): it holds what a follow-up may need. `events`: how many events of a conversation are kept (a turn makes
    about eight); `conversations`: of how many, the longest unused being forgotten first.
    """

    def __init__(self, *arguments: Any, events: int = 60, conversations: int = 20000, **keywords: Any) -> None:
        """Set up; endpoints.yml gives the two bounds."""
        super().__init__(*arguments, **keywords)
        self.store: OrderedDict = OrderedDict()
        self._events = int(events)
        self._conversations = int(conversations)

    def init_tracker(self, sender_id: str) -> DialogueStateTracker:
        """A tracker that keeps its last events. Rasa's own wrapper of the store never asks for a bounded one."""
        return DialogueStateTracker(sender_id, self.domain.slots, max_event_history=self._events)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep a tracker, as the one used last."""
        await super().save(tracker)
        self.store.move_to_end(tracker.sender_id)
        while len(self.store) > self._conversations:
            self.store.popitem(last=False)
