"""The error that is told of frames, and the confidence of masks, against the truth, where masks are as `auto` chooses.

python -m tests.bench.selection.told_by_auto FOLDER --runs RUNS --labels 1,2,4,8 --method auto

FOLDER holds copies that :mod:`tests.bench.propagation.small_copies` wrote, RUNS what
:mod:`tests.bench.propagation.member_table` made of them: no propagator runs here, but the flow may have to be computed.
Frames are measured at the size of the flow, and only clips whose truth is known in every frame.
"""

from functools import cached_property
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console

from al_core.benchmark.world import Label, Labels
from al_core.evaluation.calibration import IDENTITY, Samples, cross_validated, reliability
from al_core.fusion.choice import choose
from al_core.fusion.gains import SHIPPED
from al_core.propagation.base import PropagatedFrame
from al_core.settings import AUTO, PropagationSettings
from tests.bench.propagation.member_table import MEMBERS, Place, flow_size, labels_of, one_thread, resources_of
from tests.bench.propagation.recorded_runs import RecordedRuns
from tests.bench.propagation.small_copies import Picture, SmallCopy, copies_of
from tests.bench.selection.pools import Chosen
from tests.bench.selection.told_error import Pair, report, told_in, words


class AtFlowSize(SmallCopy):
    """A copy whose truth is as small as its flow."""

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) of the truth."""
        return flow_size(SmallCopy(self.folder))

    def _index(self, frame_idx: int) -> Picture:
        index = super()._index(frame_idx)
        return np.asarray(cv2.resize(index, self.size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


class Recorded(Chosen):
    """A world of one clip, in which masks were carried before."""

    def __init__(self, copy: SmallCopy, n_labels: int, method: str, place: Place) -> None:
        super().__init__([AtFlowSize(copy.folder)], PropagationSettings(), place.cache)
        runs, labels, resources = (
            RecordedRuns(place.runs, only_read=True),
            labels_of(copy, n_labels),
            resources_of(place),
        )
        made = runs(MEMBERS, resources, copy, labels)
        if method == AUTO:
            cases = [case for case in SHIPPED if not copy.name.startswith(case.video)]
            source = choose(resources, copy, labels, cases, run=runs).of(made, labels)
        else:
            source = made[method]
        self._carried = list(source())

    def _whole(self, video: int, labels: Labels) -> list[PropagatedFrame]:
        return self._carried


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--runs", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--labels", "counts", default="1,2,4,8", show_default=True)
@click.option("--clips", help="Comma-separated names; default: all.")
@click.option("--method", default=AUTO, show_default=True, type=click.Choice((AUTO, *MEMBERS)))
def main(folder: Path, runs: Path, counts: str, clips: str | None, method: str) -> None:
    """Measure all clips; print what is told of frames, then what is told of masks."""
    one_thread()
    place, numbers = Place(runs, runs / "cache", runs / "corpus.pt", runs / "parent.pt"), [*map(int, counts.split(","))]
    copies = [c for c in copies_of(folder, clips.split(",") if clips else None) if len(c.truth_frames) == c.n_frames]
    pairs: list[list[list[Pair]]] = [[] for _ in copies]
    masks: dict[int, list[tuple[float, float, int]]] = {n: [] for n in numbers}
    for number, copy in enumerate(copies):
        for n in numbers:
            world = Recorded(copy, n, method, place)
            labels = {i: Label(world.clips[0].truth(i)) for i in labels_of(copy, n)}
            pairs[number].append(told_in(world, labels))
            masks[n] += [
                (next(iter(q.confidences.values())), q.j, number)
                for i, q in enumerate(world.outcomes(0, labels))
                if i not in labels and len(q.confidences) == world.objects(0) == 1
            ]
    console = Console(width=120)
    report(pairs, numbers, console)
    for n, rows in masks.items():
        fit = cross_validated(Samples.of(rows), IDENTITY)
        console.print(f"{n} labels, {len(rows)} masks: confidence {words(fit.before)}, mapped {words(fit.after)}")
        told = [f"{row.n}: {row.confidence:.2f}/{row.overlap:.2f}" for row in reliability(Samples.of(rows))]
        console.print(f"  {fit.calibration}; " + ", ".join(told))


if __name__ == "__main__":
    main()
