"""What a project has certified: the list of all looks, and a page of each."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from al_core.audit.audit_records import Certificate, JudgeQuality
from tasks.report.certificate_words import grade_in_words, of_all, of_one
from tasks.report.formatting import many, percent, share_told
from tasks.report.pages.document import Tile, render

HEAD = ("certificate", "of", "grade", "round", "accepted", "error", "IoU", "audited", "bad", "spent")
JUDGES = ("who", "judged", "bad masks let pass", "good masks refused")
JUDGES_NOTE = (
    "Of masks that somebody drew blind and that the person judged too; intervals are of 95 %. A judged certificate "
    "certifies judgements; a corrected one allows for what each judge lets pass, by how much each judged."
)


def certificates(looks: Sequence[Certificate], base: str = "") -> Markup:
    """Render the list of all looks.

    Args:
        base: address of the page of one without its name; empty where there are no such pages.
    """
    rows = [(_cells(look), f"{base}{look.certificate_id}" if base else "") for look in reversed(looks)]
    return render("certificates.html", rows=rows, head=HEAD, told=of_all(looks))


def certificate(
    look: Certificate, categories: Mapping[int, str], findings: Sequence[str] = (), base: str = ""
) -> Markup:
    """Render one look: what is accepted, by whose answers, what it does not cover, and what it rests on.

    Args:
        categories: names by number.
        findings: what came of verifying it; empty where it was not verified now.
        base: as for :func:`certificates`.
    """
    address = f"{base}{look.certificate_id}"
    return render(
        "certificate.html",
        told=of_one(look),
        tiles=_tiles(look),
        accepted_head=("of", "confidence from", look.kind, "audited", "bad", "at most bad"),
        accepted=[
            (
                "everything" if one.category_id is None else categories.get(one.category_id, str(one.category_id)),
                f"{one.confidence:.3f}", f"{one.masks:,}", f"{one.audited:,}", f"{one.failed:,}", percent(one.bound),
            )
            for one in look.accepted
        ],
        people_head=JUDGES,
        people=people_rows(look),
        people_note=JUDGES_NOTE,
        not_covered=look.not_covered,
        facts=_facts(look),
        findings=findings,
        json=f"{address}.json",
        verify=f"{address}?verify=true",
    )  # fmt: skip


def people_rows(look: Certificate) -> list[tuple[str, str, str, str]]:
    """Return who answered: how many judgements counted, and what is known of them."""
    known = {judge.person: judge for judge in look.judges}
    return [judge_cells(known.get(person, JudgeQuality(person, 0, 0, 0, 0))) for person in look.people]


def judge_cells(judge: JudgeQuality) -> tuple[str, str, str, str]:
    """Return name, judgements, bad masks that were let pass and good ones that were refused."""
    return (
        judge.person,
        f"{judge.judged:,}" if judge.judged else "–",
        share_told(judge.bad_accepted, judge.bad),
        share_told(judge.good_refused, judge.good),
    )


def _cells(look: Certificate) -> tuple[str, ...]:
    return (
        look.certificate_id,
        look.kind,
        f"{look.grade.value}, corrected" if look.corrected else look.grade.value,
        str(look.round_id),
        f"{look.accepted_masks:,} of {look.masks:,}",
        percent(look.error),
        f"{look.iou:g}" if look.kind == "masks" else "–",
        f"{look.audited:,}",
        f"{look.failed:,}",
        f"{look.spent:.3g}",
    )


def _tiles(look: Certificate) -> list[Tile]:
    bound = max((one.bound for one in look.accepted), default=None)
    left_out = f", {many(len(look.excluded), 'mask')} that the audit found bad left out" if look.excluded else ""
    return [
        ("Accepted", f"{look.accepted_masks:,}", f"of {look.masks:,} {look.kind}{left_out}"),
        ("At most bad", percent(bound), f"asked for: {percent(look.error)}"),
        ("Audited", f"{look.audited:,}", f"{look.failed:,} bad, {look.unanswered:,} of them without an answer"),
        ("Grade", look.grade.value, grade_in_words(look)),
        (
            "Confidence",
            f"{1 - look.spent_in_all:.1%}",
            f"of this and all looks before; this one spends {look.spent:.3g}",
        ),
    ]


def _facts(look: Certificate) -> list[tuple[str, str]]:
    return [
        ("made", f"{look.made_at} UTC, look {look.number} of the project"),
        ("delivery", f"round {look.round_id}, {many(len(look.delivered), 'video')}"),
        ("population", look.population),
        ("draws", ", ".join(f"{d} (seed {s})" for d, s in zip(look.draws, look.seeds, strict=True)) or "–"),
        ("answers", look.answers),
        ("asked for", f"error {look.error:g}, confidence {look.confidence:g} over all looks of the project"),
    ]
