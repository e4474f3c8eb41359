"""The frames that a round may ask for, read from a ledger."""

from pathlib import Path

import pyarrow as pa
import pytest

from al_core.ledger.store import Ledger
from al_core.records import COMPONENTS, FrameRef, LabelRequest, Selected
from al_core.selection import Frames
from al_core.settings import Settings
from tasks.steps.select import pool_from_ledger
from tests.toys.ledgers import clip, times_us


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "ledger.duckdb")
    for name, n_frames in (("a", 5), ("b", 3)):
        ledger.add_video(clip(name, n_frames), times_us(n_frames))
    ledger.begin_round(Settings())
    return ledger


def predict(ledger: Ledger, video_id: int, uncertainty: list[float]) -> None:
    n = len(uncertainty)
    columns = {name: pa.array([0.0] * n, pa.float32()) for name in COMPONENTS}
    columns["box_spread"] = pa.array(uncertainty, pa.float32())
    rows = {
        "frame_idx": pa.array(range(n), pa.int32()),
        "uncertainty": pa.array(uncertainty, pa.float32()),
        "n_objects": pa.array([1] * n, pa.int32()),
    }
    ledger.put_predictions(1, video_id, pa.table(rows | columns), "p.parquet")


def ask(ledger: Ledger, round_id: int, video_id: int, frame_idx: int) -> None:
    ledger.put_requests([LabelRequest.of(round_id, Selected(FrameRef(video_id, frame_idx), 0, 0.0, ""))])


def listed(frames: Frames) -> list[tuple[int, int]]:
    return list(zip(frames.video_id.tolist(), frames.frame_idx.tolist(), strict=True))


def test_frames_that_earlier_rounds_asked_for_are_labelled(ledger):
    ask(ledger, 1, 1, 2)
    ask(ledger, 2, 2, 0)
    pool = pool_from_ledger(ledger, 2)
    assert listed(pool.labelled) == [(1, 2)]
    assert listed(pool.candidates) == [(1, 0), (1, 1), (1, 3), (1, 4), (2, 0), (2, 1), (2, 2)]


def test_only_answerable_frames(ledger):
    ask(ledger, 1, 1, 2)
    pool = pool_from_ledger(ledger, 2, answerable=Frames.of([1, 1, 2], [1, 2, 2]))
    assert listed(pool.candidates) == [(1, 1), (2, 2)]


def test_prefixes_grow_until_all_is_read(ledger):
    predict(ledger, 1, [0.1, 0.9, 0.3, 0.3, 0.2])
    predict(ledger, 2, [0.8, 0.7, 0.6])
    parts = list(pool_from_ledger(ledger, 2, 1).rank(1, 0, 1))
    assert [len(part.frames) for part in parts] == [8, 1, 4, 8]
    assert listed(parts[2].frames) == [(1, 1), (2, 0), (2, 1), (2, 2)]
    assert parts[2].lowest == {1: pytest.approx(0.6), 2: pytest.approx(0.6)}


def test_explain(ledger):
    predict(ledger, 1, [0.1, 0.9, 0.3, 0.3, 0.2])
    parts = pool_from_ledger(ledger, 2, 1).explain([FrameRef(1, 1), FrameRef(2, 0)])
    assert list(parts) == [FrameRef(1, 1)]
    assert parts[FrameRef(1, 1)]["box_spread"] == pytest.approx(0.9)
