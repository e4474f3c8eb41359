"""Commands on certificates: what can be said of masks that nobody looked at."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import CERTIFICATE_FILE, opened, plain_table, project_option, readable_project_option, terminal

if TYPE_CHECKING:
    from al_core.audit.audit_records import AuditSample

_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@project_option
@click.option("--iou", default=0.75, show_default=True, type=_SHARE, help="From which a mask is good enough.")
@click.option("--error", default=0.05, show_default=True, type=_SHARE, help="Share of accepted masks that may be bad.")
@click.option(
    "--confidence",
    default=0.95,
    show_default=True,
    type=click.FloatRange(0.5, 1, max_open=True),
    help="Of all certificates of the project together.",
)
@click.option("--frames", is_flag=True, help="Certify that frames miss no object, instead of masks.")
@click.option(
    "--grade",
    type=click.Choice(["judged", "measured"]),
    default="judged",
    show_default=True,
    help="Whose answers decide: people who judged masks, or overlaps with what people drew blind.",
)
@click.option("--corrected", is_flag=True, help="Correct judgements for the bad masks that judges let pass.")
@click.option("--by-category", is_flag=True, help="A threshold for each category; the bound then holds for each.")
@click.option("--round", "round_id", type=click.IntRange(1), help="What this round delivered; default: the newest.")
@click.option("--unanswered", is_flag=True, help="Count drawn masks without an answer as bad.")
@click.option(
    "--ask",
    type=click.IntRange(0),
    metavar="BAD",
    help="Ask people for exactly what it takes with so many bad ones; nothing is decided.",
)
@click.option("--out", type=CERTIFICATE_FILE, help="Write the certificate to this file too.")
@click.option("--dry-run", is_flag=True, help="Say what it would take; no answer is looked at, nothing is spent.")
def certify(
    root: Path,
    iou: float,
    error: float,
    confidence: float,
    frames: bool,
    grade: str,
    corrected: bool,
    by_category: bool,
    round_id: int | None,
    unanswered: bool,
    ask: int | None,
    out: Path | None,
    dry_run: bool,
) -> None:
    """Accept the masks of a delivery whose error is bounded by what people said of a random sample of them.

    Each look at answers decides once and spends of the confidence that all certificates of a project share.
    """
    from al_core.audit.audit_records import Grade
    from al_core.files import replaced
    from tasks.certificates.issuing import FRAMES, MASKS, Wish, issue, prepare
    from tasks.certificates.verifying import in_words

    project, ledger = opened(root)
    kind = FRAMES if frames else MASKS
    wish = Wish(kind, round_id, Grade(grade), iou, error, confidence, by_category, corrected, unanswered)
    if ask is not None:
        from tasks.certificates.drawing_audits import ask_for

        click.echo(_asked(ask_for(project, ledger, wish, ask, seed=0)))
        return
    if dry_run:
        look = prepare(project, ledger, wish)
        counts = ", ".join(f"{n} with {k} bad" for k in range(4) if (n := look.needed(k)) is not None)
        click.echo(
            f"look {look.number}: {len(look.units)} of {look.size} {kind} are drawn and not decided on yet; to accept "
            f"all of them with an error of at most {error:g} it takes {counts or 'more than there are'}"
        )
        return
    made = issue(project, ledger, wish)
    if out is not None:
        with replaced(out) as temporary:
            temporary.write_text(json.dumps(made.to_json(), indent=2) + "\n", encoding="utf-8")
    click.echo(f"{made.certificate_id}: {in_words(made.accepted, kind)}")
    held = f"{100 * (1 - made.spent_in_all):.1f} %"
    click.echo(
        f"{made.failed} of {made.audited} drawn {kind} are bad or have no answer; this look spends {made.spent:.3g}, "
        f"all looks {made.spent_in_all:.3g}: everything certified holds with {held} confidence"
    )
    for sentence in made.not_covered:
        click.echo(f"note: {sentence}")


@click.group()
def certificate() -> None:
    """List certificates, verify them, and draw what they are decided on."""


@certificate.command("list")
@readable_project_option
def list_certificates(root: Path) -> None:
    """List all looks at audits, those that certified nothing too."""
    from tasks.certificates.verifying import in_words

    _, ledger = opened(root)
    table = plain_table("certificate", "round", "of", "grade", "IoU", "error", "spent", "accepted")
    table.columns[0].no_wrap = True
    for c in ledger.certificates():
        told = (c.kind, c.grade.value, f"{c.iou:g}", f"{c.error:g}", f"{c.spent:.3g}", in_words(c.accepted, c.kind))
        table.add_row(c.certificate_id, str(c.round_id), *told)
    terminal().print(table)


@certificate.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@readable_project_option
def verify(file: Path, root: Path) -> None:
    """Recompute the certificate in FILE from the ledger; exit with code 1 when it does not hold."""
    from al_core.audit.audit_records import Certificate
    from al_core.errors import BadAudit
    from tasks.certificates.verifying import verify as verified

    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadAudit(f"{file} is no JSON ({error}): give a file that certify wrote") from None
    findings = verified(*opened(root), Certificate.from_json(stored))
    for finding in findings:
        click.echo(finding.line)
    if any(finding.ok is False for finding in findings):
        raise click.ClickException("the certificate does not hold (see above)")


@certificate.command()
@project_option
@click.option("--judged", default=60, show_default=True, type=click.IntRange(0), help="Masks to judge.")
@click.option("--blind", default=8, show_default=True, type=click.IntRange(0), help="Masks to draw from nothing.")
@click.option("--frames", default=20, show_default=True, type=click.IntRange(0), help="Frames to look through.")
@click.option("--iou", default=0.75, show_default=True, type=_SHARE, help="From which a mask is good enough.")
@click.option("--round", "round_id", type=click.IntRange(1), help="Of what this round delivered; default: the newest.")
@click.option("--seed", default=0, show_default=True, help="Of the draw.")
@click.option("--give-up", is_flag=True, help="Give known answers up that nothing was decided on; counts as a look.")
def draw(
    root: Path, judged: int, blind: int, frames: int, iou: float, round_id: int | None, seed: int, give_up: bool
) -> None:
    """Draw another audit sample of a delivery at random, and ask people for it at the labelling page."""
    from tasks.certificates.drawing_audits import draw_audit

    project, ledger = opened(root)
    asked = {"judged": judged, "blind": blind, "frames": frames}
    sample = draw_audit(project, ledger, seed=seed, round_id=round_id, iou=iou, give_up=give_up, **asked)
    click.echo(_asked(sample))


def _asked(sample: "AuditSample") -> str:
    from al_core.audit.audit_records import Grade

    judged, blind, frames = (
        len(sample.of(Grade.JUDGED)),
        len(sample.of(Grade.MEASURED)),
        len(sample.of(Grade.JUDGED, whole_frames=True)),
    )
    told = f"{judged} masks to judge, {blind} to draw blind and {frames} frames to look through"
    return f"round {sample.round_id}, draw {sample.draw}: people are asked for {told}"
