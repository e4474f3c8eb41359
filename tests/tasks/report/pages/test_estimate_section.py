"""What audits say, as tiles and as a section of the page."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.audit.audit_records import Grade
from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.target_forecast import CurvePoint, ForecastScore, TargetForecast
from al_core.settings import StoppingSettings
from tasks.auditing.target_outlook import TargetOutlook
from tasks.report.content import gather_rounds
from tasks.report.pages.document import Charts
from tasks.report.pages.estimate_section import estimates, good_tile, quality_tiles, target_tile
from tests.toys.audits.answering import drawn, say
from tests.toys.labelled_project import finished_project


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A project without truth whose second round is audited, before and after people answer."""
    project, ledger, _ = finished_project(tmp_path_factory.mktemp("audited"), quality=None)
    unasked = gather_rounds(project, ledger)
    sample = drawn(project, ledger, blind=1)
    before = gather_rounds(project, ledger)
    for number, unit in enumerate(u for u in sample.units if not u.pair):
        say(ledger, sample, unit, good=number != 1)
    return unasked, before, gather_rounds(project, ledger), sample


def test_the_tile_says_how_many_masks_are_good_or_how_far_the_audit_is(audited):
    unasked, before, after, sample = audited
    assert good_tile(unasked) == ("Estimated good", "–", "no audit yet")
    assert good_tile(before)[1] == "–"
    assert good_tile(before)[2].startswith("0 of ")
    _, value, more = good_tile(after)
    n = len(sample.of(Grade.JUDGED))
    assert value == f"{100 * (n - 1) / n:.0f} %"
    assert f"judged on {n} masks, IoU 0.75, round 2" in more


def test_quality_is_told_where_there_is_no_truth(audited):
    unasked, _, after, _ = audited
    assert quality_tiles(unasked) == []
    assert [name for name, _, _ in quality_tiles(after)] == ["J&F, estimated", "Missed per 100 frames"]


def test_the_section_has_a_row_for_each_video_category_and_provenance(audited):
    html = str(estimates(audited[2], Charts()))
    for name in ("everything", "video clip", "category square", "provenance propagated"):
        assert f">{name}<" in html
    assert "Nothing is estimated yet" in str(estimates(audited[0], Charts()))


def test_the_forecast_of_the_target_and_how_forecasts_fared_are_shown(audited):
    stopping = StoppingSettings(target_quality=0.8)
    point = CurvePoint(2, 160.0, 0.9, 0.8, 0.95, 0.78)
    left = TargetForecast(2, 0.91, Estimate(1200.0, 300.0, np.inf))
    scores = (ForecastScore(2, Estimate(0.85, 0.8, 0.9), 0.95),)
    found = TargetOutlook(stopping, (point,), None, left, scores, 80.0)
    content = replace(audited[2], target=found)
    assert target_tile(content) == [("Target in", "20.0 min", "of labelling: 5.0 min to never")]
    html = str(estimates(content, Charts()))
    assert "expected to be met after about 20.0 min more of labelling" in html
    assert "0.850 (0.800 to 0.900)" in html
    assert ">missed<" in html
    met = replace(found, forecast=replace(left, to_target=Estimate(0.0, 0.0, 0.0)))
    assert target_tile(replace(content, target=met))[0][:2] == ("Target", "met")
    assert target_tile(audited[2]) == []
