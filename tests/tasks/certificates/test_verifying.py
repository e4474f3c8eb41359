"""A certificate is recomputed from the ledger; whoever cheats is refused or told."""

import json
from dataclasses import replace

import pytest

from al_core.audit.audit_records import AuditAnswer, Certificate, Grade
from al_core.export.contents import ExportOptions
from al_core.records import Provenance
from al_core.settings import Settings
from al_core.stores.delivered import read_delivered
from tasks.certificates.drawing_audits import draw_audit
from tasks.certificates.frozen_masks import with_frozen
from tasks.certificates.issuing import Wish, issue
from tasks.certificates.verifying import verify
from tasks.project.export import export_project
from tasks.steps.context import RoundContext
from tests.toys.audits.audited_project import add_video, answer_all, deliver, label, masks_of
from tests.toys.labelled_project import step


@pytest.fixture
def certified(audited):
    """The project with a certificate; (project, ledger, frames, certificate)."""
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=200))
    return *audited, issue(project, ledger, Wish())


def failing(certified, certificate=None):
    return [f.text for f in verify(*certified[:2], certificate or certified[3]) if f.ok is False]


def told(certified):
    return [f.text for f in verify(*certified[:2], certified[3]) if f.ok is None]


def next_round(project, ledger, human=()):
    """Another round delivers other masks, with what is frozen in their place; returns what it delivers for video 1."""
    number = ledger.begin_round(Settings()).round_id
    if human:
        label(ledger, number, human[0])
    else:
        step(ledger, number, "collect", 0.1)
    context = RoundContext(project, ledger, number)
    said = {x.frame.frame_idx: x for x in ledger.human_labels(1)}
    for video in (1, 2):
        new = ([m.frame_idx, [m]] for m in masks_of(moved=1, human=(0, *human)))
        frames = with_frozen(map(tuple, new), context.frozen.of_video(video), said)
        deliver(project, ledger, number, video, [m for _, masks in frames for m in masks])
    ledger.finish_round(number, None)
    return dict(read_delivered(project.absolute(ledger.delivered_paths(number)[1])))


def test_it_is_recomputed(certified):
    assert failing(certified) == []
    assert any("they lead to it again" in f.text for f in verify(*certified[:2], certified[3]) if f.ok)


def test_a_certificate_of_another_project_or_a_changed_one_is_refused(certified):
    assert "has no certificate" in failing(certified, replace(certified[3], error=0.01))[0]


def test_later_rounds_deliver_the_same_bytes(certified):
    project, ledger, _, made = certified
    delivered = next_round(project, ledger)
    first = dict(read_delivered(project.absolute(ledger.delivered_paths(1)[1])))
    accepted = {i: masks for i, masks in delivered.items() if masks[0].provenance is Provenance.ACCEPTED}
    assert len(accepted) > 60
    assert all(masks[0].rle == first[i][0].rle for i, masks in accepted.items())
    assert delivered[1][0].rle != first[1][0].rle
    found = [f for f in verify(project, ledger, made) if "delivers" in f.text and "as they were" in f.text]
    assert found[0].ok


def test_a_person_who_corrects_an_accepted_mask_shows_up(certified):
    project, ledger, _, made = certified
    delivered = next_round(project, ledger, human=(100,))
    assert delivered[100][0].provenance is Provenance.HUMAN
    assert any("people labelled 2 of them since" in f.text for f in verify(project, ledger, made))


def test_an_answer_that_is_changed_afterwards_is_told(certified):
    _, ledger, _, _ = certified
    unit = ledger.audit_samples(1)[0].of(Grade.JUDGED)[-1]
    ledger.put_audit_answers(1, [AuditAnswer(unit.key, "eve", "changed", good=False)])
    assert any("1 answers were changed" in text for text in [*told(certified), *failing(certified)])
    assert not any("have the answers" in text for text in failing(certified))


def test_answers_that_undo_it_make_it_fail(certified):
    _, ledger, _, _ = certified
    answer_all(ledger, ledger.audit_samples(1)[0], number=2, wrong=lambda unit: unit.confidence > 0.8)
    assert any("with them it would be" in text for text in failing(certified))


def test_a_video_that_is_added_is_told(certified, tmp_path):
    add_video(certified[1], tmp_path / "more", "three")
    assert any("does not cover three" in text for text in told(certified))


def test_a_delivery_that_was_changed_fails(certified):
    project, ledger, _, _ = certified
    deliver(project, ledger, 1, 2, list(masks_of(moved=2)))
    assert any("was changed" in text for text in failing(certified))


def test_exports_carry_certificates(certified, tmp_path):
    project, ledger, frames, made = certified
    only = ExportOptions(frozenset({Provenance.HUMAN, Provenance.ACCEPTED}), images=False)
    report = export_project(project, ledger, frames, "coco", tmp_path / "out", only)
    assert set(report.masks_by_provenance) == {"human", "accepted"}
    assert report.masks_by_provenance["accepted"] == made.accepted[0].masks - len(made.excluded)
    assert any(made.certificate_id in note and "certificates.json" in note for note in report.notes)
    info = json.loads((tmp_path / "out" / "annotations.json").read_text())["info"]
    assert [Certificate.from_json(c) for c in info["certificates"]] == [made]
    assert json.loads((tmp_path / "out" / "certificates.json").read_text()) == info["certificates"]
    report = export_project(project, ledger, frames, "coco", tmp_path / "all", ExportOptions(images=False))
    assert set(report.masks_by_provenance) == {"human", "accepted", "propagated"}
