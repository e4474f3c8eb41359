from datetime import datetime, timedelta

import pytest

from al_core.campaign.waiting import Until, Waiting, deadline, judge
from al_core.settings import ScheduleSettings

ASKED = datetime(2026, 1, 5, 9)
GRACE = 300.0


def after(hours, answered, still_open, in_hand=0):
    """How far the answers are some hours after a round asked."""
    return Waiting(answered, still_open, in_hand, ASKED, ASKED + timedelta(hours=hours))


def until(waiting, **settings):
    """What a round waits for."""
    return judge(ScheduleSettings(**settings), waiting, GRACE).until


def test_a_round_waits_for_the_last_answer_and_no_longer():
    assert until(after(1000, 4, 1)) is Until.ANSWERED
    assert until(after(0, 5, 0)) is Until.NOTHING


@pytest.mark.parametrize(
    ("answered", "still_open", "share", "expected"),
    [
        (3, 2, 0.8, Until.ANSWERED),
        (4, 1, 0.8, Until.NOTHING),
        (55, 45, 0.55, Until.NOTHING),
        (54, 46, 0.55, Until.ANSWERED),
        (1, 9, 0.01, Until.NOTHING),
        (0, 10, 0.01, Until.ANSWERED),
    ],
)
def test_a_share_of_the_answers_is_enough(answered, still_open, share, expected):
    assert until(after(0, answered, still_open), answered_share=share) is expected


def test_the_deadline_counts_from_when_people_were_asked():
    assert until(after(7.99, 1, 4), deadline_hours=8) is Until.ANSWERED
    assert until(after(8, 1, 4), deadline_hours=8) is Until.NOTHING
    assert deadline(ScheduleSettings(deadline_hours=8), after(0, 1, 4)) == ASKED + timedelta(hours=8)


def test_without_a_single_answer_there_is_nothing_to_go_on_with():
    verdict = judge(ScheduleSettings(deadline_hours=8), after(9, 0, 5), GRACE)
    assert verdict.until is Until.ANSWERED
    assert verdict.reason == "none of 5 requests is answered, although the deadline of 8 h has passed"


def test_who_has_a_frame_in_hand_may_finish_it():
    assert until(after(1, 4, 1, in_hand=1), answered_share=0.8) is Until.PUT_DOWN
    assert until(after(8, 1, 4, in_hand=1), deadline_hours=8) is Until.PUT_DOWN


def test_after_the_deadline_nobody_holds_a_round_up_for_longer_than_the_grace():
    assert until(after(8 + 299 / 3600, 1, 4, in_hand=1), deadline_hours=8) is Until.PUT_DOWN
    assert until(after(8 + 301 / 3600, 1, 4, in_hand=1), deadline_hours=8) is Until.NOTHING


def test_a_round_that_has_not_asked_has_no_deadline():
    before = Waiting(1, 4, 0, None, ASKED)
    assert deadline(ScheduleSettings(deadline_hours=8), before) is None
    assert until(before, deadline_hours=8) is Until.ANSWERED


def test_a_clock_that_was_put_back_ends_nothing_early():
    assert until(after(-5, 1, 4), deadline_hours=8) is Until.ANSWERED


def test_the_reason_has_the_numbers():
    share = judge(ScheduleSettings(answered_share=0.8), after(0, 4, 1), GRACE)
    assert share.reason == "4 of 5 requests are answered, enough for a share of 0.8"
    late = judge(ScheduleSettings(deadline_hours=8), after(9, 1, 4), GRACE)
    assert late.reason == "the deadline of 8 h has passed, 1 of 5 requests are answered"


def test_a_round_waits_for_approvals_too():
    held_back = Waiting(3, 0, 0, ASKED, ASKED, 2)
    verdict = judge(ScheduleSettings(), held_back, GRACE)
    assert verdict.until is Until.ANSWERED
    assert verdict.reason == "3 of 5 requests are answered and approved, 2 more wait for a reviewer"
    assert until(held_back, answered_share=0.6) is Until.NOTHING
    none = judge(ScheduleSettings(), Waiting(0, 1, 0, ASKED, ASKED, 2), GRACE)
    assert none.reason == "none of 3 requests is answered and approved, 2 wait for a reviewer"
