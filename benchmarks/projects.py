"""The three assistants that are compared, each as a Rasa project of its own, on the same examples."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from guidance.content import ROOT

FULL = ("fi", "sv", "en", "ku", "ckb")
STOCK = Path(__file__).parent / "stock"


@dataclass(frozen=True)
class Assistant:
    """An assistant: its name, what it is, and how its parts are started."""

    name: str
    title: str
    rasa: str
    actions: str


NEUVO = Assistant("neuvo", "Neuvo", "nlu", "actions.server")
ASSISTANTS = [
    NEUVO,
    Assistant("rasa_init", "rasa init", "rasa", "benchmarks.stock.actions"),
    Assistant("buerokratt", "Bürokratt's pipeline", "rasa", "benchmarks.stock.actions"),
]


def flat(intent: str) -> str:
    """An intent of a stock assistant, where every question is an intent of its own: retrieval intents have a `/`."""
    return intent.replace("/", "__")


def make(assistant: Assistant, folder: Path, epochs: float, examples: int | None) -> Path:
    """Write the project into `folder`, new.

    `epochs` is the share of the stock assistants' training that is run; `examples` how many examples of each intent are taken
    from each of the five full languages, the first ones, or None for all examples of all languages.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("credentials.yml", "endpoints.yml"):
        shutil.copy(ROOT / name, folder / name)
    if assistant is NEUVO:
        _neuvo(folder, examples)
    else:
        _stock(assistant, folder, epochs, examples)
    return folder


def _training_data(examples: int | None) -> Iterator[tuple[str, list[str]]]:
    """The files of training examples, as (name, lines)."""
    for path in sorted((ROOT / "data" / "nlu").glob("*/*.yml")):
        if examples is not None and path.parent.name not in FULL:
            continue
        lines, count = [], 0
        for line in path.read_text(encoding="utf-8").splitlines():
            count = 0 if line.startswith("- intent: ") else count + line.startswith("    - ")
            if examples is None or count <= examples:
                lines.append(line)
        yield f"{path.parent.name}_{path.name}", lines


def _neuvo(folder: Path, examples: int | None) -> None:
    shutil.copytree(ROOT / "data" / "stories", folder / "data" / "stories")
    for name, lines in _training_data(examples):
        (folder / "data" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.copy(ROOT / "domain.yml", folder / "domain.yml")
    config = (ROOT / "config.yml").read_text(encoding="utf-8")
    (folder / "config.yml").write_text(config.replace("cache: var/cache", f"cache: {folder / 'cache'}"), encoding="utf-8")


def _stock(assistant: Assistant, folder: Path, epochs: float, examples: int | None) -> None:
    config = (STOCK / f"{assistant.name}.yml").read_text(encoding="utf-8")
    config = re.sub(r"epochs: (\d+)", lambda found: f"epochs: {max(1, round(int(found[1]) * epochs))}", config)
    (folder / "config.yml").write_text(config, encoding="utf-8")
    # No tracker store of Neuvo's: the one that Rasa has.
    endpoints = yaml.safe_load((ROOT / "endpoints.yml").read_text(encoding="utf-8"))
    (folder / "endpoints.yml").write_text(yaml.safe_dump({"action_endpoint": endpoints["action_endpoint"]}), encoding="utf-8")
    (folder / "data").mkdir()
    if assistant.name == "rasa_init":
        shutil.copy(STOCK / "stories.yml", folder / "data" / "stories.yml")
    intents: set[str] = set()
    for name, lines in _training_data(examples):
        flattened = "\n".join(_flattened(lines, intents)) + "\n"
        (folder / "data" / name).write_text(flattened, encoding="utf-8")
    rules = [{"rule": intent, "steps": [{"intent": intent}, {"action": "action_answer"}]} for intent in sorted(intents)]
    rules.append({"rule": "fallback", "steps": [{"intent": "nlu_fallback"}, {"action": "action_answer"}]})
    (folder / "data" / "rules.yml").write_text(yaml.safe_dump({"version": "3.1", "rules": rules}), encoding="utf-8")
    slots = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["slots"]
    domain = {"version": "3.1", "intents": sorted(intents), "slots": slots, "actions": ["action_answer"]}
    (folder / "domain.yml").write_text(yaml.safe_dump(domain), encoding="utf-8")


def _flattened(lines: list[str], intents: set[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("- intent: "):
            intents.add(flat(line.removeprefix("- intent: ").strip()))
            line = f"- intent: {flat(line.removeprefix('- intent: ').strip())}"
        yield line
