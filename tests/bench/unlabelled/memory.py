"""How much memory a short training takes at most with each way to learn from unlabelled frames, beside none.

    python -m tests.bench.unlabelled.memory --work FOLDER

Every arm goes on from the same base student in a process of its own, on made clips with one label each.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import resource
import subprocess
import sys
from pathlib import Path

import click

from tasks.processes.children import use_threads
from tests.bench.proofs.unlabelled_proof import labelled
from tests.bench.unlabelled.__main__ import RTMDET, settings_of
from tests.bench.unlabelled.clip_study import ClipStudy
from tests.bench.unlabelled.study import NONE, Bench, Steps
from tests.toys.footage.synthetic import synthetic_clip

ARMS = {RTMDET: (NONE, "self", "mmt_psm", "s4gan", "self + class"), "semantic_unet": (NONE, "cycle")}
SIZE, FRAMES, CLIPS = (180, 320), 8, 2
STEPS = Steps(base=2, arm=6)


def bench_of(student: str, folder: Path) -> Bench:
    """Return what trains the arms of a student on the made clips."""
    clips = [synthetic_clip(n, n_frames=FRAMES, size=SIZE, radius=40, pan=1.0) for n in range(CLIPS)]
    settings = settings_of(max(SIZE), "flow", student)
    pool = {f"clip {n}": labelled(clip) for n, clip in enumerate(clips)}
    return Bench(ClipStudy(student, pool, settings, folder / "cache"), STEPS, folder)


def measured(student: str, system: str, folder: Path) -> dict[str, float]:
    """Train one arm here; the most memory that this process ever held, in MB, and that before the training."""
    bench = bench_of(student, folder)
    bench.study.believed(bench.predicting(bench.base(0)))
    before = _peak()
    _, seconds = bench.measure(system, 0)
    return {"before": before, "most": _peak(), "seconds": round(seconds, 1)}


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


@click.command()
@click.option("--work", default=Path("runs/memory"), show_default=True, type=click.Path(path_type=Path))
@click.option("--arm", nargs=2, help="Student and system; default: all, each in a process of its own.")
def main(work: Path, arm: tuple[str, str] | None) -> None:
    """Print a line of JSON for each arm."""
    use_threads(1)
    if arm is not None:
        click.echo(json.dumps({"student": arm[0], "system": arm[1], **measured(*arm, work)}))
        return
    for student, systems in ARMS.items():
        for system in systems:
            words = ["-m", "tests.bench.unlabelled.memory", "--work", str(work), "--arm", student, system]
            subprocess.run([sys.executable, *words], check=True)


if __name__ == "__main__":
    main()
