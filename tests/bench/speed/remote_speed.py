"""What asking an owner costs, beside opening the file and beside calling the open ledger: milliseconds per operation.

    python -m tests.bench.speed.remote_speed [--rows 1000000]

Serves a ledger from a process of its own, as ``fewframes serve`` does, and asks it from this one.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import COMPONENTS, LabelRequest, Selected
from tasks.ledger.client import living_owner, open_ledger
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer
from tests.toys.projects import command


def predictions(n: int) -> pa.Table:
    """Per-frame predictions of a video of n frames."""
    rng = np.random.default_rng(0)
    columns = {name: rng.random(n, np.float32) for name in ("uncertainty", *COMPONENTS)}
    return pa.table({"frame_idx": np.arange(n, dtype=np.int32), "n_objects": np.ones(n, np.int32), **columns})


def requests(ledger: Ledger, round_id: int, n: int) -> list[LabelRequest]:
    """Ask for n frames of a round."""
    selected: list[Selected] = [chosen(i % 12, i) for i in range(min(n, 12))]
    made = [LabelRequest.of(round_id, s) for s in selected]
    ledger.put_requests(made)
    return made


def milliseconds(call: Callable[[int], object], n: int) -> tuple[float, float]:
    """Median and 99th percentile of n calls, each of which gets its number."""
    times = []
    for i in range(n):
        started = time.perf_counter()
        call(i)
        times.append(1e3 * (time.perf_counter() - started))
    return float(np.median(times)), float(np.quantile(times, 0.99))


def measure(name: str, ledger: Ledger, round_id: int, rows: int) -> None:
    """Print what each kind of operation takes."""
    (request, *_) = requests(ledger, round_id, 1)
    table = predictions(rows)
    calls: list[tuple[str, Callable[[int], object], int]] = [
        ("read: categories", lambda _: ledger.categories(), 200),
        ("write: put_answer", lambda i: ledger.put_answer(mask_answer(request, f"{name}-{i}")), 100),
        (f"write: put_predictions, {rows:,} rows", lambda _: ledger.put_predictions(round_id, 1, table, "p"), 1),
        (f"read: predictions, {rows:,} rows", lambda _: ledger.predictions(round_id), 3),
        ("read: human_labels", lambda _: ledger.human_labels(), 20),
    ]
    for what, call, n in calls:
        median, worst = milliseconds(call, n)
        print(f"{name:10} {what:42} {median:9.1f} ms   p99 {worst:9.1f} ms", flush=True)


def main() -> None:
    """Measure the three ways on one ledger after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        project = Project.at(folder)
        ledger = ledger_with_clip(Path(folder))
        measure("embedded", ledger, 1, rows)
        with ledger.owned():
            measure("owned", ledger, 2, rows)
        server = subprocess.Popen(
            command("serve", "--project", folder, "--port", 0), stdout=subprocess.DEVNULL, stderr=sys.stderr
        )
        try:
            while living_owner(project) is None:
                time.sleep(0.05)
            measure("remote", open_ledger(project), 3, rows)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
