"""What audits say, as tiles and as a section of the page."""

import pytest

from al_core.audit.audit_records import Grade
from tasks.report.content import gather_rounds
from tasks.report.pages.document import Charts
from tasks.report.pages.estimate_section import estimates, good_tile, quality_tiles
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
