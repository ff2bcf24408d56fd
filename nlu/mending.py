"""Mends in Rasa 3.6.21 what costs a turn more than it should; behaviour stays as it is.

Every function below stands for one of Rasa's, and its docstring says what was slow (found by sampling a server under load).
`tests/test_mending.py` shows that the behaviour is the same. `NEUVO_MENDING=off` turns all of it off.
"""

from functools import lru_cache
from typing import Any, Dict, Optional, Text, Type

import rasa
from jsonschema import validators
from jsonschema.exceptions import best_match
from rasa.core.actions.action import RemoteAction
from rasa.shared.core.events import Event

WRITTEN_FOR = "3.6.21"


class UnknownRasaError(RuntimeError):
    """The installed Rasa is not the one that the mends were written for."""


def mend() -> None:
    """Put the mends into place.

    Raises:
        UnknownRasaError: another version of Rasa is installed.
    """
    if rasa.__version__ != WRITTEN_FOR:
        raise UnknownRasaError(
            f"nlu/mending.py was written for Rasa {WRITTEN_FOR}, and {rasa.__version__} is installed: "
            "look whether each mend still fits, or start with NEUVO_MENDING=off"
        )
    RemoteAction._validate_action_result = _validate_action_result
    Event.resolve_by_type = staticmethod(_resolve_by_type)


_SPEC = RemoteAction.action_response_format_spec()
_VALIDATOR = validators.validator_for(_SPEC)(_SPEC)
_INVALID = (
    ". Failed to validate Action server response from API, make sure your response from the Action endpoint is valid. "
    "For more information about the format visit https://rasa.com/docs/rasa/custom-actions"
)


def _validate_action_result(self: RemoteAction, result: Dict[Text, Any]) -> bool:
    """`jsonschema.validate` checks the constant schema itself at every call: half of a turn."""
    error = best_match(_VALIDATOR.iter_errors(result))
    if error is not None:
        error.message += _INVALID
        raise error
    return True


_rasas_resolve_by_type = Event.resolve_by_type


@lru_cache(maxsize=None)
def _resolve_by_type(type_name: Text, default: Optional[Type[Event]] = None) -> Optional[Type[Event]]:
    """Rasa walks through all subclasses of `Event`, for every event of the conversation, at every message."""
    return _rasas_resolve_by_type(type_name, default)
