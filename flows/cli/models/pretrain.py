"""The command that trains networks on a project's whole footage."""

from pathlib import Path

import click

from flows.cli.options import opened, project_option, terminal


@click.command()
@click.option("--encoder", is_flag=True, help="What affinity compares frames with, and tracks knows objects by.")
@click.option("--parent", is_flag=True, help="What specialist starts from; it learns from labelled frames.")
@click.option("--steps", type=click.IntRange(1), help="Of training.  [default: 1200 for an encoder, 1000 for a parent]")
@click.option("--forget", is_flag=True, help="Use it no longer, instead of training it.")
@project_option
def pretrain(encoder: bool, parent: bool, steps: int | None, forget: bool, root: Path) -> None:
    """Train a network on the videos of the project, once, instead of on each video in each round.

    Rounds that begin afterwards use the encoder by themselves, and the parent with --set propagation.parent=project.
    Stopped in the middle, the same command goes on where it was.
    """
    from tasks.models import pretraining
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.run_settings import settings_in_force

    kinds = [kind for kind, asked in (("encoder", encoder), ("parent", parent)) if asked]
    if not kinds:
        raise click.UsageError("say what is to be trained: --encoder, --parent, or both")
    project, ledger = opened(root)
    for kind in kinds if forget else ():
        there = pretraining.forget(project, kind)
        click.echo(f"{kind}: {'used by no round that begins from now on' if there else 'there was none'}")
    if forget:
        return
    settings = settings_in_force(ledger)
    usual = {"encoder": pretraining.ENCODER_STEPS, "parent": pretraining.PARENT_STEPS}
    train = {"encoder": pretraining.pretrain_encoder, "parent": pretraining.pretrain_parent}
    how = {"encoder": "", "parent": ", with --set propagation.parent=project"}
    for kind in kinds:
        with terminal_progress(terminal()):
            made = train[kind](project, ledger, settings, steps or usual[kind], progress_of(f"train the {kind}"))
        click.echo(f"{made.describe()}; rounds that begin from now on use it{how[kind]}")
