"""A message as plain text, for the terminal."""

from typing import Any


def as_text(message: dict[str, Any]) -> str:
    """A message of any type as lines of text, its choices numbered."""
    lines: list[str] = []
    if message["type"] == "answer":
        lines += [message["question"], ""]
        for block in message["blocks"]:
            lines += [block] if isinstance(block, str) else [f"  • {point}" for point in block]
        lines.append("")
        lines += [f"→ {link['title']}: {link['url']}" for link in message["links"]]
        lines += [f"({note['text']})" for note in message["notes"]]
    else:
        lines.append(message["text"])
    for line in message.get("lines", []):
        details = ", ".join(detail for detail in (line["hours"], line["languages"]) if detail)
        lines.append(f"  {line['number']}  {line['name']}" + (f" ({details})" if details else ""))
    lines += [f"  {number}. {choice['label']}" for number, choice in enumerate(message.get("choices", []), 1)]
    return "\n".join(lines)
