"""Expected calibration error of the fused confidence before and after calibration, on clips that the fit has not seen.

python -m tests.bench.accuracy.calibration --data DAVIS --sequences dog,libby --methods flow --labels 4,8 --cache FOLDER

Each clip is calibrated by a fit to the other clips (leave one clip out). A second fit knows nothing but the clip's own
labels, half of which are left out in turn; that is all that the first round of a project has.
"""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.calibration import (
    IDENTITY,
    PRIORS,
    Calibration,
    Samples,
    cross_validated,
    expected_calibration_error,
    fit,
    reliability,
)
from al_core.footage.clips import Clip, clips_of
from al_core.fusion.held_out import COMBINED, held_out
from al_core.propagation import Resources
from al_core.settings import PropagationSettings
from tasks.benchmark.one_clip import evenly, labels_of
from tasks.steps.propagate import Decoded
from tests.bench.accuracy.propagators import run_clip, samples_of, seen


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--methods", default="flow", show_default=True, help="Comma-separated; several are fused.")
@click.option("--labels", "counts", default="4,8", show_default=True, help="How many frames are labelled.")
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(data: Path, sequences: str | None, methods: str, counts: str, cache: Path) -> None:
    """Run every clip, then print the errors and a reliability table."""
    clips = clips_of(data, sequences.split(",") if sequences else None)
    resources = Resources(PropagationSettings(), cache)
    names = tuple(methods.split(","))
    console = Console(width=140)
    table = Table("labels", "samples", "confidence", "ECE", "95% over clips", title="Expected calibration error")
    for n_labels in (int(n) for n in counts.split(",")):
        found = [run_clip(clip, n_labels, names, resources.settings, cache) for clip in track(clips, console=console)]
        samples = samples_of(found)
        known = cross_validated(samples, IDENTITY)
        own = [from_labels(clip, n_labels, names, resources) for clip in clips]
        rows = {
            "as it comes": known.before,
            "with the map known beforehand": error_with(samples, [PRIORS.get(COMBINED, IDENTITY)] * len(clips)),
            "fitted to the clip's own labels": error_with(samples, own),
            "fitted to the other clips": known.after,
        }
        for name, error in rows.items():
            table.add_row(str(n_labels), str(len(samples)), name, f"{error.value:.3f}", told(error))
        console.print(f"{n_labels} labels, all clips: {known.calibration}; dispersion {dispersion(samples):.2f}")
        console.print(reliability_table(samples, known.reliability))
    console.print(table)


def from_labels(clip: Clip, n_labels: int, methods: Sequence[str], resources: Resources) -> Calibration:
    """What the labels of a clip alone say, as a project's first round does."""
    labels = labels_of(clip, evenly(clip.n_frames, n_labels))
    rows = [row for row in held_out(methods, resources, seen(clip), Decoded(labels)) if row.source == COMBINED]
    samples = Samples.of((row.confidence, row.overlap, row.frame_idx * 4 // clip.n_frames) for row in rows)
    return fit(samples, PRIORS.get(COMBINED, IDENTITY))


def error_with(samples: Samples, maps: Sequence[Calibration]) -> Estimate:
    """The error when the clip of each number has a map of its own."""
    changed = np.empty(len(samples))
    for group, calibration in enumerate(maps):
        mine = samples.group == group
        changed[mine] = calibration.of(samples.confidence[mine])
    return expected_calibration_error(Samples(changed, samples.overlap, samples.group))


def dispersion(samples: Samples) -> float:
    """Variance of the overlap around its expectation, as a share of that of a coin with the same mean."""
    expected = fit(samples).of(samples.confidence)
    return float(((samples.overlap - expected) ** 2).sum() / (expected * (1 - expected)).sum())


def told(error: Estimate) -> str:
    """An interval, where it is known."""
    return f"{error.low:.3f} to {error.high:.3f}" if error.known else "-"


def reliability_table(samples: Samples, after: Sequence) -> Table:
    """Mean confidence and mean overlap, bin by bin, before and on unseen clips after."""
    table = Table("frames", "confidence", "overlap", "", "frames", "confidence", "overlap", title="before | after")
    before = reliability(samples)
    for i in range(max(len(before), len(after))):
        left, right = ([cell(rows, i, name) for name in ("n", "confidence", "overlap")] for rows in (before, after))
        table.add_row(*left, "", *right)
    return table


def cell(rows: Sequence, i: int, name: str) -> str:
    """One figure, empty where there is no such row."""
    if i >= len(rows):
        return ""
    value = getattr(rows[i], name)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
