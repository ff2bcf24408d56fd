"""The chat for any page: one script, made of the sources in this folder and served small.

`script` is the whole widget, its styles included. There is no build: the sources are put together and minified when the service
starts, so what runs is what stands here.
"""

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path

import minify

FOLDER = Path(__file__).parent
SOURCES = ("dom.js", "memory.js", "connection.js", "card.js", "chat.js")
"""In this order, and in one scope."""
LIMIT = 15_000
"""Bytes, gzipped, that the widget and the words of one language may have together: people pay for their data."""


@cache
def styles() -> str:
    """The widget's styles. They are in the script, too; by themselves they are for browsers that cannot take them from there."""
    return str(minify.string("text/css", (FOLDER / "widget.css").read_text(encoding="utf-8")))


@cache
def script() -> bytes:
    """The widget as it is served."""
    parts = [f"const STYLES = {json.dumps(styles())};", *((FOLDER / name).read_text(encoding="utf-8") for name in SOURCES)]
    whole = "(() => {\n" + "\n".join(parts) + "\n})();"
    return str(minify.string("application/javascript", whole)).encode()


@cache
def version() -> str:
    """What names this very script: another content, another name."""
    return hashlib.sha256(script()).hexdigest()[:12]


@cache
def compressed() -> bytes:
    """The script, gzipped."""
    return gzip.compress(script(), 9, mtime=0)


def size(texts: bytes) -> int:
    """Bytes that a phone loads before the chat can be used, gzipped; `texts` are the words of one language as JSON."""
    return len(compressed()) + len(gzip.compress(texts, 9, mtime=0))
