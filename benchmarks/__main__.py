"""`make bench`: Neuvo beside two stock Rasa assistants, trained and run on the same examples, one after another in one run."""

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import measures
from benchmarks.drawing import draw
from benchmarks.projects import ASSISTANTS, NEUVO, Assistant, make
from benchmarks.servers import machine, running, train
from bot.evaluation import Example, ExampleError, read_examples
from guidance.content import ROOT

RESULTS = Path(__file__).parent / "results"
WORK = ROOT / "var" / "bench"
LANGUAGES = ("fi", "sv", "en", "ku", "ckb")
LOADS = ("one_client", "twenty_clients")
HELD_OUT = ROOT / "tests" / "nlu"


def prepare(assistant: Assistant, arguments: argparse.Namespace) -> Path:
    """Train an assistant, unless there is a model of it to keep; its folder."""
    folder = WORK / assistant.name
    if not (arguments.keep and (folder / "models" / "model.tar.gz").exists()):
        print(f"{assistant.title}: training (log: {folder}/train.log)", flush=True)
        make(assistant, folder, arguments.epochs, arguments.examples)
        record = {"seconds": train(assistant, folder), "epochs": arguments.epochs, "examples": arguments.examples}
        (folder / "trained.json").write_text(json.dumps(record))
    return folder


def measure(assistant: Assistant, examples: list[Example], arguments: argparse.Namespace) -> dict[str, Any]:
    """Train and run one assistant; all its figures."""
    folder = prepare(assistant, arguments)
    record = json.loads((folder / "trained.json").read_text())
    print(f"{assistant.title}: starting", flush=True)
    with running(assistant, folder) as server:
        understood = measures.understanding(assistant, server, examples)
        seconds = 5 if arguments.quick else 20
        measures.load(server, examples, 1, 2)  # warm
        figures = {
            "title": assistant.title,
            "training_seconds": record["seconds"],
            "share_of_epochs": 1 if assistant is NEUVO else record["epochs"],
            "examples_at_most": record["examples"],
            "start_seconds": server.start,
            "accuracy": measures.accuracy(understood),
            "curve": measures.curve(understood),
            "one_client": measures.load(server, examples, 1, seconds),
            "twenty_clients": measures.load(server, examples, 20, seconds),
            "long_conversation": measures.long_conversation(server, examples, 1 if arguments.quick else 3),
            "memory_megabytes": server.memory(),
        }
    one, twenty = figures["one_client"], figures["twenty_clients"]
    print(f"{assistant.title}: {one['turns_per_second']:.1f} and {twenty['turns_per_second']:.1f} turns a second", flush=True)
    return figures


def table(results: dict[str, dict[str, Any]]) -> str:
    """The figures as text, ratios to Neuvo first."""
    ours = results[NEUVO.name]
    lines = ["Neuvo against each, in the same run:"]
    for name, other in results.items():
        if name == NEUVO.name:
            continue
        error = (1 - other["accuracy"]["overall"]["question"]) / (1 - ours["accuracy"]["overall"]["question"])
        topic = (1 - other["accuracy"]["overall"]["topic"]) / (1 - ours["accuracy"]["overall"]["topic"])
        one, twenty = (
            ours[load]["turns_per_second"] / other[load]["turns_per_second"] for load in ("one_client", "twenty_clients")
        )
        lines.append(
            f"  {other['title']}: {one:.1f} times the turns a second with 1 client, {twenty:.1f} with 20; "
            f"a {error:.1f}th of the errors in questions, a {topic:.1f}th in topics"
        )
    rows: list[tuple[str, Any]] = [
        (f"{kind.replace('_', ' ')}, {language}", lambda r, k=kind, code=language: f"{r['accuracy'][code][k]:.1%}")
        for kind in ("topic", "question", "answered_rightly", "answered_wrongly", "false_answers")
        for language in (*LANGUAGES, "overall")
        if language in ours["accuracy"]
    ]
    for load, title in zip(LOADS, ("1 client", "20 clients"), strict=True):
        rows.append((f"turns a second, {title}", lambda r, k=load: f"{r[k]['turns_per_second']:.1f}"))
        rows.append((f"latency p50 / p95, {title}", lambda r, k=load: f"{r[k]['p50']:.0f} / {r[k]['p95']:.0f} ms"))
    rows += [
        ("turn 2 / turn 200", lambda r: "{second:.0f} / {two_hundredth:.0f} ms".format(**r["long_conversation"])),
        ("memory of Rasa", lambda r: f"{r['memory_megabytes']:.0f} MB"),
        ("start to first answer", lambda r: f"{r['start_seconds']:.0f} s"),
        ("training", lambda r: f"{r['training_seconds']:.0f} s"),
        ("examples a question, at most", lambda r: str(r["examples_at_most"] or "all")),
        ("share of the epochs", lambda r: f"{r['share_of_epochs']:g}"),
    ]
    lines += ["", f"{'':30}" + "".join(f"{r['title']:>24}" for r in results.values())]
    lines += [f"{title:30}" + "".join(f"{cell(r):>24}" for r in results.values()) for title, cell in rows]
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark; the exit code."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the stock assistants' epochs, short loads")
    parser.add_argument("--epochs", type=float, help="share of the stock assistants' epochs that are run (1: all)")
    parser.add_argument(
        "--examples", type=int, help="at most so many examples a question and language, for all three (default: all there are)"
    )
    parser.add_argument("--only", choices=[assistant.name for assistant in ASSISTANTS], help="train this one alone, and stop")
    parser.add_argument("--keep", action="store_true", help="use the models of the last run where there are any")
    arguments = parser.parse_args()
    arguments.epochs = arguments.epochs or (0.05 if arguments.quick else 1.0)
    arguments.examples = arguments.examples or (5 if arguments.quick else None)
    try:
        if arguments.only:
            prepare(next(assistant for assistant in ASSISTANTS if assistant.name == arguments.only), arguments)
            return 0
        examples = [example for code in LANGUAGES for example in read_examples(HELD_OUT / f"{code}.jsonl")]
        results = {assistant.name: measure(assistant, examples, arguments) for assistant in ASSISTANTS}
    except (ExampleError, RuntimeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    now = datetime.now().astimezone()
    record = {"at": now.isoformat(timespec="seconds"), "machine": machine(), "messages": len(examples), "assistants": results}
    name = f"{now:%Y-%m-%d}{'-quick' if arguments.quick else ''}"
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(record, RESULTS / f"{name}.png")
    print(table(results))
    print(f"\nwritten: benchmarks/results/{name}.json and {name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
