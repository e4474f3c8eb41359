"""The command that takes labels in which were made elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.cli.options import opened, project_option, terminal

if TYPE_CHECKING:
    from al_core.ledger.store import Ledger
    from tasks.imports.import_plan import ImportPlan


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@project_option
@click.option(
    "--as",
    "purpose",
    required=True,
    type=click.Choice(["labels", "holdout", "prelabels", "tags"]),
    help="What they are: labels to learn from, labels that only measure, masks to correct, or tables of what is "
    "in stretches of videos.",
)
@click.option("--author", default="import", show_default=True, help="Who made them.")
@click.option(
    "--match",
    "template",
    metavar="TEMPLATE",
    help="How files name frames, e.g. '{video}/frame_{number}.jpg'; {index} counts from 0, {number} from 1.",
)
@click.option("--map", "renamed", metavar="OLD=NEW", multiple=True, help="What a category of the files is called here.")
@click.option("--category", default="", help="Of objects whose file names none.")
@click.option("--partial", is_flag=True, help="Take what can be taken, where something cannot.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken, and what not and why.")
def import_labels(
    files: tuple[Path, ...],
    root: Path,
    purpose: str,
    author: str,
    template: str | None,
    renamed: tuple[str, ...],
    category: str,
    partial: bool,
    dry_run: bool,
) -> None:
    """Take in labels that were made elsewhere, in any format that export writes and in those of other tools.

    Tags come as tables of text (CSV) with the columns video,first,last,category,present.

    All or nothing is stored. The same files again change nothing.
    """
    from al_core.exchange.frame_names import Template
    from tasks.imports.import_plan import PURPOSES, Wish
    from tasks.imports.storing import plan_files, store
    from tasks.progress import progress_of, terminal_progress

    console = terminal()
    _, ledger = opened(root)
    if purpose == "tags":
        if template or renamed or category or partial:
            raise click.UsageError(
                "tables of tags name videos and categories themselves, and are taken whole: leave out --match, --map, "
                "--category and --partial"
            )
        _take_tags(console, ledger, files, author, dry_run)
        return
    wish = Wish(PURPOSES[purpose], author, dict(map(_renaming, renamed)), category)
    with terminal_progress(console):
        plan = plan_files(ledger, files, wish, Template(template) if template else None, progress_of("import"))
    _tell(console, ledger, plan)
    if plan.faults and not partial and not dry_run:
        raise click.ClickException(
            f"{len(plan.faults)} things cannot be taken (see above), so nothing was stored; mend them, or take the "
            "rest with --partial"
        )
    if dry_run:
        console.print("Nothing was stored: --dry-run.")
        return
    store(ledger, plan)
    console.print(_done(plan), soft_wrap=True)


def _take_tags(console: Any, ledger: "Ledger", files: tuple[Path, ...], author: str, dry_run: bool) -> None:
    from tasks.imports.reading import some
    from tasks.imports.tag_files import plan_tags
    from tasks.report.formatting import many

    plan = plan_tags(ledger, files)
    names = {video.video_id: video.name for video in ledger.videos()}
    lines = [
        f"{names[video]}: {many(here, 'stretch', 'stretches')} that show a category, {gone:,} that do not"
        for video, (here, gone) in plan.counts().items()
    ]
    for line in [*lines, *(f"not taken: {fault}" for fault in some(plan.faults))]:
        console.print(line, soft_wrap=True)
    if plan.faults and not dry_run:
        raise click.ClickException("some tags cannot be taken (see above), so nothing was stored; mend them")
    if dry_run:
        console.print("Nothing was stored: --dry-run.")
        return
    new = ledger.put_category_tags(plan.tags, author)
    said = f"stored: {many(new, 'tag')} of {author}; what they rule out is not delivered from the next round on"
    console.print(said if new else "Nothing is new.", soft_wrap=True)


def _renaming(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise click.UsageError(f"--map expects OLD=NEW, e.g. --map Auto=car, got {text!r}")
    return old, new


def _tell(console: Any, ledger: "Ledger", plan: "ImportPlan") -> None:
    from tasks.imports.reading import some
    from tasks.report.formatting import many

    names = {video.video_id: video.name for video in ledger.videos()}
    lines = [
        f"{names[video]}: {many(frames, 'frame')} with {many(objects, 'object')}"
        for video, (frames, objects) in plan.counts().items()
    ]
    lines += [f"{many(plan.already, 'frame')} are there already, the same"] if plan.already else []
    lines += [f"new categories: {', '.join(plan.new_categories)}"] if plan.new_categories else []
    lines += [f"note: {note}" for note in some(plan.notes)]
    lines += [f"not taken: {fault}" for fault in some(plan.faults)]
    for line in lines:
        console.print(line, soft_wrap=True)


def _done(plan: "ImportPlan") -> str:
    from tasks.report.formatting import many

    if not plan.frames:
        return "Nothing is new."
    meaning = {
        "label": f"labels of {plan.wish.author}; the next round learns from them",
        "holdout": f"held-out labels of {plan.wish.author}; the loop never learns from them",
        "prelabel": "masks to start from; they count once people have answered",
    }
    return f"stored: {many(len(plan.frames), 'frame')}, {meaning[plan.wish.purpose]}"
