"""An audit on the page: people judge masks, look for what is missing, and draw from nothing."""

import pytest

from al_core.audit.audit_records import Grade
from al_core.ledger.labelling.leases import Purpose
from al_core.project import Project
from al_core.records import LabelKind
from tasks.auditing.samples import answers_of
from tests.toys.audits.answering import drawn
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import Person, waiting_round

pytestmark = needs_chromium


class Audited:
    """Bo, who is asked about what round 1 delivered and about nothing else."""

    def __init__(self, ledger, running, **wanted):
        self.ledger, self.project = ledger[0], Project.at(ledger[0].path.parent)
        self.ledger.replace_requests(2)
        self.sample = drawn(self.project, self.ledger, 1, **wanted)
        self.bo = Person(running, f"{ledger[1]}/enter#{self.ledger.add_annotator('Bo')}")
        self.task = self.bo.task()

    def sent(self):
        """Bo has answered; returns that answer."""
        done = self.task["request_id"]
        self.bo.page.wait_for_function(f"() => fewframes.work.task?.request_id !== '{done}' && !fewframes.work.sending")
        return self.ledger.answers_given(purpose=Purpose.AUDIT)[-1].answer

    @property
    def said(self):
        """What Bo's answers say of the sample."""
        return list(answers_of(self.project, self.ledger, self.sample).values())


@pytest.fixture
def ledger(tmp_path):
    """The ledger of a project that is served; it knows its address."""
    with waiting_round(tmp_path) as found:
        yield found


@pytest.fixture
def audited(ledger, running):
    """Draws an audit and puts it before Bo."""
    found = []

    def ask(**wanted):
        found.append(Audited(ledger, running, **wanted))
        return found[-1]

    yield ask
    for each in found:
        each.bo.context.close()


def test_a_mask_is_judged_by_itself_beside_examples_and_nothing_can_be_drawn(audited):
    case = audited(judged=1, blind=0, frames=0)
    page, task = case.bo.page, case.task
    assert task["audit"] == {"grade": "judged", "track_id": 1, "iou": 0.75}
    assert [mask["track_id"] for mask in task["masks"]] == [1]
    assert page.inner_text("#audit-text").startswith("Is the mask of square 1 good enough?")
    page.wait_for_selector("#audit-examples:not([hidden])")
    width = page.evaluate("() => document.querySelector('#audit-examples img').naturalWidth")
    assert width >= 132
    assert page.is_hidden("#accept")
    page.keyboard.press("b")
    case.bo.drag((20, 4), (26, 4))
    assert page.evaluate("() => fewframes.drawing().done.length") == 0
    page.keyboard.press("Enter")
    answer = case.sent()
    assert (answer.kind, answer.label.complete, answer.label.masks) == (LabelKind.ACCEPT, False, ())
    assert [said.good for said in case.said] == [True]


def test_a_no_says_that_the_mask_is_not_good_enough(audited):
    case = audited(judged=1, blind=0, frames=0)
    case.bo.page.click("#audit-no")
    assert case.sent().kind is LabelKind.REJECT
    assert [said.good for said in case.said] == [False]


def test_objects_without_a_mask_are_pointed_at(audited):
    case = audited(judged=0, blind=0, frames=1)
    page = case.bo.page
    assert page.inner_text("#audit-yes span") == "All have a mask"
    assert page.is_hidden("#audit-no")
    page.keyboard.press("Shift+n")
    assert "Click on each object" in page.inner_text("#note")
    for point in ((28, 3), (28, 20), (3, 20)):
        page.mouse.click(*case.bo.pixel(*point)[0])
    assert page.inner_text("#audit-yes span") == "3 objects have no mask"
    page.keyboard.press("z")
    page.keyboard.press("Enter")
    answer = case.sent()
    assert [g.tool for g in answer.gestures] == ["missing", "missing"]
    assert answer.gestures[0].points[0] == pytest.approx((28, 3), abs=1)
    assert [said.missed for said in case.said] == [2]


def test_a_frame_in_which_all_have_a_mask_takes_one_key(audited):
    case = audited(judged=0, blind=0, frames=1)
    case.bo.page.keyboard.press("Enter")
    assert case.sent().kind is LabelKind.ACCEPT
    assert [said.missed for said in case.said] == [0]


def test_what_is_drawn_blind_shows_no_mask_and_is_judged_only_afterwards(audited):
    case = audited(judged=0, blind=1, frames=0)
    bo, task = case.bo, case.task
    assert (task["audit"]["grade"], task["blind"], task["masks"]) == ("measured", True, [])
    assert bo.page.is_hidden("#audit")
    index = task["frame"]["frame_idx"]
    bo.page.keyboard.press("r")
    bo.drag((4 + 2 * index, 8), (11 + 2 * index, 15))
    bo.page.wait_for_function("() => !fewframes.editor.busy && fewframes.drawing().done.length")
    bo.page.keyboard.press("Enter")
    assert case.sent().label.complete
    later = bo.task()
    assert (later["audit"]["grade"], later["frame"]["frame_idx"]) == ("judged", index)
    assert len(later["masks"]) == 1
    (said,) = case.said
    assert said.key.grade is Grade.MEASURED
    assert said.j > 0


def test_several_masks_are_judged_together(audited):
    case = audited(judged=4, blind=0, frames=0)
    page = case.bo.page
    page.wait_for_selector("#looks:not([hidden]) li:nth-child(4)")
    assert page.inner_text("#looks-audit").startswith("Is each mask good enough?")
    assert "at least 0.75" in page.inner_text("#looks-audit")
    assert page.is_hidden("#looks-round")
    page.wait_for_selector("#looks-examples:not([hidden])")
    assert page.inner_text("#looks-examples").startswith("These are just good enough")
    page.keyboard.press("Enter")
    assert page.inner_text("#note").startswith("Nothing is judged yet.")
    for key in ("1", "2", "2", "a", "Enter"):
        page.keyboard.press(key)
    page.wait_for_function("() => !fewframes.looks.isOpen && !fewframes.work.sending")
    page.wait_for_function("() => document.getElementById('app').dataset.state === 'empty'")
    assert sorted(said.good for said in case.said) == [False, True, True, True]
    given = [g.answer for g in case.ledger.answers_given(purpose=Purpose.AUDIT)]
    assert {answer.label.complete for answer in given} == {False}
    assert all(answer.label.masks == () for answer in given)
