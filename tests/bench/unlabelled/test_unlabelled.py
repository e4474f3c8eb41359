"""The bench of unlabelled frames: cells, what they are held against, and what is printed of those that were not run."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from tests.bench.unlabelled.__main__ import HEAD, Cell, Records, cells_of, measure, rows_of
from tests.bench.unlabelled.image_study import aggregated_jaccard
from tests.bench.unlabelled.study import Steps

POOL = "pool, 2 labels"


class TenStepsASecond:
    """A bench whose figures tell which arm was asked for; "self" takes three times as long."""

    steps = Steps(5, 10)
    cases = 5

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int | None]] = []

    def measure(self, system, seed, steps=None):
        """J of .5, and .6 for "self"; seconds by steps."""
        self.asked.append((system, seed, steps))
        value = 0.6 if system == "self" else 0.5
        figures = {
            "J of teachers' masks": dict.fromkeys("abcde"[: self.cases], value),
            "J&F delivered": dict.fromkeys("abcde", 0.5),
        }
        return figures, steps * (0.3 if system == "self" else 0.1)


def measured(tmp_path, cells: Sequence[Cell]) -> tuple[TenStepsASecond, Records]:
    bench, records = TenStepsASecond(), Records(tmp_path / "cells.jsonl")
    for cell in cells:
        measure(bench, cell, records)
    return bench, records


def test_a_rival_gets_as_many_steps_and_as_many_seconds(tmp_path):
    bench, _ = measured(tmp_path, cells_of([POOL], ["none", "self"], [100]))
    assert bench.asked == [("none", 100, 10), ("self", 100, 10), ("none", 100, 30)]


def test_what_needs_a_camera_that_moves_is_not_asked_of_images():
    proofs = {cell.proof for cell in cells_of([POOL, "cells, 5 labels"], ["none", "self + depth"], [100])}
    assert proofs == {POOL, "cells, 5 labels"}
    cells = cells_of(["cells, 5 labels"], ["none", "self", "self + depth"], [100])
    assert [cell.system for cell in cells] == ["none", "self", "none"]


def test_both_sides_are_printed_with_a_verdict_each(tmp_path):
    _, records = measured(tmp_path, cells_of([POOL], ["none", "self"], [100, 101]))
    teachers, delivered = rows_of(POOL, "self", [100, 101], records)
    assert teachers[:7] == (
        "self",
        POOL,
        "J of teachers' masks",
        "0.600",
        "0.500",
        "+0.100 (+0.100 to +0.100)",
        "0.500",
    )
    assert teachers[-2:] == ("3 / 1", "wins; wins")
    assert delivered[-1] == "undecided; undecided"
    assert len(teachers) == len(HEAD)


def test_few_clips_decide_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(TenStepsASecond, "cases", 4)
    _, records = measured(tmp_path, cells_of([POOL], ["none", "self"], [100]))
    assert next(iter(rows_of(POOL, "self", [100], records)))[-1] == "undecided; undecided"


def test_cells_that_were_not_run_say_so(tmp_path):
    _, records = measured(tmp_path, [Cell(POOL, "none", 100)])
    assert {row[-1] for row in rows_of(POOL, "self", [100], records)} == {"not measured"}
    _, records = measured(tmp_path, [Cell(POOL, "none", 100), Cell(POOL, "self", 100)])
    teachers = next(iter(rows_of(POOL, "self", [100], records)))
    assert teachers[-1] == "wins; not measured"


def test_what_was_measured_is_found_again_and_half_a_line_costs_no_other(tmp_path):
    measured(tmp_path, [Cell(POOL, "none", 100)])
    path = tmp_path / "cells.jsonl"
    with path.open("a") as file:
        file.write('\n{"cell": ["pool')
    records = Records(path)
    assert Cell(POOL, "none", 100) in records
    records.add(Cell(POOL, "self", 100), seconds=1.0)
    assert Cell(POOL, "self", 100) in Records(path)
    assert json.loads(path.read_text().splitlines()[-1])["code"]


def square(left: int) -> np.ndarray:
    mask = np.zeros((4, 12), bool)
    mask[:, left : left + 4] = True
    return mask


@pytest.mark.parametrize(
    ("found", "truth", "index"),
    [
        ([0], [0], 1.0),
        ([2], [0], 8 / 24),
        ([0, 8], [0], 16 / 32),  # a mask too many
        ([0], [0, 8], 16 / 32),  # a cell that nothing overlaps
        ([], [0], 0.0),
        ([], [], 1.0),
    ],
)
def test_the_aggregated_jaccard_index_counts_what_is_left_as_wrong(found, truth, index):
    assert aggregated_jaccard([square(x) for x in found], [square(x) for x in truth]) == pytest.approx(index)
