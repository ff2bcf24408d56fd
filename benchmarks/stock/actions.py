"""The action server of the stock assistants: the same curated answers, found by an intent of their own."""

import dataclasses
import sys
from typing import Any

from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor

from actions.actions import ActionAnswer, Reply
from actions.turn import Turn
from guidance.answers import TOPICS


class StockAnswer(ActionAnswer):
    """Answers the intent `topic__question`, and every other intent with the question back."""

    def reply(self, turn: Turn) -> Reply:
        """The curated answer, built as the service's own actions build it."""
        topic, _, question = turn.intent.partition("__")
        if topic not in TOPICS:
            return super().reply(turn)
        return super().reply(dataclasses.replace(turn, intent=topic, level="question", ranked=(f"{topic}/{question}",)))


def main(port: int) -> None:
    """Serve on loopback until stopped."""
    executor = ActionExecutor()
    executor.register_action(StockAnswer)
    app: Any = create_app(executor)
    app.run("127.0.0.1", port, single_process=True, access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
