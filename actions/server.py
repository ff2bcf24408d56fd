"""Runs the action server: one process, on loopback only: `python -m actions.server PORT`."""

import logging
import sys
import warnings

from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor

from guidance.content import ContentError
from guidance.knowledge import knowledge


def main(port: int) -> None:
    """Serve the actions on 127.0.0.1 until stopped.

    rasa-sdk's own command line listens on all addresses and forks a worker that outlives its parent, hence this one.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("rasa_sdk").setLevel(logging.WARNING)  # at DEBUG it writes whole conversations
    warnings.filterwarnings("ignore", module="rasa_sdk")
    knowledge()  # a mistake in the content shows now, not at the first question
    executor = ActionExecutor()
    executor.register_package("actions.actions")
    create_app(executor).run("127.0.0.1", port, single_process=True, access_log=False)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except ContentError as error:
        sys.exit(f"neuvo: {error}")
