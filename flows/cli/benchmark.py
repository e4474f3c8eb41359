"""Commands that need no project: what strategies and propagators are worth, measured against ground truth."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.cli.options import PAGE_FILE, RECORDS_FILE, settings_options, terminal

if TYPE_CHECKING:
    from al_core.project import Project
    from al_core.settings import Settings


class Names(click.ParamType):
    """Names with commas between them, as a tuple."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split what was given; a tuple stays as it is."""
        return value if isinstance(value, tuple) else tuple(value.split(","))


FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
WORK = click.Path(file_okay=False, path_type=Path)

data_option = click.option("--data", required=True, type=FOLDER, help="DAVIS layout.")
sequences_option = click.option("--sequences", type=Names(), help="Comma-separated names; default: all.")
out_option = click.option("--out", required=True, type=RECORDS_FILE, help="JSON file of records.")
work_option = click.option("--work", type=WORK, help="Default: beside --out. Kept for resuming.")


@click.command()
@data_option
@sequences_option
@click.option("--strategies", type=Names(), default="random,uniform,least_certain,hybrid", show_default=True)
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Campaigns per strategy.")
@click.option("--first-seed", default=0, show_default=True, type=click.IntRange(0), help="The others follow it.")
@click.option("--rounds", default=4, show_default=True, type=click.IntRange(1))
@click.option(
    "--budget", default=8, show_default=True, type=click.IntRange(1), help="Human frames of a whole campaign."
)
@out_option
@work_option
@click.option("--workers", type=click.IntRange(1), help="Campaigns side by side; default: one per core.")
@click.option("--identities", type=click.Choice(["persistent", "per_frame"]), default="persistent", show_default=True)
@click.option("--pool", "pooled", is_flag=True, help="All sequences are one campaign with one budget.")
@settings_options
def simulate(
    out: Path, work: Path | None, workers: int | None, preset: str | None, changes: tuple[str, ...], **asked: Any
) -> None:
    """Run whole campaigns against ground truth, side by side, with every strategy on the same footing."""
    from al_core.records import Identities
    from tasks.benchmark.simulate import Simulation, simulate_campaigns
    from tasks.report.tables import simulation_table

    asked["identities"] = Identities(asked["identities"])
    plan = Simulation(**asked, settings=_checked(preset or "quick", changes, {"annotator.backend": "simulated"}))
    console = terminal()
    records = simulate_campaigns(plan, out, work or out.with_suffix(".work"), workers, console, _run_campaign)
    console.print(simulation_table(records))
    console.print(f"{len(records)} records in {out}")


def _run_campaign(project: "Project", settings: "Settings", on_round: Callable[[Any], None]) -> None:
    """Run the rounds of a simulated project, in a worker process."""
    from flows.campaign import run_campaign

    run_campaign(project, settings, on_round)


@click.command()
@data_option
@click.option("--sequence", required=True, help="Name of the sequence.")
@click.option("--labels", help="Comma-separated frames, counted from 0, whose masks are the labels.")
@click.option("--evenly", "n_labels", type=click.IntRange(1), help="Number of evenly spaced frames instead.")
@click.option("--method", default="auto", show_default=True, help="Comma-separated propagators, or auto.")
@click.option("--out", required=True, type=WORK, help="Folder to write.")
@click.option("--cache", type=WORK, help="What may be computed again, e.g. flow. Default: cache in --out.")
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
    from tasks.benchmark.one_clip import propagate_sequence
    from tasks.progress import progress_of, terminal_progress

    marks = n_labels if labels is None else _numbers(labels)
    if marks is None or None not in (labels, n_labels):
        raise click.UsageError("say which frames are labelled: either --labels 0,20,40 or --evenly 8")
    methods = method.split(",")
    settings = _checked(preset or "default", changes, {"propagation.methods": methods})
    console = terminal()
    with terminal_progress(console):
        done = propagate_sequence(
            data,
            sequence,
            marks,
            methods,
            out,
            cache or out / "cache",
            settings,
            on_progress=progress_of("propagate"),
        )
    console.print(f"{out / sequence}: {done.describe()}", soft_wrap=True)


