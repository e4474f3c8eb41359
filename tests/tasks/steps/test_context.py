import pytest

from al_core.campaign.waiting import Until
from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.records import CategoryTag, LabelRequest
from al_core.settings import Settings
from tasks.steps.context import Collected, RoundContext, Trained, settle, verdict_of
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    """A ledger whose first round asks for four frames and goes on when half of them are answered."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.begin_round(Settings().changed({"schedule.answered_share": 0.5}))
        ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (2, 5, 8, 11)])
        yield ledger


@pytest.mark.parametrize(("answered", "expected"), [(1, Until.ANSWERED), (2, Until.NOTHING)])
def test_the_share_in_the_settings_of_the_round_decides(ledger, answered, expected):
    for i, request in enumerate(ledger.requests(1)[:answered]):
        ledger.put_answer(mask_answer(request, f"a{i}"))
    this = ledger.last_round()
    assert verdict_of(ledger, this).until is expected
    assert len(ledger.requests(1, "open")) == 4 - answered, "looking withdraws nothing"
    assert settle(ledger, this).until is expected
    assert len(ledger.requests(1, "open")) == (3 if expected is Until.ANSWERED else 0)


def test_a_frame_in_hand_is_waited_for(ledger):
    ledger.add_annotator("ann", Role.ANNOTATOR)
    task = ledger.claim("ann", 100.0)
    for i, request in enumerate(ledger.requests(1)[2:]):
        ledger.put_answer(mask_answer(request, f"a{i}"))
    assert settle(ledger, ledger.last_round()).until is Until.PUT_DOWN
    ledger.release(task.question.request.request_id, "ann", task.lease)
    assert settle(ledger, ledger.last_round()).until is Until.NOTHING


class TestRoundContext:
    @pytest.fixture
    def context(self, tmp_path):
        """The second round of a project; people labelled a frame in the first one and another since."""
        ledger = ledger_with_clip(tmp_path)
        for round_id, seed in ((1, 7), (2, 8)):
            ledger.begin_round(Settings().changed({"seed": seed, "frames.working_long_side": 2}))
            request = LabelRequest.of(round_id, chosen(round_id))
            ledger.put_requests([request])
            ledger.put_answer(mask_answer(request, f"a{round_id}"))
            if round_id == 1:
                ledger.finish_round(1, None)
        return RoundContext(Project.at(tmp_path), ledger, 2)

    def test_each_round_has_its_own_settings(self, context):
        assert context.settings.seed == 8
        assert context.of_round(1).settings.seed == 7

    def test_frames_have_the_size_that_the_round_works_on(self, context):
        assert context.frames.size(1) == (2, 2)
        assert context.frames is context.frames

    def test_what_is_known_before_and_what_was_collected(self, context):
        ledger = context.ledger
        ledger.begin_step(2, "collect", "0" * 64)
        as_of = ledger.newest_answer_at(2).isoformat()
        ledger.finish_step(2, "collect", Collected(as_of=as_of).to_json(), 1.0)
        late = LabelRequest.of(2, chosen(9, 1))
        ledger.put_requests([late])
        ledger.put_answer(mask_answer(late, "late"))
        assert [label.frame.frame_idx for label in context.labels_before] == [1]
        assert [label.frame.frame_idx for label in context.labels_collected] == [1, 2]

    def test_tags_count_that_were_there_when_the_answers_were_complete(self, context):
        ledger = context.ledger
        early, late = CategoryTag(1, 3, 5, 1, False), CategoryTag(1, 6, 8, 1, False)
        ledger.put_category_tags([early], "ann")
        ledger.begin_step(2, "collect", "0" * 64)
        tagged = ledger.newest_tag_at().isoformat()
        ledger.finish_step(2, "collect", Collected(tagged=tagged).to_json(), 1.0)
        ledger.put_category_tags([late], "ann")
        assert context.tags == {1: (early,)}
        assert ledger.category_tags() == {1: (CategoryTag(1, 3, 8, 1, False),)}

    def test_a_step_that_is_not_finished_has_no_result(self, context):
        context.ledger.begin_step(2, "train", "0" * 64)
        assert context.result(Trained) is None
        with pytest.raises(ValueError, match="step 'train' of round 2 is not finished"):
            context.required(Trained)
        context.ledger.finish_step(2, "train", Trained("s.pth", "1" * 64).to_json(), 1.0)
        assert context.required(Trained) == context.result(Trained) == Trained("s.pth", "1" * 64)
