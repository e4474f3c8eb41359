"""The command line: one command for everything, each a thin edge over the flows and tasks below.

What a command needs is imported when it runs, so that ``--help`` and ``status`` start at once.
"""

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from al_core.errors import FewframesError
from flows.annotators import annotator
from flows.deploy import deploy, work
from flows.upkeep import backup, existing, restore, snapshot, sql
from flows.versions import diff, rollback, versions
from tasks.changes import parse_changes

if TYPE_CHECKING:
    from al_core.project import Project
    from al_core.settings import Settings

P = ParamSpec("P")

project_option = click.option(
    "--project",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    help="Folder of the project: ledger, caches, rounds.",
)


class Edge(click.Group):
    """Turns the product's own errors into one line and exit code 1; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FewframesError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Edge, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fewframes")
def main() -> None:
    """Label whole videos by asking people for a few frames.

    \b
    fewframes ingest clips/ --project work      take videos in
    fewframes run --project work                run rounds until a stopping rule ends them
    fewframes status --project work             how far it is
    fewframes export --project work --format coco --out labels.json
    """
    # Threads that wait by spinning starve everything else on a shared machine, and the training with it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def settings_options(command: Callable[P, None]) -> Callable[P, None]:
    """The options that say how a campaign is run."""

    @click.option("--settings", "preset", metavar="PRESET|FILE", help="A preset (default, quick, ...) or a TOML file.")
    @click.option(
        "--set",
        "changes",
        metavar="NAME=VALUE",
        multiple=True,
        help="Change one setting, e.g. selection.strategy=random.",
    )
    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        command(*args, **kwargs)

    return wrapped


@main.command()
@project_option
def doctor(root: Path) -> None:
    """Say what is installed, whether it works, and where state lives."""
    from rich.console import Console

    from tasks.doctor import examine, findings_table

    findings = examine(root)
    Console().print(findings_table(findings))
    if not all(finding.ok for finding in findings):
        sys.exit(1)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@project_option
@click.option("--masks", type=click.Path(path_type=Path), help="Folder of index masks for a folder of frames.")
@click.option("--category", default="object", show_default=True, help="Category of objects that have no other.")
@click.option(
    "--identities",
    type=click.Choice(["persistent", "per_frame"]),
    default="persistent",
    show_default=True,
    help="Whether an object keeps its number from frame to frame in the given masks.",
)
def ingest(paths: tuple[Path, ...], root: Path, masks: Path | None, category: str, identities: str) -> None:
    """Take in video files, folders of frames and DAVIS-layout folders.

    Masks that come with the frames are held back: they answer for the simulated annotator and measure quality.
    """
    from rich.console import Console

    from al_core.project import Project
    from al_core.records import Identities
    from tasks.frames import ingest_paths
    from tasks.ledger import open_ledger
    from tasks.progress import progress_of, terminal_progress

    console = Console()
    project = Project.at(root)
    with terminal_progress(console):
        report = ingest_paths(
            open_ledger(project),
            paths,
            identities=Identities(identities),
            category=category,
            masks=masks,
            on_progress=progress_of("ingest"),
        )
    for entry in report.entries:
        console.print(entry.describe(), highlight=False)
    if report.failed:
        raise click.ClickException(f"{len(report.failed)} of {len(report.entries)} could not be taken in (see above)")


@main.command()
@project_option
@settings_options
@click.option("--rounds", type=click.IntRange(1), help="Stop after this many rounds.")
@click.option("--budget", type=click.IntRange(1), help="Stop after this many human frames.")
def run(root: Path, preset: str | None, changes: tuple[str, ...], rounds: int | None, budget: int | None) -> None:
    """Run rounds until a stopping rule ends the campaign, or until people have to answer.

    The same command goes on where the last one stopped, however that ended.
    """
    from rich.console import Console

    from al_core.project import Project

    project = Project.at(root)
    limits = {"stopping.max_rounds": rounds, "stopping.max_human_frames": budget}
    settings = _settings(project, preset, changes, {k: v for k, v in limits.items() if v is not None})
    _run_campaign(project, settings, Console())


@main.command("round")
@project_option
@settings_options
def one_round(root: Path, preset: str | None, changes: tuple[str, ...]) -> None:
    """Run one round, or go on with the unfinished one."""
    from rich.console import Console

    from al_core.project import Project
    from tasks.prefect_server import prefect_server
    from tasks.processes import only_run
    from tasks.progress import terminal_progress

    console = Console()
    project = Project.at(root)
    settings = _settings(project, preset, changes, {})
    _require_videos(project)
    with only_run(project.root), prefect_server(project.prefect_home), terminal_progress(console):
        from flows.round import run_round

        outcome = run_round(project, settings)
    _tell_outcome(console, project, outcome)


@main.command()
@project_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen at.")
@click.option("--port", default=8600, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM file, for TLS.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM file, for TLS.")
@click.option("--without-tls", is_flag=True, help="Serve other machines without TLS all the same.")
@click.option("--name", "names", multiple=True, help="Another host name that people reach it by, e.g. a proxy's.")
@click.option(
    "--prefect", "with_prefect", is_flag=True, help="Keep a Prefect server and a worker for what is deployed."
)
def serve(
    root: Path,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    without_tls: bool,
    names: tuple[str, ...],
    with_prefect: bool,
) -> None:
    """Serve the project: people label in their browsers, and each round goes on by itself when it is answered.

    While it runs it owns the ledger; the other commands work as always and ask it.
    """
    from rich.console import Console

    from flows.serve import Address
    from flows.serve import serve as serve_project

    address = Address(host, port, certificate, key, without_tls, names)
    serve_project(existing(root), address, Console(), with_prefect=with_prefect)


@main.command()
@project_option
def status(root: Path) -> None:
    """Show every round: frames asked and answered, coverage, quality, times."""
    from rich.console import Console

    from tasks.report.tables import print_status

    print_status(existing(root), Console())


@main.command()
@project_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: report.html in the project.")
def report(root: Path, out: Path | None) -> None:
    """Write one self-contained HTML page: coverage, quality, time lines, frames with masks."""
    project = existing(root)
    click.echo(f"report: {_write_report(project, out or project.root / 'report.html')}")


@main.command()
@project_option
@click.option(
    "--format",
    "name",
    required=True,
    type=click.Choice(["coco", "davis", "youtube-vis", "yolo-seg", "overlay-mp4"]),
    help="What to write.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
@click.option("--provenance", help="Comma-separated: human, propagated, teacher, accepted. Default: all.")
@click.option("--video", "videos", multiple=True, help="Only this video; may be given again.")
@click.option("--round", "round_id", type=click.IntRange(1), help="Masks as that round delivered them.")
@click.option("--human-frames", is_flag=True, help="Only the frames that people labelled.")
@click.option("--images/--no-images", default=True, show_default=True, help="Write the frames too, where it has them.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@click.option(
    "--split", metavar="train=0.8,val=0.2", help="A folder per split, videos whole; tells what leaks over it."
)
@click.option("--seed", default=0, show_default=True, help="Of the split.")
def export(
    root: Path,
    name: str,
    out: Path,
    provenance: str | None,
    videos: tuple[str, ...],
    round_id: int | None,
    human_frames: bool,
    images: bool,
    overwrite: bool,
    split: str | None,
    seed: int,
) -> None:
    """Write the labelled videos in a format that other tools read."""
    from rich.console import Console

    from al_core.settings import FrameSettings
    from al_core.splits import parse_shares
    from tasks.export import ExportReport, SplitReport, export_project, export_splits
    from tasks.frames import open_frames
    from tasks.ledger import open_ledger
    from tasks.progress import progress_of, terminal_progress

    project = existing(root)
    console = Console()
    ledger = open_ledger(project)
    last = ledger.last_round()
    frame_settings = last.settings.frames if last else FrameSettings()
    options: dict[str, Any] = {
        "round_id": round_id,
        "provenances": provenance.split(",") if provenance else None,
        "videos": videos or None,
        "human_frames_only": human_frames,
        "images": images,
        "overwrite": overwrite,
        "on_progress": progress_of(f"export {name}"),
    }
    source = (project, ledger, open_frames(project, ledger, frame_settings))
    with terminal_progress(console):
        done: ExportReport | SplitReport
        if split is None:
            done = export_project(*source, name, out, **options)
        else:
            done = export_splits(*source, name, out, parse_shares(split), seed, **options)
    console.print(done.describe(), highlight=False)


@main.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="DAVIS layout.",
)
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--strategies", default="random,uniform,least_certain,hybrid", show_default=True)
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Campaigns per strategy.")
@click.option("--rounds", default=4, show_default=True, type=click.IntRange(1))
@click.option(
    "--budget", default=8, show_default=True, type=click.IntRange(1), help="Human frames of a whole campaign."
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="JSON file of records.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Default: beside --out. Kept for resuming.",
)
@click.option("--workers", type=click.IntRange(1), help="Campaigns side by side; default: one per core.")
@click.option("--identities", type=click.Choice(["persistent", "per_frame"]), default="persistent", show_default=True)
@click.option("--pool", is_flag=True, help="All sequences are one campaign with one budget.")
@settings_options
def simulate(
    data: Path,
    sequences: str | None,
    strategies: str,
    seeds: int,
    rounds: int,
    budget: int,
    out: Path,
    work: Path | None,
    workers: int | None,
    identities: str,
    pool: bool,
    preset: str | None,
    changes: tuple[str, ...],
) -> None:
    """Run whole campaigns against ground truth, side by side, with every strategy on the same footing."""
    from rich.console import Console

    from al_core.settings import load_settings
    from flows.simulate import Plan, simulate_campaigns
    from tasks.report.tables import simulation_table

    plan = Plan.of(
        data,
        sequences.split(",") if sequences else None,
        strategies.split(","),
        seeds=seeds,
        rounds=rounds,
        budget=budget,
        settings=load_settings(preset or "quick").changed(parse_changes(changes)),
        identities=identities,
        pooled=pool,
    )
    console = Console()
    records = simulate_campaigns(plan, out, work or out.with_suffix(".work"), workers, console)
    console.print(simulation_table(records))
    console.print(f"{len(records)} records in {out}", highlight=False)


@main.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="DAVIS layout.",
)
@click.option("--sequence", required=True, help="Name of the sequence.")
@click.option("--labels", help="Comma-separated frames, counted from 0, whose masks are the labels.")
@click.option("--evenly", "n_labels", type=click.IntRange(1), help="So many evenly spaced frames instead.")
@click.option("--method", default="flow", show_default=True, help="Comma-separated propagators; several are fused.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="What may be computed again, e.g. flow. Default: cache in --out.",
)
@settings_options
def propagate(
    data: Path,
    sequence: str,
    labels: str | None,
    n_labels: int | None,
    method: str,
    out: Path,
    cache: Path | None,
    preset: str | None,
    changes: tuple[str, ...],
) -> None:
    """Carry a few masks along one sequence: each propagator alone, or several together, without a project.

    Writes one index PNG per frame into a folder of the sequence's name, and says how fast it went; frames that have a
    mask and were not given measure J and F.
    """
    from rich.console import Console

    from al_core.settings import load_settings
    from tasks.clip_propagation import propagate_sequence
    from tasks.progress import progress_of, terminal_progress

    marks = n_labels if labels is None else _numbers(labels)
    if marks is None or None not in (labels, n_labels):
        raise click.UsageError("say which frames are labelled: either --labels 0,20,40 or --evenly 8")
    settings = load_settings(preset or "default").changed(parse_changes(changes))
    console = Console()
    with terminal_progress(console):
        done = propagate_sequence(
            data,
            sequence,
            marks,
            method.split(","),
            out,
            cache or out / "cache",
            settings,
            on_progress=progress_of("propagate"),
        )
    console.print(f"{out / sequence}: {done.describe()}", highlight=False, soft_wrap=True)


@main.command()
@click.option(
    "--data",
    required=True,
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="DAVIS layout; may be given again.",
)
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--sets", default="single,pool,long", show_default=True, help="Comma-separated: single, pool, long.")
@click.option(
    "--arms",
    default="random,uniform,least_certain,diverse,hybrid,cycle_dissimilarity,farthest_with_error,value,oracle,"
    "random/click,uniform/click,value/all",
    show_default=True,
    help="Comma-separated: a strategy, or strategy/kinds with kinds click, box, scribble, polygon or all.",
)
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1), help="Campaigns per arm.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--frames", default=10, show_default=True, type=click.IntRange(1), help="Human frames of each video.")
@click.option("--long-frames", default=300, show_default=True, type=click.IntRange(2), help="Length of long footage.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="JSON file of records.")
@click.option(
    "--work", type=click.Path(file_okay=False, path_type=Path), help="Default: beside --out. Kept for resuming."
)
@click.option("--workers", type=click.IntRange(1), help="Processes side by side; default: one per core.")
def bench(
    data: tuple[Path, ...],
    sequences: str | None,
    sets: str,
    arms: str,
    seeds: int,
    rounds: int,
    frames: int,
    long_frames: int,
    out: Path,
    work: Path | None,
    workers: int | None,
) -> None:
    """Compare selection strategies on propagation alone: many campaigns, no training."""
    from rich.console import Console

    from flows.bench import Arm, Bench, run_bench

    plan = Bench(
        tuple(folder.resolve() for folder in data),
        tuple(sequences.split(",")) if sequences else None,
        tuple(sets.split(",")),
        tuple(Arm.parse(arm) for arm in arms.split(",")),
        seeds=seeds,
        rounds=rounds,
        frames_per_video=frames,
        long_frames=long_frames,
    )
    console = Console()
    points = run_bench(plan, out, (work or out.with_suffix(".work")).resolve(), workers, console)
    console.print(f"{len(points)} records in {out}; compare them with: fewframes compare {out}", highlight=False)


@main.command()
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--target", default=0.85, show_default=True, type=click.FloatRange(0, 1), help="J&F that effort is compared at."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: the first file, as .html.")
def compare(records: tuple[Path, ...], target: float, out: Path | None) -> None:
    """Compare the strategies of simulated campaigns: a table, and one self-contained HTML page with the curves.

    RECORDS are files that simulate or bench wrote; several are joined.
    """
    from rich.console import Console

    from al_core.comparison import Comparison
    from al_core.simulation_records import check_distinct, read_points
    from tasks.report.simulation_page import write_comparison
    from tasks.report.tables import simulation_summary

    points = tuple(point for path in records for point in read_points(path))
    check_distinct(points)
    comparison = Comparison(points, target)
    console = Console()
    console.print(simulation_summary(comparison))
    page = write_comparison(comparison, out or records[0].with_suffix(".html"))
    console.print(f"{len(points)} records compared; curves in {page}", highlight=False, soft_wrap=True)


@main.command()
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="DAVIS layout; default: real cells.",
)
@click.option(
    "--project",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    help="Default: runs/demo, or runs/demo-NAME with --data.",
)
def demo(data: Path | None, root: Path | None) -> None:
    """Label real footage in rounds with a simulated annotator; ends with table, report and overlay video."""
    from rich.console import Console

    from flows.demo import run_demo

    run_demo(data, root, Console())


def _run_campaign(project: "Project", settings: "Settings", console: Any) -> None:
    from tasks.prefect_server import prefect_server
    from tasks.processes import only_run
    from tasks.progress import terminal_progress
    from tasks.report.tables import print_status, round_line

    _require_videos(project)
    with only_run(project.root), prefect_server(project.prefect_home), terminal_progress(console):
        from flows.campaign import run_campaign

        outcome = run_campaign(project, settings, lambda done: console.print(round_line(project, done.round_id)))
    print_status(project, console)
    _tell_outcome(console, project, outcome)


def _tell_outcome(console: Any, project: "Project", outcome: Any) -> None:
    for message in outcome.rejected:
        console.print(f"not taken: {message}", highlight=False)
    if outcome.waiting:
        where = _where_people_label(project, outcome.round_id)
        console.print(f"round {outcome.round_id} waits for {outcome.waiting} labels: {where}.", highlight=False)
    elif outcome.stop_reason:
        console.print(f"The campaign is over after round {outcome.round_id}: {outcome.stop_reason}", highlight=False)
    else:
        console.print(f"round {outcome.round_id} is finished.", highlight=False)


def _where_people_label(project: "Project", round_id: int) -> str:
    from tasks.ledger import open_ledger

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


def _write_report(project: "Project", out: Path) -> Path:
    from al_core.settings import FrameSettings
    from tasks.frames import open_frames
    from tasks.ledger import open_ledger
    from tasks.report import write_report

    ledger = open_ledger(project)
    last = ledger.last_round()
    frames = open_frames(project, ledger, last.settings.frames if last else FrameSettings())
    return write_report(project, ledger, frames, out)


def _require_videos(project: "Project") -> None:
    from tasks.ledger import open_ledger

    if not open_ledger(project).videos():
        raise click.ClickException(f"{project.root} has no videos; take some in with: fewframes ingest PATH")


def _settings(project: "Project", preset: str | None, changes: tuple[str, ...], limits: dict[str, Any]) -> "Settings":
    """What was asked for; without a preset, what the project's last round ran with."""
    from tasks.asked import asked_settings

    return asked_settings(existing(project.root), preset, parse_changes(changes) | limits)


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise click.UsageError(f"--labels takes frames like 0,20,40, got {text!r}") from None


for _command in (annotator, deploy, work, versions, diff, rollback, sql, snapshot, backup, restore):
    main.add_command(_command)

if __name__ == "__main__":
    main()
