"""The command line: one command for everything, each a thin edge over the flows and tasks below.

What a command needs is imported when it runs, so that ``--help`` and ``status`` start at once.
"""

import atexit
import gc
import os
import sys
from pathlib import Path

import click

from flows.cli.edge import Edge, debug_option
from flows.cli.options import project_option, readable_project_option, terminal

LATER = {
    "discover": "flows.cli.content.discover:discover",
    "import": "flows.cli.content.label_import:import_labels",
    "holdout": "flows.cli.content.holdout:holdout",
    "cuts": "flows.cli.content.cuts:cuts",
    "category": "flows.cli.content.category:category",
    "guide": "flows.cli.content.category:guide",
    "video": "flows.cli.content.curated_videos:video",
    "run": "flows.cli.run:run",
    "round": "flows.cli.run:one_round",
    "pause": "flows.cli.run:pause",
    "resume": "flows.cli.run:resume",
    "serve": "flows.cli.serve:serve",
    "status": "flows.cli.outputs:status",
    "settings": "flows.cli.outputs:settings",
    "report": "flows.cli.outputs:report",
    "export": "flows.cli.outputs:export",
    "certify": "flows.cli.quality.certificates:certify",
    "certificate": "flows.cli.quality.certificates:certificate",
    "predict": "flows.cli.models.labelling:predict",
    "pretrain": "flows.cli.models.pretrain:pretrain",
    "student": "flows.cli.models.students:student",
    "simulate": "flows.cli.benchmark:simulate",
    "propagate": "flows.cli.benchmark:propagate",
    "bench": "flows.cli.benchmark:bench",
    "compare": "flows.cli.benchmark:compare",
    "demo": "flows.cli.benchmark:demo",
    "annotator": "flows.cli.annotator:annotator",
    "people": "flows.cli.people.several:people",
    "review": "flows.cli.people.review:review",
    "deploy": "flows.cli.deploy:deploy",
    "work": "flows.cli.deploy:work",
    "worker": "flows.cli.deploy:worker",
    "versions": "flows.cli.versions:versions",
    "diff": "flows.cli.versions:diff",
    "rollback": "flows.cli.versions:rollback",
    "sql": "flows.cli.upkeep:sql",
    "snapshot": "flows.cli.upkeep:snapshot",
    "backup": "flows.cli.upkeep:backup",
    "restore": "flows.cli.upkeep:restore",
}
"""Where each command of another module lies; the module is imported when its command is given."""


@click.group(cls=Edge, later=LATER, context_settings={"help_option_names": ["-h", "--help"]})
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
    # Pydantic would read what each installed package declares, in search of plug-ins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # What is alive at the end ends with the process: nobody looks through it for garbage.
    atexit.register(gc.freeze)


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
    from al_core.footage.sources import DEFAULT_CATEGORY
    from al_core.project import Project
    from al_core.records import Identities
    from tasks.ledger.client import open_ledger
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.ingest import Outcome, ingest_paths

    console = terminal()
    project = Project.at(root)
    ledger = open_ledger(project)
    named = ledger.category_ids()
    with terminal_progress(console):
        report = ingest_paths(
            ledger,
            paths,
            identities=Identities(identities),
            categories=categories,
            masks=masks,
            on_progress=progress_of("ingest"),
        )
    for line in (*(entry.describe() for entry in report.entries), *report.not_taken):
        console.print(line, soft_wrap=True)
    if not categories and DEFAULT_CATEGORY in ledger.category_ids().keys() - named.keys():
        rename = f"fewframes category rename {DEFAULT_CATEGORY} NAME {project.option}"
        console.print(f"Objects are called {DEFAULT_CATEGORY!r}, as no --category was given: {rename}", soft_wrap=True)
    if any(entry.outcome == Outcome.STORED for entry in report.entries) and ledger.last_round() is None:
        console.print(f"Next: begin the first round: fewframes run {project.option}", soft_wrap=True)
    if report.failed:
        raise click.ClickException(f"{len(report.failed)} of {len(report.entries)} could not be taken in (see above)")
    if strict and report.passed_over:
        number = len(report.passed_over)
        raise click.ClickException(f"{number} {'file was' if number == 1 else 'files were'} passed over (see above)")


for _command in (doctor, ingest):
    main.add_command(_command)
main.params.append(debug_option())

if __name__ == "__main__":
    main()
