"""Reading the YAML files that city staff edit, with errors that say where to look."""

import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

ROOT = Path(__file__).resolve().parent.parent
CONTENT = Path(os.environ.get("NEUVO_CONTENT", ROOT / "content"))
"""What city staff edit; NEUVO_CONTENT names another folder, for trying changes out."""
TRANSLATIONS = ROOT / "translations"


class ContentError(Exception):
    """A content file is wrong. The message names the file, the line and the field, and says what to do."""


class Entry(BaseModel):
    """A piece of content: immutable, and a field that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def first_day(value: str) -> date:
    """The first day of an ISO 8601 date, month or year: "2025-12" is 1 December 2025.

    Raises:
        ValueError: `value` is none of these.
    """
    match = re.fullmatch(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", value)
    if match is None:
        raise ValueError(f"{value!r} is not a date (2025-12-31), a month (2025-12) or a year (2025)")
    year, month, day = match.groups(default="1")
    return date(int(year), int(month), int(day))


def year_after(value: str) -> date:
    """A year after the first day of `value` (see first_day)."""
    day = first_day(value)
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        return date(day.year + 1, 2, 28)


def _partial_date(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        first_day(value)
    return value


PartialDate = Annotated[str, BeforeValidator(_partial_date)]
"""An ISO 8601 date whose day, or month and day, may be unknown, as a string: dates are never completed by guessing."""


def _position(document: Any, location: tuple[int | str, ...]) -> tuple[int, str]:
    """Line (1-based) and readable path of a pydantic error location inside a ruamel document."""
    line = getattr(getattr(document, "lc", None), "line", 0) or 0
    path = []
    node: Any = document
    for key in location:
        mapping, sequence = isinstance(node, dict), isinstance(node, list)
        if not mapping and not sequence:
            break  # pydantic adds names of union members, which are not in the file
        try:
            line = node.lc.value(key)[0] if mapping else node.lc.item(key)[0]
            node = node[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            path.append(str(key))
            break
        identity = node.get("id") or node.get("code") if isinstance(node, dict) else None
        path.append(str(identity or key))
    return line + 1, " › ".join(path)


def plain(node: Any) -> Any:
    """A ruamel document as plain Python values."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, str):
        return str(node)
    return node


def read_document(path: Path) -> Any:
    """The YAML document in `path`, with line numbers kept (ruamel's round-trip form).

    Raises:
        ContentError: the file is missing or is not YAML.
    """
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ContentError(f"{path}: the file is missing") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContentError(f"{path}:{line}: this is not valid YAML: {error.problem}") from None


def read[T](path: Path, shape: type[T]) -> T:
    """The content of a YAML file, validated as `shape` (a pydantic model or a type made of them).

    Raises:
        ContentError: the file is missing, is not YAML, or a field of it is wrong.
    """
    document = read_document(path)
    try:
        return TypeAdapter(shape).validate_python(plain(document))
    except ValidationError as error:
        # A misspelt field is also a missing one; the misspelling is what has to be mended.
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        line, field = _position(document, first["loc"])
        raise ContentError(f"{path}:{line}: {field or 'the file'}: {first['msg']}") from None
