"""How fast the ledger is at ten million predictions: ``python -m tests.bench.speed.ledger_speed``.

Selects 500 frames with gap 30 and quota 20, from uncertainties that are independent from frame to frame and
from smooth ones (neighbours fill the top of the order, and some videos lie above all others); writes a
million per-frame rows; asks for the coverage. The times beside each are the same work done with everything
in memory.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.ledger.store import Ledger
from al_core.records import COMPONENTS, FrameRef, LabelRequest, Selected
from al_core.selection import Frames, Pool, select
from al_core.selection.strategies.least_certain import most_uncertain
from al_core.settings import SelectionSettings, Settings
from tasks.steps.select import pool_from_ledger
from tests.toys.ledgers import clip, times_us

RULES = SelectionSettings(strategy="least_certain", min_gap=30, quota_per_video=20, control_share=0.0)
WANTED = 500
ASKED_PER_VIDEO = 5


def independent(rng: np.random.Generator, n: int) -> np.ndarray:
    """Uncertainty of n frames that know nothing of each other, float32 [n]."""
    return rng.random(n, dtype=np.float32)


def smooth(rng: np.random.Generator, n: int) -> np.ndarray:
    """Uncertainty that changes over some hundred frames, around a level of the video's own, float32 [n]."""
    window = np.hanning(301)
    waves = np.convolve(rng.standard_normal(n + 300), window / np.sqrt(np.square(window).sum()), "valid")
    return (0.5 + 0.1 * waves + 0.1 * rng.standard_normal()).astype(np.float32)


def prediction_rows(uncertainty: np.ndarray) -> pa.Table:
    """What a round predicts for one video."""
    n = len(uncertainty)
    components = {name: pa.array(uncertainty) for name in COMPONENTS}
    frames = {
        "frame_idx": pa.array(np.arange(n, dtype=np.int32)),
        "n_objects": pa.array(np.ones(n, np.int32)),
    }
    return pa.table(frames | {"uncertainty": pa.array(uncertainty)} | components)


def filled_ledger(path: Path, wave: Callable, videos: int, n_frames: int) -> tuple[Ledger, np.ndarray]:
    """A ledger with one round of predictions and some frames asked for; also the uncertainty, [videos,
    frames]."""
    rng = np.random.default_rng(0)
    ledger = Ledger(path)
    settings = Settings()
    ledger.begin_round(settings)
    uncertainty = np.stack([wave(rng, n_frames) for _ in range(videos)])
    requests = []
    # One open connection for all of them: it is the reading that is measured.
    with ledger.held():
        for number, row in enumerate(track(uncertainty, f"filling a ledger with {videos * n_frames:,} rows"), 1):
            # The table of frames has a row per frame, which no figure here depends on: one stands for all.
            ledger.add_video(clip(f"{number:05d}", 1), times_us(1))
            ledger.put_predictions(1, number, prediction_rows(row), f"{number:05d}.parquet")
            asked = rng.choice(n_frames, ASKED_PER_VIDEO, replace=False).tolist()
            requests += [Selected(FrameRef(number, f), 0, 0.0, "") for f in asked]
        with ledger._connector.transaction() as connection:
            connection.execute("UPDATE video SET n_frames = ?", [n_frames])
        ledger.put_requests([LabelRequest.of(1, selected) for selected in requests])
    return ledger, uncertainty


@dataclass(frozen=True)
class Timing:
    """Seconds on the clock, and seconds of all processors together: the second hardly depends on other
    work."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:.3f} ({self.processor:.3f})"


def timed(work: Callable, repeats: int = 3) -> tuple[Timing, Any]:
    """The fastest of some runs, and the last result."""
    timings = []
    for _ in range(repeats):
        clock, processor = time.perf_counter(), time.process_time()
        result = work()
        timings.append(Timing(time.perf_counter() - clock, time.process_time() - processor))
    return min(timings, key=lambda timing: timing.clock), result


def select_from_ledger(ledger: Ledger) -> list[Selected]:
    """The whole of a round's choice."""
    return select("least_certain", pool_from_ledger(ledger, 2, 1), WANTED, RULES, np.random.default_rng(0))


def choose_in_memory(uncertainty: np.ndarray, labelled: Frames) -> Frames:
    """The same choice by sorting everything."""
    videos, n_frames = uncertainty.shape
    video_id, frame_idx = np.divmod(np.arange(uncertainty.size), n_frames)
    lengths = dict.fromkeys(range(1, videos + 1), n_frames)
    refs = [labelled.ref(i) for i in range(len(labelled))]
    pool = Pool.from_arrays(lengths, refs, Frames.of(video_id + 1, frame_idx), uncertainty.reshape(-1))
    return most_uncertain(pool, WANTED, RULES.min_gap, RULES.quota_per_video)[0]


@click.command()
@click.option("--videos", default=200, show_default=True)
@click.option("--frames", "n_frames", default=50_000, show_default=True, help="Frames of each video.")
def main(videos: int, n_frames: int) -> None:
    """Print a table of times; the choice is compared with that of sorting everything."""
    table = Table("what", "rows", "seconds (of processors)", "wanted", "in memory", title="Ledger")
    for wave in (independent, smooth):
        with tempfile.TemporaryDirectory() as folder:
            ledger, uncertainty = filled_ledger(Path(folder) / "ledger.duckdb", wave, videos, n_frames)
            rows = f"{uncertainty.size:,}"
            timing, found = timed(lambda ledger=ledger: select_from_ledger(ledger))
            labelled = pool_from_ledger(ledger, 2).labelled
            slow, expected = timed(lambda u=uncertainty, known=labelled: choose_in_memory(u, known), repeats=1)
            assert Frames.from_refs([s.frame for s in found]).keys.tolist() == expected.keys.tolist()
            memory = f"{slow} = {slow.clock / timing.clock:.1f} x"
            table.add_row(f"select {len(found)}, {wave.__name__}", rows, str(timing), "0.5", memory)
            if wave is independent:
                table.add_row("coverage", rows, str(timed(ledger.coverage)[0]), "0.2", "")
                million = prediction_rows(independent(np.random.default_rng(1), 1_000_000))
                timing, _ = timed(lambda ledger=ledger, rows=million: write(ledger, rows), repeats=1)
                table.add_row("write per-frame rows", f"{len(million):,}", str(timing), "2", "")
    Console(width=110).print(table)


def write(ledger: Ledger, rows: pa.Table) -> None:
    """What a round predicts for one long video."""
    ledger.put_predictions(2, 1, rows, "p.parquet")


if __name__ == "__main__":
    main()
