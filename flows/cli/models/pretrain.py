"""The command that trains networks on a project's whole footage."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import opened, project_option, terminal

if TYPE_CHECKING:
    from al_core.stores.pretrained import Pretrained


@click.command()
@click.option("--encoder", is_flag=True, help="What affinity compares frames with, and tracks knows objects by.")
@click.option("--discovered", is_flag=True, help="With --encoder: that of discovery by granularity.")
@click.option("--parent", is_flag=True, help="What specialist starts from; it learns from labelled frames.")
@click.option(
    "--depth", is_flag=True, help="How near things are, from a camera that moves; students may start from it."
)
@click.option(
    "--focal",
    type=click.FloatRange(0.2, 10),
    help="Focal length of the camera in longer sides of a frame, for --depth.  [default: learnt]",
)
@click.option(
    "--pictures",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --depth: write frames of each video there, each beside its depth and its labels.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    help="Of training.  [default: 1200 for an encoder (discovered: 400), else 1000]",
)
@click.option("--forget", is_flag=True, help="Use it no longer, instead of training it.")
@project_option
def pretrain(
    encoder: bool,
    discovered: bool,
    parent: bool,
    depth: bool,
    focal: float | None,
    pictures: Path | None,
    steps: int | None,
    forget: bool,
    root: Path,
) -> None:
    """Train a network on the videos of the project, once, instead of on each video in each round.

    Rounds that begin afterwards use the encoder by themselves, the parent with --set propagation.parent=project, and a
    student starts from the encoder of depth with --set student.init_weights=project.
    Stopped in the middle, the same command goes on where it was.
    """
    from tasks.models import pretraining
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.ingest import open_last_frames
    from tasks.project.run_settings import settings_in_force
    from tasks.report.pages.depth_pictures import write_pictures

    kinds = [kind for kind, asked in (("encoder", encoder), ("parent", parent), ("depth", depth)) if asked]
    if not kinds:
        raise click.UsageError("say what is to be trained: --encoder, --parent, --depth, or several of them")
    if (focal is not None or pictures is not None) and not depth:
        raise click.UsageError("--focal and --pictures are about what --depth learns; give --depth too")
    if discovered and not encoder:
        raise click.UsageError("--discovered is about the encoder; give --encoder too")
    project, ledger = opened(root)
    for kind in kinds if forget else ():
        there = pretraining.forget(project, kind)
        click.echo(f"{kind}: {'used by no round that begins from now on' if there else 'there was none'}")
    if forget:
        return
    settings = settings_in_force(ledger)
    usual = {
        "encoder": pretraining.DISCOVERY_STEPS if discovered else pretraining.ENCODER_STEPS,
        "parent": pretraining.PARENT_STEPS,
        "depth": pretraining.DEPTH_STEPS,
    }
    train: dict[str, Callable[..., Pretrained]] = {
        "encoder": pretraining.encoder_of_discovery if discovered else pretraining.pretrain_encoder,
        "parent": pretraining.pretrain_parent,
        "depth": partial(pretraining.pretrain_depth, focal=focal),
    }
    how = {
        "encoder": "",
        "parent": ", with --set propagation.parent=project",
        "depth": ", with --set student.init_weights=project or --set student.mix=depth",
    }
    for kind in kinds:
        with terminal_progress(terminal()):
            made = train[kind](project, ledger, settings, steps or usual[kind], progress_of(f"train the {kind}"))
        click.echo(f"{made.describe()}; rounds that begin from now on use it{how[kind]}")
    if pictures is not None:
        files = list(write_pictures(project, ledger, open_last_frames(project, ledger), settings.student, pictures))
        click.echo(f"{len(files):,} pictures of input, depth and labels: {pictures}")
