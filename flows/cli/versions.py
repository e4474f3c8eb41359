"""Commands on versions: what each round delivered, and what changed between two rounds."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import opened, plain_table, project_option, readable_project_option, terminal

if TYPE_CHECKING:
    from rich.table import Table

    from al_core.evaluation.label_diff import LabelDiff


class _FrameName(click.ParamType):
    """A frame on the command line, as (video, number)."""

    name = "VIDEO:FRAME"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Read ``VIDEO:FRAME``; a video's name may hold colons itself."""
        video, _, number = value.rpartition(":")
        if not video or not number.isdecimal():
            self.fail(f"a frame is given as VIDEO:FRAME, e.g. clip:120, got {value!r}", param, ctx)
        return video, int(number)


@click.command()
@readable_project_option
def versions(root: Path) -> None:
    """List the versions of the labels: one for each round that delivered masks."""
    from al_core.records import Provenance
    from tasks.project.label_versions import versions as all_versions

    shown = list(all_versions(*opened(root)))
    made = [p.value for p in Provenance if any(p.value in version.masks for version in shown)]
    table = plain_table("round", "finished (UTC)", "human\nframes", *(f"{name}\nmasks" for name in made), "sha256")
    for version in shown:
        finished = f"{version.delivered_at:%y-%m-%d %H:%M}" if version.delivered_at else "goes on"
        finished = "abandoned" if version.abandoned else finished
        counts = (version.human_frames, *(version.masks.get(name, 0) for name in made))
        numbers = (f"{count:,}" for count in counts)
        table.add_row(str(version.round_id), finished, *numbers, version.sha256[:12])
    terminal().print(table)


@click.command()
@click.argument("before", type=int)
@click.argument("after", type=int)
@readable_project_option
@click.option("--video", help="Only this video.")
@click.option("--most", default=10, show_default=True, type=click.IntRange(0), help="Changed masks listed per video.")
def diff(before: int, after: int, root: Path, video: str | None, most: int) -> None:
    """Say which masks changed from round BEFORE to round AFTER, and by how much."""
    from tasks.project.label_versions import abandoned_note, compare_rounds

    project, ledger = opened(root)
    found = compare_rounds(project, ledger, before, after, video)
    console = terminal()
    console.print(_summary(found))
    for round_id in (before, after):
        if ledger.round(round_id).status == "abandoned":
            console.print(f"note: {abandoned_note(round_id)}")
    for name, comparison in found.items():
        if comparison.changes and most:
            console.print(f"\n{name}, the most changed first:", style="bold")
            console.print(_changes(comparison, most))


@click.command()
@project_option
@click.option("--round", "round_id", type=int, help="Answers to this round's requests.")
@click.option("--since-round", type=int, help="Answers to requests of this round and later ones.")
@click.option("--annotator", help="This person's answers.")
@click.option("--frame", type=_FrameName(), help="Answers for one frame, e.g. clip:120.")
@click.option("--reason", default="", help="Kept in the audit log.")
@click.option("--yes", is_flag=True, help="Do it; without this, only say what would be done.")
def rollback(
    root: Path,
    round_id: int | None,
    since_round: int | None,
    annotator: str | None,
    frame: tuple[str, int] | None,
    reason: str,
    yes: bool,
) -> None:
    """Take answers back: a round's, a person's, or those for one frame.

    They stay stored and no longer count; several options narrow each other down. What finished rounds delivered stays
    as it was; the next round works without these answers and may ask for the frames again.
    """
    from tasks.project.label_versions import frame_of

    if (round_id, since_round, annotator, frame) == (None, None, None, None):
        raise click.UsageError("say whose answers: --round, --since-round, --annotator or --frame")
    _, ledger = opened(root)
    wanted = None if frame is None else frame_of(ledger, *frame)
    found = ledger.standing_answers(round_id, since_round, annotator, wanted)
    names = {v.video_id: v.name for v in ledger.videos()}
    table = plain_table("round", "frame", "kind", "objects", "annotator", "answered (UTC)")
    for a in found:
        where = f"{names[a.frame.video_id]}:{a.frame.frame_idx}"
        when = f"{a.created_at:%Y-%m-%d %H:%M}"
        table.add_row(str(a.round_id), where, a.kind.value, str(a.n_masks), a.annotator, when)
    terminal().print(table)
    if not yes:
        click.echo(f"{len(found):,} answers would be taken back; add --yes to do it")
        return
    done = ledger.withdraw([a.answer_id for a in found], "command line", reason)
    click.echo(f"{done:,} answers were taken back")


def _summary(found: "dict[str, LabelDiff]") -> "Table":
    table = plain_table("video", "masks", "mean IoU", "added", "removed", "reshaped", "renamed", "attributes")
    for name, comparison in found.items():
        agreement = "" if comparison.mean_iou is None else f"{comparison.mean_iou:.3f}"
        counts = (f"{count:,}" for count in comparison.counts.values())
        table.add_row(name, f"{comparison.n_masks:,}", agreement, *counts)
    return table


def _changes(comparison: "LabelDiff", most: int) -> "Table":
    table = plain_table("frame", "track", "change", "IoU", "was", "is")
    for change in comparison.changes[:most]:
        was, now = (p.value if p else "" for p in (change.before, change.after))
        table.add_row(str(change.frame_idx), str(change.track_id), change.what, f"{change.iou:.3f}", was, now)
    return table
