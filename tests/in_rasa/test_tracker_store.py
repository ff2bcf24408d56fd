"""Trackers are bounded, so that neither a long conversation nor many of them make the server slow or large."""

import asyncio

from rasa.core.tracker_store import FailSafeTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, SlotSet, UserUttered

from nlu.tracker_store import BoundedTrackerStore

DOMAIN = Domain.from_dict({"intents": ["housing"], "slots": {"topic": {"type": "text", "mappings": [{"type": "custom"}]}}})


def talk(store, sender, turns):
    """Turns in one conversation, through the wrapper that Rasa's server puts around every tracker store."""

    async def go():
        wrapped = FailSafeTrackerStore(store)
        for turn in range(turns):
            tracker = await wrapped.get_or_create_tracker(sender, append_action_listen=False)
            tracker.update(UserUttered(f"message {turn}"))
            tracker.update(SlotSet("topic", f"topic {turn}"))
            tracker.update(ActionExecuted("action_listen"))
            await wrapped.save(tracker)
        return await wrapped.retrieve(sender)

    return asyncio.run(go())


def test_a_long_conversation_keeps_its_last_events_and_what_they_set():
    tracker = talk(BoundedTrackerStore(DOMAIN, events=12), "a", 50)
    assert len(tracker.events) == 12
    assert tracker.get_slot("topic") == "topic 49"
    assert tracker.latest_message.text == "message 49"


def test_a_short_conversation_is_kept_whole():
    tracker = talk(BoundedTrackerStore(DOMAIN, events=60), "a", 3)
    assert [event.text for event in tracker.events if isinstance(event, UserUttered)] == ["message 0", "message 1", "message 2"]


def test_the_conversation_unused_longest_is_forgotten_first():
    store = BoundedTrackerStore(DOMAIN, conversations=2)
    for sender in ("a", "b", "a", "c"):
        talk(store, sender, 1)
    assert list(store.store) == ["a", "c"]
