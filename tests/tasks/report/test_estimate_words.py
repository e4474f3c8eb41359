"""Estimates in words."""

from dataclasses import replace

from al_core.audit.audit_records import Grade, QualityEstimate
from tasks.auditing.round_estimates import RoundEstimates
from tasks.report.estimate_words import in_words, newest, rests_on, scope_name, value_of, with_span

GOOD = QualityEstimate("good", 0.9, 0.81, 0.954, Grade.JUDGED, 60, 71.0, 900)
JF = QualityEstimate("jf", 0.812, 0.7, 0.9, Grade.MEASURED, 8, 8.0, 900)
MISSED = QualityEstimate("missed", 5.0, 0.13, 24.9, Grade.JUDGED, 20, 20.0, 300)
FOUND = RoundEstimates(2, 0.75, 88, 88, (GOOD, JF, MISSED))


def test_each_figure_has_its_interval_and_says_what_it_rests_on():
    assert with_span(GOOD) == "90 % (81 % to 95 %)"
    assert with_span(JF) == "0.812 (0.700 to 0.900)"
    assert with_span(MISSED) == "5.0 (0.1 to 24.9)"
    assert with_span(None) == value_of(None) == "–"
    assert rests_on(GOOD) == "judged on 60 masks"
    assert rests_on(JF) == "measured on 8 masks drawn from nothing"
    assert rests_on(MISSED) == "judged on 20 frames"


def test_a_round_in_a_sentence():
    assert in_words(FOUND) == (
        "Estimated of what round 2 delivered: 90 % of the masks are good (81 % to 95 %, judged on 60 masks); J&F 0.812 "
        "(0.700 to 0.900, measured on 8 masks drawn from nothing); 5.0 objects missed per 100 frames (0.1 to 24.9, "
        "judged on 20 frames). Good means an IoU of at least 0.75; intervals are of 95 %."
    )


def test_the_newest_is_the_last_of_which_something_is_known():
    unknown = replace(FOUND, round_id=3, answered=0, figures=())
    assert newest([FOUND, unknown]) == FOUND
    assert newest([unknown]) is None


def test_scopes_are_called_by_names():
    assert scope_name("video 3", {3: "dog"}, {}) == "video dog"
    assert scope_name("category 1", {}, {1: "cat"}) == "category cat"
    assert scope_name("all", {}, {}) == "everything"
    assert scope_name("provenance teacher", {}, {}) == "provenance teacher"
