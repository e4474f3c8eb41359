"""Recompute a certificate from the ledger, and say what has changed since."""

from collections.abc import Iterator
from dataclasses import dataclass

from al_core.audit.audit_records import Accepted, Certificate
from al_core.audit.audit_sample import draw_sample
from al_core.audit.certifying import risk_of_look
from al_core.errors import FewframesError
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Provenance
from al_core.stores.delivered import read_delivered
from tasks.certificates.delivered_population import population_of
from tasks.certificates.frozen_masks import FrozenMasks
from tasks.certificates.issuing import MASKS, Look, Wish, certificate_of, decide, judges_of, spent_in
from tasks.languages.phrases import numeral, t
from tasks.steps.context import hashes_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``ok`` is False where the certificate does not hold, None for what is only told."""

    ok: bool | None
    text: str

    @property
    def line(self) -> str:
        """The finding as people read it."""
        return f"{ {True: 'ok', False: 'FAILS', None: 'note'}[self.ok] }: {self.text}"


def verify(project: Project, ledger: Ledger, certificate: Certificate) -> list[Finding]:
    """Recompute a certificate from what the ledger and the delivered files hold.

    Returns:
        What was found, in order; the certificate holds where no finding fails.
    """
    known = {c.certificate_id: c for c in ledger.certificates()}
    if certificate.certificate_id not in known:
        return [Finding(False, f"the project has no certificate {certificate.certificate_id}")]
    found = [Finding(True, f"certificate {certificate.certificate_id} is in the ledger as it is in the file")]
    found += _risk(ledger, certificate)
    try:
        found += _recomputed(project, ledger, certificate)
        found += _frozen(project, ledger, certificate)
    except FewframesError as error:
        found.append(Finding(False, str(error)))
    return [*found, *_not_covered(ledger, certificate)]


def _risk(ledger: Ledger, certificate: Certificate) -> Iterator[Finding]:
    before = [c for c in ledger.certificates() if c.number < certificate.number]
    due = risk_of_look(certificate.number, certificate.confidence)
    spent = spent_in(before) + certificate.spent
    fits = len(before) == certificate.number - 1 and abs(due - certificate.spent) < 1e-12
    yield Finding(
        fits and abs(spent - certificate.spent_in_all) < 1e-12,
        f"look {certificate.number} of the project spends {certificate.spent:.3g}; with {len(before)} before it "
        f"{spent:.3g}: all hold together with {100 * (1 - spent):.1f} % confidence",
    )


def _recomputed(project: Project, ledger: Ledger, certificate: Certificate) -> Iterator[Finding]:
    """Yield what comes of the same population, draws and answers today."""
    round_id = certificate.round_id
    paths = ledger.delivered_paths(round_id)
    hashes = hashes_of(project, paths)
    changed = sorted(v for v, sha256 in certificate.delivered.items() if hashes.get(v) != sha256)
    yield Finding(
        not changed,
        f"the files that round {round_id} delivered are the same"
        if not changed
        else f"what round {round_id} delivered for video {', '.join(changed)} is gone or was changed",
    )
    population = population_of(project, ledger, round_id)
    yield Finding(population.digest == certificate.population, f"{certificate.masks} {certificate.kind} are there")
    samples = [s for s in ledger.audit_samples(round_id) if s.draw in certificate.draws]
    again = [
        draw_sample(
            population, seed=s.seed, judged=s.asked[0], blind=s.asked[1], frames=s.asked[2], iou=s.iou, draw=s.draw
        )
        for s in samples
    ]
    same = again == samples and tuple(s.seed for s in samples) == certificate.seeds
    yield Finding(same, f"the seeds {', '.join(map(str, certificate.seeds))} draw the same sample again")
    wish = Wish(
        *(certificate.kind, round_id, certificate.grade, certificate.iou, certificate.error, certificate.confidence),
        *(certificate.by_category, certificate.corrected),
    )
    units = tuple(u for sample in samples for u in sample.of(wish.grade, wish.kind != MASKS))
    look = Look(wish, certificate.number, certificate.spent, population, tuple(samples), units)
    so_far = certificate.answers_so_far
    then = {a.key: a for a in ledger.audit_answers(round_id, so_far)}
    before = [c for c in ledger.certificates() if c.number < certificate.number]
    made = certificate_of(
        *(look, then, judges_of(ledger, look, then, so_far), so_far, certificate.delivered),
        *(spent_in(before), certificate.made_at),
    )
    same = made.answers == certificate.answers
    yield Finding(same, f"{len(units)} drawn {certificate.kind} have the answers that it was decided on")
    yield Finding(
        made == certificate if same else None,
        f"they lead to it again: {in_words(certificate.accepted, certificate.kind)}",
    )
    yield from _changed_answers(ledger, look, certificate)


def _changed_answers(ledger: Ledger, look: Look, certificate: Certificate) -> Iterator[Finding]:
    now = {a.key: a for a in ledger.audit_answers(certificate.round_id)}
    then = {a.key: a for a in ledger.audit_answers(certificate.round_id, certificate.answers_so_far)}
    changed = [u.key for u in look.units if now.get(u.key) != then.get(u.key)]
    if not changed:
        return
    today = decide(look, now, judges_of(ledger, look, now)).accepted
    holds = _sizes(today) >= _sizes(certificate.accepted)
    yield Finding(
        None if holds else False,
        f"{len(changed)} answers were changed or came after it was made; with them it would be: "
        f"{in_words(today, certificate.kind)}",
    )


def _sizes(accepted: tuple[Accepted, ...]) -> int:
    return sum(one.masks for one in accepted)


def _frozen(project: Project, ledger: Ledger, certificate: Certificate) -> Iterator[Finding]:
    """Yield whether the newest delivery has the accepted masks as they were."""
    newest = ledger.last_delivered_round()
    if certificate.kind != MASKS or newest is None or newest <= certificate.round_id or not certificate.accepted:
        return
    frozen = FrozenMasks(project, [certificate], {certificate.round_id: ledger.delivered_paths(certificate.round_id)})
    kept = replaced = lost = 0
    for video_id, path in ledger.delivered_paths(newest).items():
        masks = frozen.of_video(video_id)
        delivered = dict(read_delivered(project.absolute(path), sorted(masks)))
        for frame_idx, expected in masks.items():
            here = delivered.get(frame_idx, [])
            stored = {(m.track_id, m.rle): m.provenance for m in here}
            human = any(m.provenance is Provenance.HUMAN for m in here)
            for mask in expected:
                same = stored.get((mask.track_id, mask.rle)) is Provenance.ACCEPTED
                kept, replaced, lost = kept + same, replaced + (human and not same), lost + (not human and not same)
    text = f"round {newest} delivers {kept} of its masks as they were; people labelled {replaced} of them since"
    if lost:
        text += f"; {lost} are not there (a round that was under way when it was made, or an empty frame by a person)"
    yield Finding(True if not lost else None, text)


def _not_covered(ledger: Ledger, certificate: Certificate) -> Iterator[Finding]:
    later = [v.name for v in ledger.videos() if str(v.video_id) not in certificate.delivered]
    if later:
        yield Finding(None, f"it does not cover {', '.join(later)}, which it does not know")
    yield from (Finding(None, text) for text in certificate.not_covered)


def in_words(accepted: tuple[Accepted, ...], kind: str) -> str:
    """Return what is accepted, as people read it."""
    if not accepted:
        return t("no {kind} are accepted", kind=t(kind))
    return "; ".join(_one_in_words(one, kind) for one in accepted)


def _one_in_words(one: Accepted, kind: str) -> str:
    counts = {"n": one.masks, "bad": one.failed, "all": one.audited}
    if kind != MASKS:
        return t(
            "at most {share} of {n} frames lack an object ({bad} of {all})", share=numeral(one.bound, ".1%"), **counts
        )
    return t(
        "{n} masks with confidence {confidence} or more, {bad} of {all} audited are bad"
        if one.category_id is None
        else "{n} masks with confidence {confidence} or more of category {category}, {bad} of {all} audited are bad",
        confidence=numeral(one.confidence, ".3f"),
        category=one.category_id,
        **counts,
    )
