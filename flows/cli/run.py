"""Commands that run a project's rounds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from al_core.project import Project
from flows.cli.options import existing, project_option, settings_options

if TYPE_CHECKING:
    from al_core.settings import Settings


@click.command()
@project_option
@settings_options
@click.option("--rounds", type=click.IntRange(1), help="Stop after this many rounds.")
@click.option("--budget", type=click.IntRange(1), help="Stop after this many human frames.")
def run(root: Path, preset: str | None, changes: tuple[str, ...], rounds: int | None, budget: int | None) -> None:
    """Run rounds until a stopping rule ends the campaign, or until people have to answer.

    The same command goes on where the last one stopped, however that ended.
    """
    from rich.console import Console

    project = existing(root)
    limits = {"stopping.max_rounds": rounds, "stopping.max_human_frames": budget}
    settings = _settings(project, preset, changes, {k: v for k, v in limits.items() if v is not None})
    _run_campaign(project, settings, Console())


@click.command("round")
@project_option
@settings_options
def one_round(root: Path, preset: str | None, changes: tuple[str, ...]) -> None:
    """Run one round, or go on with the unfinished one."""
    from rich.console import Console

    from tasks.processes.run_lock import only_run
    from tasks.progress import terminal_progress
    from tasks.scheduling.prefect_server import prefect_server

    console = Console()
    project = existing(root)
    settings = _settings(project, preset, changes, {})
    _require_fit(project, settings)
    with only_run(project.root), prefect_server(project.prefect_home), terminal_progress(console):
        from flows.round import run_round

        outcome = run_round(project, settings)
    _tell_outcome(console, project, outcome)


def _run_campaign(project: Project, settings: "Settings", console: Any) -> None:
    from tasks.processes.run_lock import only_run
    from tasks.progress import terminal_progress
    from tasks.report.tables import print_status, round_line
    from tasks.scheduling.prefect_server import prefect_server

    _require_fit(project, settings)
    with only_run(project.root), prefect_server(project.prefect_home), terminal_progress(console):
        from flows.campaign import run_campaign

        outcome = run_campaign(project, settings, lambda done: console.print(round_line(project, done.round_id)))
    print_status(project, console)
    _tell_outcome(console, project, outcome)


def _tell_outcome(console: Any, project: Project, outcome: Any) -> None:
    if outcome.rejected:
        from tasks.backends.protocol import told_line

        for message in outcome.rejected:
            console.print(told_line(message), highlight=False)
    if outcome.waiting:
        where = _where_people_label(project, outcome.round_id)
        console.print(f"round {outcome.round_id} waits for {outcome.waiting} labels: {where}.", highlight=False)
    elif outcome.stop_reason:
        console.print(f"The campaign is over after round {outcome.round_id}: {outcome.stop_reason}", highlight=False)
    else:
        console.print(f"round {outcome.round_id} is finished.", highlight=False)


def _where_people_label(project: Project, round_id: int) -> str:
    from tasks.ledger.client import open_ledger

    annotator = open_ledger(project).round(round_id).settings.annotator
    again = "then give the same command again"
    match annotator.backend:
        case "page":
            return (
                f"people label while it is served, and it goes on by itself: fewframes serve --project {project.root}"
            )
        case "label_studio":
            return f"people label at {annotator.label_studio_url}; {again}"
        case _:
            return f"the frames are in {project.outbox}, answers go to {project.inbox}; {again}"


def _require_fit(project: Project, settings: "Settings") -> None:
    """Refuse what surely fails, before anything is stored."""
    from tasks.ledger.client import open_ledger
    from tasks.preflight import check

    if not open_ledger(project).videos():
        raise click.ClickException(f"{project.root} has no videos; take some in with: fewframes ingest PATH")
    check(settings, project)


def _settings(project: Project, preset: str | None, changes: tuple[str, ...], limits: dict[str, Any]) -> "Settings":
    """Return the settings asked for; without a preset, those of the project's last round with the changes."""
    from tasks.project.run_settings import parse_overrides, settings_for_run

    return settings_for_run(project, preset, parse_overrides(changes) | limits)
