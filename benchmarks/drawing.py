"""The pictures of a benchmark run and of a simulated day."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

COLOURS = ("#0b5c8f", "#c4572a", "#7a7a7a")


def draw(record: dict[str, Any], path: Path) -> None:
    """Draw a run: understanding per language, answers against refusals, turns a second, the cost of a long conversation."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    assistants = list(record["assistants"].values())
    languages = [name for name in assistants[0]["accuracy"] if name != "overall"]
    figure, ((topics, questions), (curve, speed)) = pyplot.subplots(2, 2, figsize=(13, 9))
    width = 0.8 / len(assistants)
    for axes, kind in ((topics, "topic"), (questions, "question")):
        for number, assistant in enumerate(assistants):
            places = [index + number * width for index in range(len(languages))]
            values = [100 * assistant["accuracy"][language][kind] for language in languages]
            bars = axes.bar(places, values, width, color=COLOURS[number], label=assistant["title"])
            axes.bar_label(bars, fmt="%.0f", fontsize=8)
        axes.set_xticks([index + width for index in range(len(languages))], languages)
        axes.set_ylim(0, 105)
        axes.set_title(f"{kind} right, % of messages never seen")
        axes.legend(loc="lower right", fontsize=8)
    for number, assistant in enumerate(assistants):
        right, refused = zip(*assistant["curve"], strict=True)
        curve.plot([100 * value for value in refused], [100 * value for value in right], color=COLOURS[number], marker=".")
    curve.set_xlabel("out of scope: refused, %")
    curve.set_ylabel("questions answered rightly, %")
    curve.set_title("answers against refusals, as the threshold rises")
    for number, assistant in enumerate(assistants):
        values = [assistant[load]["turns_per_second"] for load in ("one_client", "twenty_clients")]
        bars = speed.bar([number * width, 1 + number * width], values, width, color=COLOURS[number])
        speed.bar_label(bars, fmt="%.1f", fontsize=8)
    speed.set_xticks([width, 1 + width], ["1 client", "20 clients"])
    speed.set_title("turns a second, each through a custom action")
    machine = record["machine"]
    figure.suptitle(f"{record['at'][:10]} · {record['messages']} messages · {machine['processor']}, {machine['cores']} cores")
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def draw_day(
    samples: Sequence[tuple[datetime, int, int, int]], points: Sequence[tuple[float, float]], seed: int, path: Path
) -> None:
    """Draw a simulated day: who waits, talks and is free, minute by minute; and the estimated waits against the real ones."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (day, waits) = pyplot.subplots(1, 2, figsize=(13, 5), width_ratios=(3, 2))
    hours = [at.hour + at.minute / 60 for at, *_sizes in samples]
    for number, title in enumerate(("people waiting", "people with an advisor", "advisors free"), 1):
        sizes = [sample[number] for sample in samples]
        day.plot(hours, sizes, color=COLOURS[(1, 0, 2)[number - 1]], drawstyle="steps-post", label=title)
    day.set_xlabel("hour of the simulated day")
    day.legend(fontsize=8)
    day.set_title("the queue and the desk")
    longest = max((minutes for point in points for minutes in point), default=1) + 1
    waits.plot([0, longest], [0, longest], color=COLOURS[2], linewidth=1)
    waits.scatter([real for _estimated, real in points], [estimated for estimated, _real in points], s=14, color=COLOURS[0])
    waits.set_xlabel("minutes waited")
    waits.set_ylabel("minutes estimated on joining the queue")
    waits.set_title("the estimate of the wait")
    figure.suptitle(f"a simulated day, seed {seed}")
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
