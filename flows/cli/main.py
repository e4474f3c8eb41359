"""The command line: one command for everything, each a thin edge over the flows and tasks below.

What a command needs is imported when it runs, so that ``--help`` and ``status`` start at once.
"""

import os
import sys
from pathlib import Path

import click

from flows.cli.annotator import annotator
from flows.cli.benchmark import bench, compare, propagate, simulate
from flows.cli.content.category import category, guide
from flows.cli.content.curated_videos import video
from flows.cli.content.cuts import cuts
from flows.cli.content.discover import discover
from flows.cli.content.holdout import holdout
from flows.cli.content.label_import import import_labels
from flows.cli.deploy import deploy, work
from flows.cli.edge import Edge, debug_option
from flows.cli.models.labelling import predict
from flows.cli.models.pretrain import pretrain
from flows.cli.models.students import student
from flows.cli.options import project_option, readable_project_option, terminal
from flows.cli.outputs import export, report, settings, status
from flows.cli.people.review import review
from flows.cli.quality.certificates import certificate, certify
from flows.cli.run import one_round, pause, resume, run
from flows.cli.serve import serve
from flows.cli.upkeep import backup, restore, snapshot, sql
from flows.cli.versions import diff, rollback, versions


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


@click.command()
@readable_project_option
def doctor(root: Path) -> None:
    """Say what is installed, whether it works, and where state lives."""
    from tasks.project.doctor import examine, finding_line

    console, sound = terminal(), True
    for finding in examine(root):
        console.print(finding_line(finding))
        sound = sound and finding.ok
    if not sound:
        sys.exit(1)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@project_option
@click.option("--masks", type=click.Path(path_type=Path), help="Folder of index masks for a folder of frames.")
@click.option(
    "--category",
    "categories",
    multiple=True,
    help="What is to be labelled in these videos, the most frequent first; may be given several times. Objects in "
    "masks that have no other get the only one.  [default: object]",
)
@click.option(
    "--identities",
    type=click.Choice(["persistent", "per_frame"]),
    default="persistent",
    show_default=True,
    help="Whether an object keeps its number from frame to frame in the given masks.",
)
@click.option("--strict", is_flag=True, help="Exit with code 1 when files are passed over.")
def ingest(
    paths: tuple[Path, ...],
    root: Path,
    masks: Path | None,
    categories: tuple[str, ...],
    identities: str,
    strict: bool,
) -> None:
    """Take in video files, folders of frames and DAVIS-layout folders.

    Masks that come with the frames are held back: they answer for the simulated annotator and measure quality.
    """
    from al_core.project import Project
    from al_core.records import Identities
    from tasks.ledger.client import open_ledger
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.ingest import ingest_paths

    console = terminal()
    project = Project.at(root)
    with terminal_progress(console):
        report = ingest_paths(
            open_ledger(project),
            paths,
            identities=Identities(identities),
            categories=categories,
            masks=masks,
            on_progress=progress_of("ingest"),
        )
    for line in (*(entry.describe() for entry in report.entries), *report.not_taken):
        console.print(line, soft_wrap=True)
    if report.failed:
        raise click.ClickException(f"{len(report.failed)} of {len(report.entries)} could not be taken in (see above)")
    if strict and report.passed_over:
        number = len(report.passed_over)
        raise click.ClickException(f"{number} {'file was' if number == 1 else 'files were'} passed over (see above)")


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


for _command in (
    *(doctor, ingest, discover, import_labels, holdout, cuts, category, guide, video),
    *(run, one_round, pause, resume, serve, status, settings, report, export),
    *(certify, certificate),
    *(predict, pretrain, student, simulate, propagate, bench, compare, demo),
    *(annotator, review, deploy, work, versions, diff, rollback, sql, snapshot, backup, restore),
):
    main.add_command(_command)
main.params.append(debug_option())

if __name__ == "__main__":
    main()
