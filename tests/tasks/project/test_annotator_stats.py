from dataclasses import replace

import pytest

from al_core.audit.audit_records import AuditAnswer, AuditUnit, Grade, JudgeQuality
from al_core.errors import BadLabel
from al_core.ledger.labelling.people import Role
from al_core.ledger.labelling.queue import Purpose
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest
from tasks.project.annotator_stats import ask_again, person_rows
from tasks.report.pages import sections
from tests.toys.audits.deliveries import small_sample
from tests.toys.web.desk import desk, selected, square


def give(office, name, masks, kind=LabelKind.MASK, seconds=10.0):
    """Somebody answers the next request."""
    task = office.ledger.claim(name, 300)
    request = task.question.request
    answer = Answer(f"{name}-{task.lease}", request.request_id, FrameLabel(request.frame, masks), kind, seconds, name)
    office.ledger.submit(answer, task.lease, task.base_revision)


@pytest.fixture
def office(tmp_path):
    with desk(tmp_path) as found:
        yield found


def rows_of(office):
    return {row.name: row for row in person_rows(office.project, office.ledger)}


def test_nobody_is_nobody(office):
    assert person_rows(office.project, office.ledger) == []


def test_frames_seconds_and_what_was_accepted(office):
    office.ledger.add_annotator("ada")
    office.ledger.add_annotator("bo", Role.LEAD)
    office.ask(3, 1, 5)
    give(office, "ada", (square(3),), LabelKind.ACCEPT, 2.0)
    give(office, "ada", (square(2),), seconds=14.0)
    give(office, "ada", (), LabelKind.ABSENT, 3.0)
    rows = rows_of(office)
    ada = rows["ada"]
    assert (ada.frames, ada.human_seconds) == (3, 19.0)
    assert ada.seconds == {LabelKind.MASK: 14.0, LabelKind.ACCEPT: 2.0, LabelKind.ABSENT: 3.0}
    assert ada.accepted == pytest.approx(1 / 3)
    assert ada.would_fit is ada.agreement_j is ada.known_j is None
    assert (rows["bo"].frames, rows["bo"].accepted, rows["bo"].role) == (0, None, Role.LEAD)


def test_blind_frames_tell_what_would_have_fitted(tmp_path):
    with desk(tmp_path, blind_share=1.0) as office:
        office.ledger.add_annotator("ada")
        office.ask(3, 1)
        give(office, "ada", (square(3),))
        give(office, "ada", (square(4),))
        ada = rows_of(office)["ada"]
        assert (ada.accepted, ada.would_fit) == (None, 0.5)


def test_two_answers_to_one_request_are_compared_for_both(office):
    for name in ("ada", "bo"):
        office.ledger.add_annotator(name)
    (request,) = office.ask(3)
    check = LabelRequest(f"{request.request_id}-second", 2, request.frame, 0, request.reason)
    office.ledger.put_checks([check], Purpose.AGREEMENT, [request.request_id])
    give(office, "ada", (square(3),))
    give(office, "bo", (square(3), square(0, track_id=2)))
    rows = rows_of(office)
    assert rows["ada"].agreement_j == rows["bo"].agreement_j == pytest.approx(0.5)
    assert [rows[name].frames for name in ("ada", "bo")] == [1, 0]


def test_a_frame_that_is_asked_again_measures_who_answers_then(office):
    for name in ("ada", "bo"):
        office.ledger.add_annotator(name)
    (old,) = office.ask(3)
    give(office, "ada", (square(3),))
    check = LabelRequest.of(3, selected(3))
    office.ledger.put_checks([check], Purpose.KNOWN_TRUTH, [old.request_id])
    give(office, "bo", (square(3),))
    rows = rows_of(office)
    assert (rows["ada"].known_j, rows["bo"].known_j) == (None, 1.0)


def test_a_label_that_is_doubted_is_drawn_again_from_nothing(office):
    for name in ("ada", "bo"):
        office.ledger.add_annotator(name)
    office.ask(3)
    give(office, "ada", (square(3),), LabelKind.ACCEPT)
    assert [ask_again(office.ledger, "clip", [3]) for _ in range(2)] == [1, 0]
    assert office.ledger.claim("ada", 300) is None
    task = office.person("cyd").post("/api/next").json()
    assert (task["blind"], task["masks"]) == (True, [])
    give(office, "cyd", (square(3), square(0, track_id=2)))
    rows = rows_of(office)
    assert rows["ada"].agreement_j == rows["cyd"].agreement_j == pytest.approx(0.5)
    assert (rows["cyd"].frames, rows["cyd"].accepted, rows["cyd"].would_fit) == (0, None, 0.0)
    (label,) = office.ledger.human_labels()
    assert label.masks == (square(3),)


def test_only_labelled_frames_are_asked_again(office):
    office.ask(3)
    with pytest.raises(BadLabel, match=r"nobody labelled the frames \[3\]"):
        ask_again(office.ledger, "clip", [3])


def test_the_pages_have_a_section_of_people(office):
    assert "Nobody has access yet" in sections.people([])
    office.ledger.add_annotator("ada")
    assert "<td>ada</td>" in sections.people(person_rows(office.project, office.ledger)).replace(' class="text"', "")


def test_reviews_count_for_who_answered_and_who_reviewed(tmp_path):
    with desk(tmp_path, review="after") as office:
        for name, role in (("ada", Role.ANNOTATOR), ("rae", Role.REVIEWER)):
            office.ledger.add_annotator(name, role)
        first, second = office.ask(3, 1)
        give(office, "ada", (square(3),))
        give(office, "ada", (square(1),))
        office.ledger.approve("v1", first.request_id, "rae", None, 1, 4.0)
        office.ledger.return_answer("v2", second.request_id, "rae", None, 1, 8.0, "look again")
        rows = rows_of(office)
    assert (rows["ada"].reviewed, rows["ada"].returned, rows["ada"].reviews) == (2, 1, 0)
    assert (rows["rae"].reviews, rows["rae"].review_seconds, rows["rae"].human_seconds) == (2, 6.0, 12.0)


def test_judgements_of_audits_are_measured_on_masks_that_were_drawn_blind(office):
    office.ledger.add_annotator("ada")
    office.ask(3)
    frames = [FrameRef(1, 2), FrameRef(1, 4), FrameRef(1, 5)]
    units = [AuditUnit(frame, 1, grade, 0.5, pair=grade is Grade.JUDGED) for frame in frames for grade in Grade]
    office.ledger.put_audit_sample(replace(small_sample(), units=tuple(units)))
    said = [
        AuditAnswer(u.key, "bo", f"b{i}", j=0.9 if i < 2 else 0.2)
        if u.grade is Grade.MEASURED
        else AuditAnswer(u.key, "ada", f"a{i}", good=True)
        for i, u in enumerate(units)
    ]
    office.ledger.put_audit_answers(1, said)
    assert rows_of(office)["ada"].judge == JudgeQuality("ada", 2, 2, 1, 0)