@click.command()
@click.option("--data", required=True, multiple=True, type=FOLDER, help="DAVIS layout; may be given again.")
@sequences_option
@click.option(
    "--sets", type=Names(), default="single,pool,long", show_default=True, help="Comma-separated: single, pool, long."
)
@click.option(
    "--arms",
    type=Names(),
    default="random,uniform,least_certain,diverse,hybrid,patch_cycles,farthest_with_error,value,oracle,"
    "random/click,uniform/click,value/all",
    show_default=True,
    help="Comma-separated: a strategy, or strategy/kinds with kinds such as click, accept+mask or all.",
)
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1), help="Campaigns per arm.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--frames",
    "frames_per_video",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="Human frames of each video.",
)
@click.option("--long-frames", default=300, show_default=True, type=click.IntRange(2), help="Length of long footage.")
@out_option
@work_option
@click.option("--workers", type=click.IntRange(1), help="Processes side by side; default: one per core.")
@settings_options
def bench(
    data: tuple[Path, ...],
    arms: tuple[str, ...],
    out: Path,
    work: Path | None,
    workers: int | None,
    preset: str | None,
    changes: tuple[str, ...],
    **asked: Any,
) -> None:
    """Compare selection strategies on propagation alone: many campaigns, no training.

    Of the settings only those of the annotator count: what each kind of label costs.
    """
    from tasks.benchmark.bench import Arm, Bench, run_bench

    plan = Bench(
        **asked,
        data=tuple(folder.resolve() for folder in data),
        arms=tuple(Arm.parse(arm) for arm in arms),
        annotator=_checked(preset or "default", changes, {"annotator.backend": "simulated"}).annotator,
    )
    console = terminal()
    points = run_bench(plan, out, (work or out.with_suffix(".work")).resolve(), workers, console)
    for line in plan.stand_ins():
        console.print(line, soft_wrap=True)
    console.print(f"{len(points)} records in {out}; compare them with: fewframes compare {out}")


@click.command()
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--target", default=0.85, show_default=True, type=click.FloatRange(0, 1), help="J&F that effort is compared at."
)
@click.option("--out", type=PAGE_FILE, help="Default: the first file, as .html.")
def compare(records: tuple[Path, ...], target: float, out: Path | None) -> None:
    """Compare the strategies of simulated campaigns: a table, and one self-contained HTML page with the curves.

    RECORDS are files that simulate or bench wrote; several are joined.
    """
    from al_core.benchmark.arms import ArmComparison
    from al_core.benchmark.curve_points import check_distinct, read_points
    from tasks.report.pages.simulation_page import write_comparison
    from tasks.report.tables import simulation_summary

    points = tuple(point for path in records for point in read_points(path))
    check_distinct(points)
    comparison = ArmComparison(points, target)
    console = terminal()
    console.print(simulation_summary(comparison))
    page = write_comparison(comparison, out or records[0].with_suffix(".html"))
    console.print(f"{len(points)} records compared; curves in {page}", soft_wrap=True)


def _checked(preset: str, changes: tuple[str, ...], own: dict[str, Any]) -> "Settings":
    """Return the settings asked for, if nothing surely fails in them, also with what the command itself sets."""
    from al_core.settings import load_settings
    from tasks.preflight import check
    from tasks.project.run_settings import parse_overrides

    settings = load_settings(preset).changed(parse_overrides(changes))
    check(settings, tokens=False)
    check(settings.changed(own), tokens=False)
    return settings


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise click.UsageError(f"--labels takes frames like 0,20,40, got {text!r}") from None


@click.command()
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
    from flows.cli.demo import run_demo

    run_demo(data, root, terminal())
