"""Commands that put a project on a schedule: its deployments on a Prefect server, and the worker that runs them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from al_core.export import FORMATS, WITH_SCANS
from al_core.settings import SECRETS
from flows.cli.options import existing, is_format, project_option, settings_options
from tasks.processes.surroundings import user_name

if TYPE_CHECKING:
    from al_core.project import Project

_SERVER_SECONDS = 120.0


@click.command()
@project_option
@click.option(
    "--cron",
    "crons",
    metavar="[FLOW=]CRON",
    multiple=True,
    help='When a flow runs, e.g. "0 6 * * *" or "report=0 7 * * 1"; without FLOW the rounds. May be given again.',
)
@click.option("--timezone", default="UTC", show_default=True, help="Of the schedules, e.g. Europe/Berlin.")
@click.option("--answered", type=click.FloatRange(0, 1, min_open=True), help="Sets schedule.answered_share.")
@click.option("--deadline", type=click.FloatRange(0), help="Sets schedule.deadline_hours.")
@settings_options
@click.option("--footage", "paths", type=click.Path(path_type=Path), multiple=True, help="What ingest takes in.")
@click.option(
    "--export",
    "exported",
    metavar="FORMAT=PATH",
    default="coco=export/coco",
    show_default=True,
    help="What export writes, and where; a relative path lies in the project.",
)
@click.option(
    "--trainings",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="At a time on each GPU, and without any.",
)
def deploy(
    root: Path,
    crons: tuple[str, ...],
    timezone: str,
    answered: float | None,
    deadline: float | None,
    preset: str | None,
    changes: tuple[str, ...],
    paths: tuple[Path, ...],
    exported: str,
    trainings: int,
) -> None:
    """Register ingest, round, campaign, report and export on a Prefect server, with their schedules.

    The server is the one that PREFECT_API_URL names, or the one that `fewframes serve --prefect` keeps. What was
    registered before is replaced; only a worker (`fewframes work`) runs it.
    """
    from tasks.project.round_control import ask_for, source_of_schedule
    from tasks.project.run_settings import parse_overrides, settings_for_run
    from tasks.scheduling.deployments import FLOWS

    project = existing(root)
    schedules = _schedules(crons, FLOWS)
    form, _, target = exported.partition("=")
    if form in WITH_SCANS or not is_format(form) or not target:
        raise click.UsageError(f"--export takes FORMAT=PATH with one of {', '.join(FORMATS)}, got {exported!r}")
    limits = {"schedule.answered_share": answered, "schedule.deadline_hours": deadline}
    wanted = parse_overrides(changes) | {name: value for name, value in limits.items() if value is not None}
    shown = _shown(_checked(project, preset, wanted))
    rounds = {"settings": _absolute(preset), "changes": shown}
    parameters: dict[str, dict[str, Any]] = {
        "ingest": {"paths": [str(path.resolve()) for path in paths]},
        "round": rounds,
        "campaign": rounds,
        "report": {},
        "export": {"form": form, "out": str(project.root / target)},
    }
    url = _server(project, patience=10.0)
    from tasks.scheduling.registering import planned, register

    plan = planned(schedules, timezone)
    if preset or wanted:
        settings = settings_for_run(project, preset, wanted)
        source = source_of_schedule(_absolute(preset) or None, shown)
        for line in ask_for(project, settings, user_name(), source).lines(project):
            click.echo(line)
    name = register(url, project, parameters, plan, trainings)
    for flow in FLOWS:
        click.echo(f"{flow}/{name}: {', '.join(schedules.get(flow, ())) or 'when it is asked for'}")
    click.echo(f"Prefect's pages: {url.removesuffix('/api')}")
    click.echo(f"They run while there is a worker: fewframes work {project.option}, or fewframes serve --prefect")


@click.command()
@project_option
def work(root: Path) -> None:
    """Run what is deployed, as a Prefect worker; runs that crashed are started again.

    Ctrl-C ends it: what is under way stops, and goes on with the next worker.
    """
    from tasks.scheduling.working import prepare_environment, work_until_told

    project = existing(root)
    prepare_environment()
    work_until_told(_server(project, patience=_SERVER_SECONDS), project, click.echo)


def _server(project: "Project", patience: float = 0.0) -> str:
    from tasks.scheduling.prefect_server import configure, known_server

    configure(project.prefect_home)
    url = known_server(project.prefect_home, patience)
    if url is None:
        raise click.ClickException(
            "there is no Prefect server: name one with PREFECT_API_URL, or keep one of the project's own with "
            f"fewframes serve --prefect {project.option}"
        )
    return url


def _schedules(crons: tuple[str, ...], flows: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the cron expressions by flow."""
    found: dict[str, list[str]] = {}
    for text in crons:
        flow, equals, cron = text.partition("=")
        name, cron = (flow.strip(), cron.strip()) if equals else ("round", text.strip())
        if name not in flows or len(cron.split()) not in (5, 6):
            known = ", ".join(flows)
            raise click.UsageError(f'--cron takes "minute hour day month weekday", or {known}=..., got {text!r}')
        found.setdefault(name, []).append(cron)
    return found


def _absolute(preset: str | None) -> str:
    return str(Path(preset).resolve()) if preset and preset.endswith(".toml") else preset or ""


def _shown(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that Prefect may show, as it shows the parameters of a deployment to all who see its pages.

    The ledger keeps the others.
    """
    return {name: value for name, value in changes.items() if name not in SECRETS}


def _checked(project: "Project", preset: str | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes if they fit: better refused now than at night."""
    from tasks.preflight import check
    from tasks.project.run_settings import settings_for_run

    check(settings_for_run(project, preset, changes), project, tokens=False)
    return dict(changes)


@click.command()
@click.argument("address")
@click.option("--processes", type=click.IntRange(1), help="How many work side by side.  [default: 1, or one per GPU]")
@click.option(
    "--gpus-per-task",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="GPUs of each; below 1, that many share one. 0 sets none aside.",
)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="For decoded frames; its own.")
def worker(address: str, processes: int | None, gpus_per_task: float, folder: Path | None) -> None:
    """Do the heavy work of rounds for the Dask scheduler at ADDRESS, such as tcp://10.0.0.5:8786.

    A project whose compute.engine is "dask" gives it videos and seeds. Ctrl-C ends it; what it was doing, others do.
    """
    from tasks.engines.worker_processes import work_for

    work_for(address, processes or 0, gpus_per_task, folder)
