"""The four actions: an answer, a service reply, an advisor, help in danger."""

import logging
from abc import ABC, abstractmethod
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import payloads
from actions.payloads import Payload
from actions.turn import Turn, read_turn
from guidance.answers import TOPICS
from guidance.knowledge import knowledge

logger = logging.getLogger(__name__)

LIKELIEST = 4
"""How many questions of a topic are offered when the model is sure of the topic only."""

Events = list[dict[str, Any]]
Reply = tuple[list[Payload], dict[str, Any]]
"""What is said, and the slots that are set."""


class NeuvoAction(Action, ABC):
    """What all actions have in common: danger comes first, nothing raises, and every payload says what it is about."""

    @abstractmethod
    def name(self) -> str:
        """The action's name in domain.yml."""

    @abstractmethod
    def reply(self, turn: Turn) -> Reply:
        """What is said, and the slots that are set."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Answer the latest message. A failure says nothing, which bot/ treats as one; it is logged without the message."""
        try:
            turn = read_turn(tracker, knowledge())
            said, slots = self.reply(turn)
            if turn.urgent and not any(payload["type"] == "urgent" for payload in said):
                said = [payloads.urgent(turn, turn.urgent, brief=True), *said]
        except Exception as error:
            # The text of an exception may quote the message; its type and place do not.
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
            logger.error("%s failed: %s at %s", self.name(), type(error).__name__, place)
            return []
        for payload in said:
            dispatcher.utter_message(json_message={**payload, "about": turn.about})
        return [SlotSet(slot, value) for slot, value in slots.items()]


def _unsure(turn: Turn) -> Reply:
    """Ask once to say it differently; the second time in a row offer an advisor."""
    _ = turn.gettext
    if not payloads.speaks(turn, None):
        return _interpreter(turn)
    if turn.unsure_before:
        sorry = _("I am sorry, I still do not understand. A human advisor can help you.")
        text = f"{sorry}\n{turn.wording.reach(turn.desk, turn.now)}"
        return [payloads.handoff(turn, "unsure", text, turn.topic)], {"unsure": 0}
    text = _("I am not sure that I understood. Can you say it in other words? Or choose a topic:")
    return [payloads.choices(text, [*payloads.topics(turn), payloads.choice_of_person(turn)])], {"unsure": 1}


def _interpreter(turn: Turn) -> Reply:
    topic = turn.intent if turn.intent in TOPICS and turn.level != "unsure" else None
    text = turn.wording.interpreter_offer(turn.desk, turn.now, topic)
    offer = payloads.handoff(turn, "interpreter", text, topic)
    others = [turn.knowledge.service.language(code) for code in turn.language.fallback]
    offer["choices"] += [{"label": language.name, "payload": f"language:{language.code}"} for language in others]
    return [offer], {"topic": topic, "unsure": 0}


class ActionAnswer(NeuvoAction):
    """The ladder: the curated answer, else the topic's likeliest questions, else asking back."""

    def name(self) -> str:
        """The action's name in domain.yml."""
        return "action_answer"

    def reply(self, turn: Turn) -> Reply:
        """Answer as surely as the model understood."""
        if turn.level == "unsure" or turn.intent not in TOPICS:
            return _unsure(turn)
        if turn.level == "question":
            question = turn.ranked[0]
            if question not in turn.knowledge.answers:
                return _unsure(turn)
            if not payloads.speaks(turn, question):
                return _interpreter(turn)
            return [payloads.answer(turn, question)], {"topic": turn.intent, "question": question, "unsure": 0}
        if not payloads.speaks(turn, None):
            return _interpreter(turn)
        return self._topic(turn)

    @staticmethod
    def _topic(turn: Turn) -> Reply:
        _ = turn.gettext
        own = [question for question in turn.knowledge.answers if question.startswith(f"{turn.intent}/")]
        likely = [question for question in turn.ranked if question in own][:LIKELIEST] or own
        text = _("You are asking about: {topic}. Which of these is your question?").format(topic=turn.wording.topic(turn.intent))
        also = [turn.also] if turn.also else []
        options = [payloads.choice_of_question(turn, question) for question in dict.fromkeys([*likely, *also])]
        return [payloads.choices(text, [*options, payloads.choice_of_person(turn)])], {"topic": turn.intent, "unsure": 0}


