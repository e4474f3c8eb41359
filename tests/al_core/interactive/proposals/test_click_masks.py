from al_core.evaluation.metrics import j_and_f
from al_core.interactive import Click
from al_core.interactive.proposals.click_masks import from_nothing
from tests.al_core.interactive.figure import IMAGE, TRUTH


def test_each_way_finds_a_figure_that_is_plain_to_see():
    found = from_nothing(IMAGE, [Click(30, 40, True)])
    assert len(found) == 3
    assert all(mask.shape == TRUTH.shape for mask in found)
    assert max(j_and_f(mask, TRUTH).j for mask in found) > 0.95


def test_each_way_keeps_to_what_is_clicked():
    clicks = [Click(30, 40, True), Click(5, 5, False), Click(30, 17, True)]
    for mask in from_nothing(IMAGE, clicks):
        assert not mask[5, 5]
