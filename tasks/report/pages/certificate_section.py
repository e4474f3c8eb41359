"""What a project has certified: the list of all looks, and a page of each."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from markupsafe import Markup

from al_core.audit.audit_records import Certificate, JudgeQuality
from tasks.languages.phrases import all_of, counted, heard, numeral, t
from tasks.report.certificate_words import grade_in_words, of_all, of_one
from tasks.report.formatting import many, percent, score, share_told
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
    return render("certificates.html", rows=rows, head=all_of(HEAD), told=of_all(looks))


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
        accepted_head=all_of(("of", "confidence from", look.kind, "audited", "bad", "at most bad")),
        accepted=[
            (
                t("everything") if one.category_id is None else categories.get(one.category_id, str(one.category_id)),
                score(one.confidence),
                *(numeral(count, ",") for count in (one.masks, one.audited, one.failed)),
                percent(one.bound),
            )
            for one in look.accepted
        ],
        people_head=all_of(JUDGES),
        people=people_rows(look),
        people_note=t(JUDGES_NOTE),
        not_covered=map(heard, look.not_covered),
        facts=_facts(look),
        findings=list(map(heard, findings)),
        json=f"{address}.json",
        verify=f"{address}?verify=true",
    )


def people_rows(look: Certificate) -> list[tuple[str, str, str, str]]:
    """Return who answered: how many judgements counted, and what is known of them."""
    known = {judge.person: judge for judge in look.judges}
    return [judge_cells(known.get(person, JudgeQuality(person, 0, 0, 0, 0))) for person in look.people]


def judge_cells(judge: JudgeQuality) -> tuple[str, str, str, str]:
    """Return name, judgements, bad masks that were let pass and good ones that were refused."""
    return (
        judge.person,
        numeral(judge.judged, ",") if judge.judged else "–",
        share_told(judge.bad_accepted, judge.bad),
        share_told(judge.good_refused, judge.good),
    )


def _cells(look: Certificate) -> tuple[str, ...]:
    return (
        look.certificate_id,
        t(look.kind),
        t(f"{look.grade.value}, corrected" if look.corrected else look.grade.value),
        str(look.round_id),
        t("{n} of {all}", n=numeral(look.accepted_masks, ","), all=numeral(look.masks, ",")),
        percent(look.error),
        numeral(look.iou, "g") if look.kind == "masks" else "–",
        numeral(look.audited, ","),
        numeral(look.failed, ","),
        numeral(look.spent, ".3g"),
    )


def _tiles(look: Certificate) -> list[Tile]:
    bound = max((one.bound for one in look.accepted), default=None)
    left_out = counted(
        len(look.excluded),
        ", {n} mask that the audit found bad left out",
        ", {n} masks that the audit found bad left out",
    )
    of = t("of {n} {kind}", n=numeral(look.masks, ","), kind=t(look.kind))
    bad = t(
        "{n} bad, {unanswered} of them without an answer",
        n=numeral(look.failed, ","),
        unanswered=numeral(look.unanswered, ","),
    )
    spends = t("of this and all looks before; this one spends {risk}", risk=numeral(look.spent, ".3g"))
    return [
        (t("Accepted"), numeral(look.accepted_masks, ","), f"{of}{left_out if look.excluded else ''}"),
        (t("At most bad"), percent(bound), t("asked for: {share}", share=percent(look.error))),
        (t("Audited"), numeral(look.audited, ","), bad),
        (t("Grade"), t(look.grade.value), grade_in_words(look) if look.corrected else ""),
        (t("Confidence"), numeral(1 - look.spent_in_all, ".1%"), spends),
    ]


def _facts(look: Certificate) -> list[tuple[str, str]]:
    made = format(datetime.fromisoformat(look.made_at), t("%Y-%m-%dT%H:%M:%S"))
    draws = (t("{draw} (seed {seed})", draw=d, seed=s) for d, s in zip(look.draws, look.seeds, strict=True))
    claim = "error {error}, confidence {confidence} over all looks of the project"
    return [
        (t("made"), t("{time} UTC, look {n} of the project", time=made, n=look.number)),
        (
            t("delivery"),
            t("round {round}, {videos}", round=look.round_id, videos=many(len(look.delivered), "video")),
        ),
        (t("population"), look.population),
        (t("draws"), ", ".join(draws) or "–"),
        (t("answers"), look.answers),
        (t("asked for"), t(claim, error=numeral(look.error, "g"), confidence=numeral(look.confidence, "g"))),
    ]
