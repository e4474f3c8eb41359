"""Commands that run a project's rounds."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from al_core.project import Project
from flows.cli.edge import uncollected
from flows.cli.options import existing, opened, project_option, settings_options, terminal
from tasks.processes.surroundings import user_name

if TYPE_CHECKING:
    from al_core.ledger.store import Ledger
    from al_core.settings import Settings
    from tasks.processes.round_outcome import RoundOutcome


@click.command()
@project_option
@settings_options
@click.option("--rounds", type=click.IntRange(1), help="Stop after this many rounds.")
@click.option("--budget", type=click.IntRange(1), help="Stop after this many human frames.")
@uncollected()
def run(root: Path, preset: str | None, changes: tuple[str, ...], rounds: int | None, budget: int | None) -> None:
    """Run rounds until a stopping rule ends the campaign, or until people have to answer.

    The same command goes on where the last one stopped, however that ended.
    """
    project = existing(root)
    limits = {"stopping.max_rounds": rounds, "stopping.max_human_frames": budget}
    asked = _asked(changes, limits)
    _run_campaign(project, preset, asked, terminal())


@click.command("round")
@project_option
@settings_options
@click.option("--abandon", is_flag=True, help="End the unfinished round instead; its answers are labels of the next.")
@click.option("--yes", is_flag=True, help="Do not ask before a round is abandoned.")
@uncollected()
def one_round(root: Path, preset: str | None, changes: tuple[str, ...], abandon: bool, yes: bool) -> None:
    """Run one round, or go on with the unfinished one.

    With --abandon, end the unfinished round, however far it is. Nobody's answer is lost: answers are labels of the next
    round, and who has a frame in hand may finish it.
    """
    console = terminal()
    project = existing(root)
    asked = _asked(changes, {})
    if abandon:
        _abandon(project, preset, asked, yes, console)
        return

    from tasks.ledger.client import open_ledger

    def take(settings: "Settings") -> "RoundOutcome":
        from flows.round import run_round

        return run_round(project, settings)

    ledger = open_ledger(project)
    with ExitStack() as opened:
        outcome = _taken_on(project, ledger, preset, asked, console, opened, take)
        _tell_outcome(console, project, ledger, outcome)


@click.command()
@project_option
def pause(root: Path) -> None:
    """Begin nothing new: no round, no step after the answers are in, and no frame is handed out.

    Who has a frame in hand finishes it; a step that is at work goes on to its end.
    """
    from tasks.project.round_control import command, pause_in_words

    project, ledger = opened(root)
    click.echo(f"{project.root.name} is {pause_in_words(ledger.pause(user_name()))}.")
    click.echo(f"To go on: {command('resume', project)}")


@click.command()
@project_option
def resume(root: Path) -> None:
    """Go on after a pause."""
    from tasks.project.round_control import command

    project, ledger = opened(root)
    ended = ledger.resume(user_name())
    if ended is None:
        click.echo(f"{project.root.name} is not paused.")
        return
    click.echo(f"The pause of {ended.since:%Y-%m-%d %H:%M} UTC by {ended.who} is over.")
    click.echo(f"While it is served it goes on by itself; otherwise: {command('run', project)}")


def _abandon(project: Project, preset: str | None, asked: dict[str, Any], yes: bool, console: Any) -> None:
    from al_core.errors import NotReady
    from tasks.ledger.client import open_ledger
    from tasks.project.round_control import abandoned_in_words, command

    ledger = open_ledger(project)
    last = ledger.last_round()
    if last is None or last.status != "running":
        raise NotReady("no round is under way, so there is none to abandon")
    if preset or asked:
        settings = _settings(project, preset, asked)
        _require_fit(project, settings, console)
    if not yes:
        click.confirm(f"End round {last.round_id} for good? Its answers stay labels.", abort=True)
    words = [abandoned_in_words(ledger.abandon_round(user_name()))]
    words.append(f"The next round begins by itself while the project is served; otherwise: {command('run', project)}")
    for line in words:
        console.print(line, soft_wrap=True)
    if preset or asked:
        _ask_for(project, settings, console)


def _taken_on(
    project: Project,
    ledger: "Ledger",
    preset: str | None,
    asked: dict[str, Any],
    console: Any,
    opened: ExitStack,
    take: "Callable[[Settings], RoundOutcome]",
    over: "Callable[[Settings], RoundOutcome | None]" = lambda settings: None,
) -> "RoundOutcome":
    """Take the rounds on as the one process that does; where they only have to wait, or where the campaign is over,
    neither Prefect nor a network of the student is loaded.

    Args:
        opened: is left with the ledger open, unless something was done that takes long.
        over: tells how the campaign ended, or None where there is more to do.
    """
    from tasks.processes.round_outcome import still_waits
    from tasks.processes.run_lock import only_run

    changed = _settings(project, preset, asked) if preset or asked else None
    if changed is not None:
        _require_fit(project, changed, console)
        _ask_for(project, changed, console)
    with only_run(project.root):
        opened.enter_context(ledger.held())
        if (waits := still_waits(project, ledger, opened)) is not None:
            return waits
        settings = changed or _settings(project, None, {}, ledger)
        if (ended := over(settings)) is not None:
            return ended
        opened.close()
        if changed is None:
            _require_fit(project, settings)
        _tell_outlook(console, project, settings)
        with _at_work(project, console):
            return take(settings)


@contextmanager
def _told(project: Project, console: Any) -> Iterator[None]:
    """Have a log, and progress on the terminal."""
    from tasks.processes.project_log import RUN_LOG, logging_to
    from tasks.progress import terminal_progress

    with logging_to(project.root / RUN_LOG), terminal_progress(console):
        yield


@contextmanager
def _at_work(project: Project, console: Any) -> Iterator[None]:
    """Have a Prefect server, a log, the ledger at hand, and progress on the terminal."""
    from tasks.ledger.client import at_hand
    from tasks.scheduling.prefect_server import prefect_server

    gc.enable()
    with _told(project, console), prefect_server(project.prefect_home), at_hand(project):
        yield


def _run_campaign(project: Project, preset: str | None, asked: dict[str, Any], console: Any) -> None:
    from tasks.ledger.client import open_ledger
    from tasks.report.tables import print_status, round_line

    def take(settings: "Settings") -> "RoundOutcome":
        from flows.campaign import run_campaign

        def told(done: "RoundOutcome") -> None:
            console.print(round_line(project, done.round_id))
            if done.stop_reason is None:
                _tell_outlook(console, project, settings)

        return run_campaign(project, settings, told)

    def over(settings: "Settings") -> "RoundOutcome | None":
        from tasks.processes.campaign_end import campaign_over

        with _told(project, console):
            return campaign_over(project, settings, ledger, opened)

    ledger = open_ledger(project)
    with ExitStack() as opened:
        outcome = _taken_on(project, ledger, preset, asked, console, opened, take, over)
        opened.enter_context(ledger.held())
        print_status(project, console, ledger)
        _tell_outcome(console, project, ledger, outcome)


def _tell_outlook(console: Any, project: Project, settings: "Settings") -> None:
    """Say what the open or the next round asks for and costs, and how to change that."""
    from tasks.ledger.client import open_ledger
    from tasks.project.outlook import how_to_change, outlook_of

    outlook = outlook_of(open_ledger(project), settings)
    if outlook.asks:
        lines = (outlook.of_round(), outlook.of_campaign(), how_to_change(project))
        console.print("\n".join(lines), highlight=False, style="dim")


def _tell_outcome(console: Any, project: Project, ledger: "Ledger", outcome: "RoundOutcome") -> None:
    from tasks.backends.protocol import told_line
    from tasks.project.round_control import command, pause_in_words

    for message in outcome.rejected:
        console.print(told_line(message))
    if outcome.paused is not None:
        words = f"{project.root.name} is {pause_in_words(outcome.paused)}; to go on: {command('resume', project)}"
        console.print(words, soft_wrap=True)
    elif outcome.waiting:
        where = _where_people_label(project, ledger, outcome.round_id)
        console.print(f"{outcome.describe()}: {where}.")
    elif outcome.stop_reason:
        console.print(f"The campaign is over after round {outcome.round_id}: {outcome.stop_reason}")
    else:
        console.print(f"round {outcome.round_id} is finished.")


def _where_people_label(project: Project, ledger: "Ledger", round_id: int) -> str:
    from tasks.ledger.client import living_owner

    annotator = ledger.round(round_id).settings.annotator
    again = "then give the same command again"
    match annotator.backend:
        case "page":
            if (owner := living_owner(project)) is not None:
                return f"people label at {owner.links_to or owner.url}, and it goes on by itself"
            return f"people label while it is served, and it goes on by itself: fewframes serve {project.option}"
        case "label_studio":
            return f"people label at {annotator.label_studio_url}; {again}"
        case _:
            return f"the frames are in {project.outbox}, answers go to {project.inbox}; {again}"


def _require_fit(project: Project, settings: "Settings", console: Any = None) -> None:
    """Refuse what surely fails, before anything is stored.

    Args:
        console: shows how the student is tried out; None where the round itself does that when it begins.
    """
    from tasks.ledger.client import open_ledger
    from tasks.preflight import check, rehearse
    from tasks.preflight.changed_footage import check_footage
    from tasks.progress import terminal_progress

    ledger = open_ledger(project)
    if not ledger.videos():
        raise click.ClickException(f"{project.root} has no videos; take some in with: fewframes ingest PATH")
    if not ledger.pool_lengths():
        raise click.ClickException(
            f"all videos of {project.root} are excluded; take one back with: fewframes video include NAME"
        )
    check(settings, project)
    check_footage(project, ledger)
    if console is not None:
        with terminal_progress(console):
            rehearse(project, ledger, settings)


def _asked(changes: tuple[str, ...], limits: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that options ask for, by dotted name."""
    from tasks.project.run_settings import parse_overrides

    return parse_overrides(changes) | {name: value for name, value in limits.items() if value is not None}


def _settings(
    project: Project, preset: str | None, asked: dict[str, Any], ledger: "Ledger | None" = None
) -> "Settings":
    """Return the settings with what is asked for; without a preset, those that were asked for before."""
    from tasks.project.run_settings import settings_for_run

    return settings_for_run(project, preset, asked, ledger)


def _ask_for(project: Project, settings: "Settings", console: Any) -> None:
    """Keep settings that were asked for, and say from when on they hold."""
    from tasks.project.round_control import ask_for

    for line in ask_for(project, settings, user_name()).lines(project):
        console.print(line, soft_wrap=True)
