"""The words of the web chat, in every language of content/service.yml."""

from datetime import datetime
from typing import Any

from guidance.answers import TOPICS
from guidance.knowledge import Knowledge
from guidance.opening_hours import DeskState


def strings(known: Knowledge, code: str) -> dict[str, str]:
    """The chat's own words in a language, by the names that bot/widget/ uses."""
    wording = known.wording(code)
    _, pgettext = wording.catalog.gettext, wording.catalog.pgettext
    texts = {
        "title": _("Advice on public services in Espoo"),
        "intro": _("Hello! I am Neuvo, an assistant. I am a machine, not a human. What do you need help with?"),
        "privacy": _(
            "What you write is saved, so that an advisor can go on from there. Do not write your personal identity code."
        ),
        "anonymous": _("You can stay anonymous. Using this is free of charge."),
        "reports": _(
            "The assistant reports nothing to anybody. "
            "An advisor must tell the child welfare services if a child may be in danger."
        ),
        "interpreted": _("In this language an advisor and an interpreter help you. I can only answer shortly."),
        "danger": _("If somebody is in danger, call 112."),
        "language": _("Language"),
        "choose": _("Choose your language"),
        "write": _("Write your question"),
        "send": _("Send"),
        "person": wording.talk_to_a_person(),
        "topics": _("Topics"),
        "messages": _("Messages"),
        "thinking": _("One moment …"),
        "offline": _("No connection. Your message is sent when the connection is back."),
        "online": _("Connected again."),
        "too_long": _("Your message is too long. Please write it in shorter parts."),
        "new": _("New conversation"),
        "you": _("You"),
        "assistant": _("Assistant (a machine)"),
        "advisor": _("Advisor"),
        "system": _("Notice"),
        "delivered": _("Delivered"),
        "read": _("Read"),
        "original": _("Show the original in English"),
        "sources": _("Read more"),
        "more": _("More"),
        "helpful": _("Was this answer helpful?"),
        "yes": pgettext("was it helpful?", "Yes"),
        "no": pgettext("was it helpful?", "No"),
        "thanks": _("Thank you for telling us."),
        "read_aloud": _("Read aloud"),
        "stop_reading": _("Stop reading aloud"),
        "no_voice": _("The sound of this language is not available on this device."),
        "print": _("Print"),
        "share": _("Share"),
        "copied": _("Copied."),
        "map": _("Show on a map"),
        "menu": _("Menu"),
        "open": _("Open the chat"),
        "close": _("Close the chat"),
        "exit": _("Leave this page now"),
        "exit_what": _("Leaves at once for another page and clears what is shown here."),
        "save": _("Save the conversation"),
        "shared": _("Shared phone: keep nothing on this device"),
        "shared_what": _(
            "Nothing is kept on this device now. When you close this page, you cannot come back to the conversation."
        ),
        "forget": _("Forget me"),
        "forget_what": _(
            "This erases the whole conversation on our server, your call-back requests too. It cannot be undone. "
            "An advisor cannot go on from it any more."
        ),
        "forget_yes": _("Erase everything"),
        "forgotten": _("Everything is erased."),
        "cancel": _("Cancel"),
    }
    return {name: wording.catalog.say(text) for name, text in texts.items()}


def texts(known: Knowledge, language: str, desk: DeskState, now: datetime) -> dict[str, Any]:
    """What the web chat needs in a language: its words, the languages to choose from, and the topics as choices."""
    service = known.service
    chosen = service.language(language)
    wording = known.wording(chosen.code)
    return {
        "language": chosen.code,
        "direction": chosen.direction,
        "strings": strings(known, chosen.code),
        "topics": [{"label": wording.topic(topic), "payload": f"/{topic}"} for topic in TOPICS],
        "languages": [
            language.model_dump(include={"code", "name", "direction", "tier", "greeting"}, mode="json")
            for language in service.languages
        ],
        "hours": wording.catalog.say(wording.desk(desk, now)),
    }
