"""Toys that can be checked by eye: a 4x4 mask, a 12-frame clip, a ledger that holds them, the context of a round."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from al_core.ledger.file.connection import Connector
from al_core.ledger.labelling.imports import frame_columns, mask_columns
from al_core.ledger.store import Ledger
from al_core.masks.rle import Rle, encode
from al_core.project import Project
from al_core.records import (
    COMPONENTS,
    Answer,
    FrameLabel,
    FrameRef,
    LabelKind,
    LabelRequest,
    MaskLabel,
    Selected,
    Video,
)
from al_core.settings import Settings, StoredSettings
from tasks.steps.context import RoundContext

SQUARE = np.array(
    [
        [0, 0, 0, 0],
        [0, 1, 1, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 0],
    ],
    bool,
)
"""A 2x2 object in a 4x4 frame."""


def square() -> Rle:
    """The RLE of ``SQUARE``."""
    return encode(SQUARE)


def clip(name: str = "clip", n_frames: int = 12) -> Video:
    """A video of 4x4 pixels at 29.97 frames per second; its content hash is its name."""
    return Video(0, name, f"/videos/{name}.mp4", "file", name.ljust(64, "0"), Fraction(30000, 1001), n_frames, 4, 4)


def times_us(n_frames: int = 12) -> np.ndarray:
    """Presentation times of a clip in microseconds."""
    return np.round(np.arange(n_frames) * 1001e6 / 30000).astype(np.int64)


@contextmanager
def kept_open() -> Iterator[None]:
    """Keep each ledger that this process opens open until the block ends; it is for tests of one process.

    A ledger is opened for each operation, which takes 20 ms of computing, and 3 ms where it is open already.
    """
    kept: dict[Path, tuple[int, duckdb.DuckDBPyConnection]] = {}
    opened = Connector._opened

    def opening(connector: Connector, read_only: bool) -> duckdb.DuckDBPyConnection:
        path = connector.path
        if path in kept and not (path.exists() and path.stat().st_ino == kept[path][0]):
            # Another file is there now.
            kept.pop(path)[1].close()
        connection = opened(connector, read_only)
        if path not in kept and not read_only:
            kept[path] = path.stat().st_ino, opened(connector, read_only)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connector, "_opened", opening)
        yield
    for _, connection in kept.values():
        connection.close()


def ledger_with_clip(folder: Path, with_truth: bool = True) -> Ledger:
    """A ledger with one category and one clip whose object never moves; all of a process are copies of one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _files_with_clip(with_truth).items():
        (folder / name).write_bytes(content)
    return Ledger(folder / "ledger.duckdb", patience=5)


@cache
def _files_with_clip(with_truth: bool) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        new_ledger_with_clip(Path(folder), with_truth)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def new_ledger_with_clip(folder: Path, with_truth: bool = True) -> Ledger:
    """A ledger with the clip that is nobody's copy."""
    ledger = Ledger(folder / "ledger.duckdb", patience=5)
    ledger.add_categories(["object"])
    truth = [FrameLabel(FrameRef(0, i), (MaskLabel(1, 1, square()),)) for i in range(12)] if with_truth else []
    ledger.add_video(clip(), times_us(), truth)
    return ledger


def chosen(frame_idx: int, rank: int = 0, video_id: int = 1) -> Selected:
    """A frame that somebody chose."""
    return Selected(FrameRef(video_id, frame_idx), rank, 0.5, "it moves most")


def asked(ledger: Ledger, *frame_indices: int, round_id: int = 1) -> list[LabelRequest]:
    """Store a round's requests for these frames, in this order."""
    requests = [LabelRequest.of(round_id, chosen(i, rank)) for rank, i in enumerate(frame_indices)]
    ledger.put_requests(requests)
    return requests


def mask_answer(request: LabelRequest, answer_id: str = "a1", rle: Rle | None = None) -> Answer:
    """A person drew one object."""
    label = FrameLabel(request.frame, (MaskLabel(1, 1, rle or square()),))
    return Answer(answer_id, request.request_id, label, LabelKind.MASK, 80.0, "ann")


def import_tables(*frame_indices: int, category: str = "object") -> dict[str, pa.Table]:
    """The square in each of these frames of the first video, as an import brings it."""
    n = len(frame_indices)
    frames = pa.table([[1] * n, list(frame_indices), ["mask"] * n], schema=frame_columns())
    counts = [square().counts.encode()] * n
    masks = pa.table([[1] * n, list(frame_indices), [1] * n, [category] * n, counts, [None] * n], schema=mask_columns())
    return {"frames": frames, "masks": masks}


def frame_rows(uncertainty, **parts):
    """Per-frame predictions with the given uncertainty, and all components zero but for some ``parts`` of it."""
    n = len(uncertainty)
    columns = {name: np.full(n, parts.get(name, 0), np.float32) for name in COMPONENTS}
    return pa.table(
        {
            "frame_idx": np.arange(n, dtype=np.int32),
            "uncertainty": np.asarray(uncertainty, np.float32),
            "n_objects": np.ones(n, np.int32),
            **columns,
        }
    )


def context_of(
    project: Project, ledger: Ledger, round_id: int = 1, settings: Settings | None = None, **parts: Any
) -> RoundContext:
    """Return a context of a round that need not be in the ledger.

    Args:
        settings: the usual ones when left out.
        parts: what would be read otherwise, by the name of the property: ``frames``, ``labels_collected``, ...
    """
    context, settings = RoundContext(project, ledger, round_id), settings or Settings()
    # A cached property looks here first.
    context.__dict__.update(parts, settings=settings, stored=StoredSettings(settings.to_json()))
    return context
