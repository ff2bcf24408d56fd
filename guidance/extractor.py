"""Babel's view of the content files: every text of an answer, of urgent.yml and of phrases.yml is one gettext entry.

Babel finds `extract` through the entry point `babel.extractors` (see pyproject.toml, babel_answers.cfg, babel_messages.cfg).
"""

from collections.abc import Collection, Iterator, Mapping
from io import BytesIO
from typing import IO, Any

from ruamel.yaml import YAML

Extracted = tuple[int, str, tuple[str, str], list[str]]
"""A message for Babel: line (1-based), gettext function, (context, text), comments for translators."""


def _line(node: Any, key: int | str) -> int:
    mapping = isinstance(node, dict)
    position = node.lc.value(key) if mapping else node.lc.item(key)
    return int(position[0]) + 1


def _answer(entry: Any) -> Iterator[Extracted]:
    context = str(entry["id"])

    def message(node: Any, key: int | str, comment: str) -> Extracted:
        return _line(node, key), "pgettext", (context, str(node[key])), [comment]

    yield message(entry, "question", "The question, as a person would ask it")
    for index, block in enumerate(entry["answer"]):
        if isinstance(block, str):
            yield message(entry["answer"], index, "A paragraph")
        else:
            for number in range(len(block)):
                yield message(block, number, "A point in a list")
    for link in entry["links"]:
        yield message(link, "title", "The title of a link")
    yield message(entry, "authority", "Who is responsible; use the names of docs/glossary.md")
    if entry.get("handoff"):
        yield message(entry, "handoff", "Follows “Talk to an advisor if:”")


def _urgent(document: Any) -> Iterator[Extracted]:
    for kind in ("emergency", "crisis"):
        text = document[kind]["text"]
        for index in range(len(text)):
            yield _line(text, index), "pgettext", ("urgent", str(text[index])), [f"Said in an {kind}; short and calm"]
    for line in document["lines"]:
        for key in ("name", "hours", "languages"):
            if line.get(key):
                yield _line(line, key), "pgettext", ("urgent", str(line[key])), [f"A telephone line for people in danger: {key}"]


def _phrases(document: Any) -> Iterator[Extracted]:
    phrases = document["phrases"]
    for index in range(len(phrases)):
        yield _line(phrases, index), "pgettext", ("phrase", str(phrases[index])), ["What an advisor says with one press"]


def extract(
    fileobj: IO[bytes], keywords: Mapping[str, Any], comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[Extracted]:
    """The translatable texts of one content file, for Babel.

    A list of answers gives entries whose context is the answer's id; urgent.yml and phrases.yml give entries of the contexts
    `urgent` and `phrase`.
    """
    document = YAML(typ="rt").load(BytesIO(fileobj.read()))
    if isinstance(document, list):
        for entry in document:
            yield from _answer(entry)
    elif "phrases" in document:
        yield from _phrases(document)
    else:
        yield from _urgent(document)
