"""What each propagator gains over the flow on clips with truth, and how these look: what ``auto`` begins with.

python -m tests.bench.accuracy.gains --data DAVIS --sequences dog-agility,tennis --labels 2,4 --cache FOLDER

It prints them as :data:`al_core.fusion.gains.SHIPPED` has them. A figure that is told for a clip must rest on cases
without that clip.
"""

from collections.abc import Sequence
from pathlib import Path

import click

from al_core.footage.clips import Clip, clips_of
from al_core.fusion.choice import CHEAPEST, choose
from al_core.fusion.gains import Case
from al_core.propagation import Resources
from al_core.settings import AUTO, PropagationSettings
from tasks.benchmark.one_clip import evenly, labels_of
from tasks.steps.propagate import Decoded
from tests.bench.accuracy.propagators import run_clip, seen


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--methods", default="specialist,affinity", show_default=True, help="Comma-separated.")
@click.option("--labels", "counts", default="4", show_default=True, help="How many frames are labelled.")
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(data: Path, sequences: str | None, methods: str, counts: str, cache: Path) -> None:
    """Measure every clip with every number of labels."""
    for clip in clips_of(data, sequences.split(",") if sequences else None):
        for n_labels in map(int, counts.split(",")):
            case = case_of(clip, n_labels, methods.split(","), cache)
            looks = ", ".join(f"{value:.3f}" for value in case.looks)
            gains = ", ".join(f'"{name}": {gain:.3f}' for name, gain in case.gains.items())
            click.echo(f'    Case("{case.video}", Looks({looks}), {{{gains}}}),')


def case_of(clip: Clip, n_labels: int, methods: Sequence[str], cache: Path) -> Case:
    """How a clip looks, and the gains in mean J over its unlabelled frames."""
    settings = PropagationSettings(methods=(AUTO,), seconds_per_frame=0)
    labels = labels_of(clip, evenly(clip.n_frames, n_labels))
    looks = choose(Resources(settings, cache), seen(clip), Decoded(labels)).looks
    if looks is None:
        raise click.ClickException(f"{clip.name}: its labels show no object")
    j = {name: run_clip(clip, n_labels, (name,), settings, cache)["j"] for name in (CHEAPEST, *methods)}
    return Case(clip.name, looks, {name: j[name] - j[CHEAPEST] for name in methods})


if __name__ == "__main__":
    main()
