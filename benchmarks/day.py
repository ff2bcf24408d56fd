"""`make day`: a simulated day of the service, with the real parts, and whether anybody or anything was lost.

300 people and 10 advisors come and go in simulated time; the conversations, the queue, the watch, the estimate and the database
are the real ones, and Rasa answers. Afterwards what everybody did and saw is compared with what is stored.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from benchmarks.checks import Report, check, read
from benchmarks.drawing import draw_day
from benchmarks.projects import NEUVO
from benchmarks.servers import machine, running
from benchmarks.simulation import DATE, Day
from bot import migrations
from bot.rasa import Rasa
from guidance.content import ROOT
from guidance.knowledge import knowledge

RESULTS = Path(__file__).parent / "results"
MODEL = ROOT / "var" / "models" / "neuvo.tar.gz"


@contextmanager
def _rasa(folder: Path) -> Iterator[str]:
    """A Rasa server with the trained model and its action server, on ports of their own; its address."""
    (folder / "models").mkdir()
    (folder / "models" / "model.tar.gz").symlink_to(MODEL)
    for name in ("endpoints.yml", "credentials.yml"):
        (folder / name).symlink_to(ROOT / name)
    with running(NEUVO, folder) as server:
        yield server.url


async def simulate(day: Day) -> Report:
    """Let a day pass, telling each hour, and check it.

    Raises:
        RuntimeError: the database is not empty.
    """
    try:
        if (await read(day.store)).conversations:
            raise RuntimeError("the database is not empty: give --database-url an empty one, for people of the day stay in it")
        await day.run(lambda line: print(line, flush=True))
        return check(day, await read(day.store))
    finally:
        await day.all.close()
        await day.all.rasa.close()
        await day.store.close()


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return number


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__)
    parser.add_argument("--seed", type=_number(0, 10**9), default=1, help="which day: it makes the people and the advisors")
    parser.add_argument("--people", type=_number(1, 1000), default=300)
    parser.add_argument("--advisors", type=_number(1, 100), default=10)
    parser.add_argument("--database-url", help="an empty database, such as postgresql://…; default: an SQLite file for the time")
    return parser.parse_args()


def main() -> int:
    """Simulate a day; the exit code."""
    arguments = _arguments()
    if not MODEL.exists():
        print("day: there is no trained model: run `make train`", file=sys.stderr)
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.database_url or f"sqlite:///{folder}/neuvo.sqlite3"
        try:
            migrations.upgrade(url)
            with _rasa(Path(folder)) as address:
                day = Day(knowledge(), url, Rasa(address, ""), arguments.seed, arguments.people, arguments.advisors)
                report = asyncio.run(simulate(day))
        except (ArgumentError, SQLAlchemyError) as error:
            print(f"day: the database cannot be used: {type(error).__name__}", file=sys.stderr)
            return 2
        except RuntimeError as error:
            print(f"day: {error}", file=sys.stderr)
            return 2
    print(f"\n{report.text()}")
    record = {
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "machine": {**machine(), "neuvo": version("neuvo"), "sqlalchemy": version("sqlalchemy")},
        "database": make_url(url).get_backend_name(),
        "day": f"{DATE:%Y-%m-%d}",
        "seed": arguments.seed,
        "advisors": arguments.advisors,
        "seconds": round(time.monotonic() - began),
        "figures": report.figures,
        "estimate": report.estimate,
        "violations": report.violations,
    }
    (RESULTS / "day.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw_day(day.log.samples, report.points, arguments.seed, RESULTS / "day.png")
    print("\nwritten: benchmarks/results/day.json and day.png")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
