"""The mends in Rasa change what a turn costs and nothing else. Each is held against Rasa's own function."""

import json
import subprocess
import sys

import pytest
import rasa
from jsonschema.exceptions import ValidationError
from rasa.core.actions.action import RemoteAction
from rasa.shared.core import events
from rasa.shared.utils.common import all_subclasses

from nlu import mending

ACTION = RemoteAction("action_answer", None)

VALID = [
    {},
    {"events": [], "responses": []},
    {"events": [{"event": "slot", "name": "topic", "value": "housing", "timestamp": None}], "responses": [{"custom": {}}]},
    {"events": [{"event": "slot", "name": "unsure", "value": 0, "timestamp": 1.5}], "responses": []},
    {"responses": [{"text": "x", "anything": [1, 2]}]},
]
INVALID = [
    {"events": "none"},
    {"events": [{"event": "slot"}]},
    {"events": [{"event": "no such event"}]},
    {"events": [{"event": "slot", "name": 3, "value": 1}]},
    {"responses": "hello"},
    {"responses": ["hello"]},
    [],
    "text",
]


def verdict(check, result):
    """What a validation says: None, or all that its error tells."""
    try:
        assert check(ACTION, result) is True
    except ValidationError as error:
        return error.message.replace("https://legacy-docs-oss.rasa.com/docs/rasa", "https://rasa.com/docs/rasa"), list(error.path)
    return None


@pytest.fixture(scope="module")
def rasas_own():
    """Rasa's own function, from before the mends."""
    assert RemoteAction._validate_action_result is not mending._validate_action_result
    return RemoteAction._validate_action_result


@pytest.mark.parametrize("result", [*VALID, *INVALID], ids=json.dumps)
def test_an_action_response_is_taken_or_refused_as_rasa_would(rasas_own, result):
    assert verdict(mending._validate_action_result, result) == verdict(rasas_own, result)
    assert (verdict(rasas_own, result) is None) == (result in VALID)


def test_every_event_is_found_by_its_name_as_rasa_finds_it():
    names = {cls.type_name for cls in all_subclasses(events.Event)}
    assert len(names) > 20
    for name in names:
        assert mending._resolve_by_type(name) is mending._rasas_resolve_by_type(name)
    assert mending._resolve_by_type("topic") is None
    assert mending._resolve_by_type("unheard of", events.SlotSet) is events.SlotSet
    with pytest.raises(ValueError, match="unheard of"):
        mending._resolve_by_type("unheard of")


def test_the_installed_rasa_is_the_one_the_mends_were_written_for():
    assert rasa.__version__ == mending.WRITTEN_FOR


def test_another_rasa_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(rasa, "__version__", "3.7.0")
    with pytest.raises(mending.UnknownRasaError, match=r"3\.7\.0.*NEUVO_MENDING=off"):
        mending.mend()


@pytest.mark.parametrize(("switch", "mended"), [("on", True), ("off", False)])
def test_one_switch_turns_all_of_it_off(switch, mended):
    script = (
        "import sys, runpy, rasa.__main__\n"
        "rasa.__main__.main = lambda: None\n"
        "runpy.run_module('nlu', run_name='__main__')\n"
        "from rasa.core.actions.action import RemoteAction; from rasa.shared.core.events import Event\n"
        "print(RemoteAction._validate_action_result.__module__, Event.resolve_by_type.__module__)"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={"PATH": "", "NEUVO_MENDING": switch, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = ran.stdout.split()
    assert modules == (["nlu.mending", "nlu.mending"] if mended else ["rasa.core.actions.action", "rasa.shared.core.events"])