class ActionService(NeuvoAction):
    """What is said to everything that is no question about public services: greetings, the service's hours, complaints."""

    def name(self) -> str:
        """The action's name in domain.yml."""
        return "action_service"

    def reply(self, turn: Turn) -> Reply:
        """The reply to a service intent."""
        if turn.level == "unsure":
            return _unsure(turn)
        if turn.intent == "change_language":
            return self._languages(turn), {"unsure": 0}
        if not payloads.speaks(turn, None):
            return _interpreter(turn)
        return [self._said(turn)], {"unsure": 0}

    @staticmethod
    def _languages(turn: Turn) -> list[Payload]:
        text = turn.gettext("Which language do you want?")
        return [
            payloads.choices(
                text,
                [{"label": language.name, "payload": f"language:{language.code}"} for language in turn.knowledge.service.full()],
            )
        ]

    @staticmethod
    def _said(turn: Turn) -> Payload:
        _ = turn.gettext
        service, wording = turn.knowledge.service, turn.wording
        topics, person = payloads.topics(turn), payloads.choice_of_person(turn)
        match turn.intent:
            case "greet":
                return payloads.notice(
                    turn, _("Hello! I am Neuvo, an assistant. I am a machine, not a human. What do you need help with?"), topics
                )
            case "goodbye":
                return payloads.notice(turn, _("Goodbye! You can come back at any time."))
            case "thank":
                return payloads.notice(turn, _("You are welcome. Is there anything else?"))
            case "affirm":
                return payloads.notice(turn, _("Good. What would you like to know? You can also choose a topic:"), topics)
            case "deny":
                return payloads.notice(turn, _("All right. You can ask something else, or talk to a person."), [*topics, person])
            case "bot_challenge":
                return payloads.notice(
                    turn, _("I am a machine, not a human. I can make mistakes. You can talk to a human advisor."), [person]
                )
            case "capabilities":
                return payloads.notice(
                    turn,
                    _(
                        "I answer questions about public services in Espoo. I can also help you to reach a human advisor. "
                        "My topics:"
                    ),
                    [*topics, person],
                )
            case "opening_hours":
                return payloads.notice(
                    turn, wording.opening_hours(turn.desk, turn.now), [person, payloads.choice_of_call_back(turn)]
                )
            case "contact_details":
                lines = [_("The advice service of the city: {name}").format(name=service.name)]
                if service.place:
                    lines.append(_("Place: {place}").format(place=service.place))
                lines += [line for line in (wording.phone(), wording.opening_hours(turn.desk, turn.now)) if line]
                return payloads.notice(turn, "\n".join(lines), [payloads.choice_of_call_back(turn)])
            case "service_languages":
                names = ", ".join(language.name for language in service.full())
                text = _(
                    "I answer in these languages: {languages}. "
                    "In other languages a human advisor can help you, with an interpreter."
                )
                return payloads.notice(turn, text.format(languages=names), [person])
            case "feedback":
                return payloads.notice(
                    turn,
                    _("Thank you for telling us. If the answer was wrong, please talk to a person."),
                    [person],
                )
            case "application_status":
                return payloads.notice(
                    turn,
                    _(
                        "I cannot see your application or its status. The authority that handles it can: "
                        "look in its online service (for example OmaKela, Enter Finland or OmaVero), or contact the authority."
                    ),
                    [payloads.choice_of_topic(turn, "dealing_with_authorities"), person],
                )
            case _:
                return payloads.notice(turn, _("I cannot help with that. I can help with these topics:"), [*topics, person])


class ActionHandoff(NeuvoAction):
    """An advisor, or a call-back from one."""

    def name(self) -> str:
        """The action's name in domain.yml."""
        return "action_handoff"

    def reply(self, turn: Turn) -> Reply:
        """Say whether an advisor is there, when, and how to reach one."""
        if turn.level == "unsure":
            return _unsure(turn)
        reason = "callback" if turn.intent == "request_callback" else "asked"
        return [payloads.handoff(turn, reason, turn.wording.reach(turn.desk, turn.now), turn.topic)], {"unsure": 0}


class ActionUrgent(NeuvoAction):
    """Help in danger: the numbers to call, before anything else."""

    def name(self) -> str:
        """The action's name in domain.yml."""
        return "action_urgent"

    def reply(self, turn: Turn) -> Reply:
        """The numbers for this kind of danger."""
        match turn.intent:
            case "emergency" | "crisis" as kind:
                return [payloads.urgent(turn, kind)], {"unsure": 0}
            case _:
                return [payloads.urgent(turn, turn.urgent or "emergency")], {"unsure": 0}
