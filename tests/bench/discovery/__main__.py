"""Screen every way to discover against its rivals, on made footage that is kept back and on real footage: one table.

    python -m tests.bench.discovery --data DATA
    python -m tests.bench.discovery --data DATA --only "student clips,scribbled cells" --minutes 60

``DATA`` has ``video_masks`` (DAVIS layout), ``images`` and ``weights`` in it; without it, made footage alone is
measured. Two seeds are the screen: what wins there gets five (``--seeds 5``). What is measured is kept: the same
command goes on where it stopped, and what is not measured is told as such.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from tasks.processes.children import use_threads
from tests.bench.discovery.footage import boxed_footage, scribbled_footage, student_clips, tagged_footage
from tests.bench.proofs.__main__ import PROOFS, Measured, cases_of, rows_of, run, table_of
from tests.bench.proofs.proof import Proof

MADE = ("discovery", "exemplars", "tags", "boxes", "scribbles", "granularity", "granularity losses")
REAL = (boxed_footage, tagged_footage, scribbled_footage, student_clips)
"""What has proofs on real footage, the quickest first."""


def proofs_of(data: Path | None) -> Sequence[Proof]:
    """All of the table."""
    real = [proof for module in REAL for proof in module.proofs(data)] if data else []
    return (*(PROOFS[name] for name in MADE), *real)


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--only", help="Comma-separated proofs; default: all.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True)
@click.option("--minutes", default=480.0, show_default=True, help="Processor minutes after which nothing is begun.")
@click.option("--work", default=Path("runs/discovery"), show_default=True, type=click.Path(path_type=Path))
def main(data: Path | None, only: str | None, seeds: int, minutes: float, work: Path) -> None:
    """Measure what is not measured yet, and print all claims."""
    use_threads(1)
    console, known = Console(width=220), {proof.name: proof for proof in proofs_of(data)}
    wanted = only.split(",") if only else list(known)
    if strange := [name for name in wanted if name not in known]:
        raise click.UsageError(f"no proof '{strange[0]}'; there are {', '.join(known)}")
    proofs = [known[name] for name in wanted]
    groups = [cases_of(proof, seeds, {}) for proof in proofs]
    measured = Measured(work)
    run(groups, measured, minutes, console)
    console.print(
        table_of([row for one, group in zip(proofs, groups, strict=True) for row in rows_of(one, group, measured)])
    )


if __name__ == "__main__":
    main()
