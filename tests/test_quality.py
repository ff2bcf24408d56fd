"""What `neuvo check` finds in training data and held-out messages."""

from pathlib import Path

import pytest

from bot import quality
from guidance.content import ContentError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with training data and held-out messages of its own, beside the real domain and content."""
    monkeypatch.setattr(quality, "TRAINING", tmp_path / "data")
    monkeypatch.setattr(quality, "HELD_OUT", tmp_path / "held_out")
    monkeypatch.setattr(quality, "DEVELOPMENT", tmp_path / "development")
    monkeypatch.setattr(quality, "ROOT", tmp_path)
    (tmp_path / "domain.yml").write_text((Path(__file__).parent.parent / "domain.yml").read_text())
    (tmp_path / "data" / "ar").mkdir(parents=True)
    (tmp_path / "held_out").mkdir()
    return tmp_path


def training(project: Path, *lines: str, intent: str = "greet") -> None:
    examples = "".join(f"    - {line}\n" for line in lines)
    (project / "data" / "ar" / "service.yml").write_text(f'version: "3.1"\nnlu:\n- intent: {intent}\n  examples: |\n{examples}')


def findings(word: str) -> list[str]:
    return [finding for finding in quality.nlu() if word in finding]


def test_a_training_line_with_one_word_changed_is_found_with_its_line(project: Path) -> None:
    training(project, "where can I find the nearest health station today", "where can I find the nearest health station here")
    (found,) = findings("nearly repeats")
    assert found.startswith("data/ar/service.yml:6: nearly repeats data/ar/service.yml:5")


def test_different_lines_are_not(project: Path) -> None:
    training(project, "where can I find the nearest health station", "my tooth hurts and it is Sunday")
    assert findings("nearly repeats") == []


def test_a_held_out_line_that_is_nearly_a_training_line_is_refused(project: Path) -> None:
    training(project, "Where can I find the nearest health station?")
    (project / "held_out" / "ar.jsonl").write_text(
        '{"text": "where can i find the nearest health station", "lang": "ar", "label": "greet"}\n'
    )
    (found,) = findings("nearly repeats the training example")
    assert "ar.jsonl:1" in found


def test_an_unknown_question_id_is_named(project: Path) -> None:
    training(project, "hello", intent="housing/castle")
    (found,) = findings("housing/castle")
    assert "no question or service intent" in found


def test_a_line_that_is_no_example_is_named(project: Path) -> None:
    path = project / "data" / "ar" / "service.yml"
    path.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n    hi there\n')
    with pytest.raises(ContentError, match=r"service.yml:6: an example is a line that begins with"):
        list(quality.nlu())


def test_too_few_examples_are_counted(project: Path) -> None:
    (project / "data" / "ku").mkdir()
    (project / "data" / "ku" / "service.yml").write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - silav\n')
    assert any("housing/find_rental: 0 examples; at least 25" in finding for finding in findings("data/nlu/ku"))
    assert any("greet: 1 examples; at least 20" in finding for finding in findings("data/nlu/ku"))
