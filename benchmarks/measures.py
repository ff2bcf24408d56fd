"""What is measured of a running assistant."""

import asyncio
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import httpx
from rich.progress import track

from benchmarks.projects import NEUVO, Assistant
from benchmarks.servers import Server, turn
from bot.evaluation import Example
from guidance.answers import TOPICS

TURNS_PER_CONVERSATION = 8
LONG = 200
"""Turns of the long conversation."""


@dataclass(frozen=True)
class Understood:
    """A held-out message and what became of it: the likeliest label, how sure, and whether it would have been answered."""

    example: Example
    label: str
    confidence: float
    answered: bool

    @property
    def topic(self) -> str:
        """The topic or the service intent understood."""
        return self.label.partition("/")[0]


def _stock(parsed: dict[str, Any]) -> tuple[str, float, bool]:
    """Of a stock assistant: its likeliest intent, also where FallbackClassifier put its own name before it."""
    best = next(entry for entry in parsed["intent_ranking"] if entry["name"] != "nlu_fallback")
    return best["name"].replace("__", "/"), best["confidence"], parsed["intent"]["name"] != "nlu_fallback"


def _neuvo(parsed: dict[str, Any]) -> tuple[str, float, bool]:
    intent, selected = parsed["intent"], parsed["response_selector"]["default"]
    if intent["name"] not in TOPICS:
        return intent["name"], intent["confidence"], True
    best = next(
        (entry for entry in selected["ranking"] if entry["intent_response_key"].startswith(f"{intent['name']}/")),
        selected["response"],
    )
    return best["intent_response_key"], best["confidence"], selected["level"] == "question"


def understanding(assistant: Assistant, server: Server, examples: list[Example]) -> list[Understood]:
    """How the assistant understands the held-out messages."""
    read = _neuvo if assistant is NEUVO else _stock
    with server.client() as client:
        return [
            Understood(example, *read(server.parse(client, example.text)))
            for example in track(examples, description=f"{assistant.title}: messages", transient=True)
        ]


def accuracy(understood: list[Understood]) -> dict[str, dict[str, float]]:
    """Per language and overall: topic and question right, in-scope messages answered rightly, false answers to out of scope."""
    groups: dict[str, list[Understood]] = defaultdict(list)
    for result in understood:
        groups[result.example.language].append(result)
        groups["overall"].append(result)
    return {name: _accuracy(group) for name, group in groups.items()}


def _accuracy(group: list[Understood]) -> dict[str, float]:
    topical = [r for r in group if r.example.intent in TOPICS]
    questions = [r for r in topical if "/" in r.example.label]
    outside = [r for r in group if r.example.label == "out_of_scope"]
    return {
        "topic": statistics.mean(r.topic == r.example.intent for r in topical),
        "question": statistics.mean(r.label == r.example.label for r in questions),
        "answered_rightly": statistics.mean(r.answered and r.label == r.example.label for r in questions),
        "answered_wrongly": statistics.mean(r.answered and r.topic in TOPICS and r.label != r.example.label for r in questions),
        "false_answers": statistics.mean(r.answered and r.topic in TOPICS for r in outside) if outside else float("nan"),
    }


def curve(understood: list[Understood]) -> list[tuple[float, float]]:
    """Share of questions answered rightly against share of out-of-scope messages refused, for every threshold."""
    questions = [r for r in understood if "/" in r.example.label]
    outside = [r for r in understood if r.example.label == "out_of_scope"]
    points = []
    for step in range(0, 101, 2):
        threshold = step / 100
        right = statistics.mean(r.label == r.example.label and r.confidence >= threshold for r in questions)
        refused = statistics.mean(r.topic not in TOPICS or r.confidence < threshold for r in outside)
        points.append((right, refused))
    return points


def load(server: Server, examples: list[Example], clients: int, seconds: float) -> dict[str, float]:
    """Turns a second and their latency in milliseconds, so many people writing without a pause, each turn a custom action."""
    return asyncio.run(_load(server, examples, clients, seconds))


async def _load(server: Server, examples: list[Example], clients: int, seconds: float) -> dict[str, float]:
    latencies: list[float] = []
    empty = 0

    async def person(number: int, client: httpx.AsyncClient) -> None:
        nonlocal empty
        count = 0
        while time.monotonic() < end:
            example = examples[(number * 97 + count * 389) % len(examples)]  # goes through all languages
            body = turn(f"{clients}-{number}-{count // TURNS_PER_CONVERSATION}", example.text, example.language)
            began = time.monotonic()
            reply = await client.post("/webhooks/rest/webhook", json=body)
            latencies.append(time.monotonic() - began)
            empty += not reply.json()
            count += 1

    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=httpx.Limits(max_connections=clients)) as client:
        began = time.monotonic()
        end = began + seconds
        await asyncio.gather(*(person(number, client) for number in range(clients)))
        took = time.monotonic() - began
    if empty:
        raise RuntimeError(f"{empty} of {len(latencies)} turns had no answer: the actions failed")
    ranked = sorted(latencies)
    return {
        "turns_per_second": len(ranked) / took,
        "p50": 1000 * statistics.median(ranked),
        "p95": 1000 * ranked[int(0.95 * (len(ranked) - 1))],
    }


def long_conversation(server: Server, examples: list[Example], conversations: int = 3) -> dict[str, float]:
    """What the second and the 200th turn of a conversation take, in milliseconds: the same message at both places."""
    others = [example for example in examples if example.intent in TOPICS]
    second, last = [], []
    with server.client() as client:
        for conversation in range(conversations):
            for number in track(range(1, LONG + 1), description=f"conversation {conversation + 1}", transient=True):
                example = others[number % len(others)]
                text = "How do I find a rental home?" if number in (2, 3, 4, LONG - 2, LONG - 1, LONG) else example.text
                began = time.monotonic()
                client.post("/webhooks/rest/webhook", json=turn(f"long-{conversation}", text, "en")).raise_for_status()
                took = 1000 * (time.monotonic() - began)
                (second if number in (2, 3, 4) else last if number > LONG - 3 else []).append(took)
    return {"second": statistics.median(second), "two_hundredth": statistics.median(last)}
