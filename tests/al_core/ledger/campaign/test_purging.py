"""A video of which nothing stays."""

import pytest

from al_core.errors import NotReady, UnknownName
from al_core.ledger.campaign.purging import _tables
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from tests.toys.ledgers import asked, clip, ledger_with_clip, mask_answer, square, times_us


@pytest.fixture
def ledger(tmp_path):
    """A clip that somebody labelled and that was delivered, and another one."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        truth = [FrameLabel(FrameRef(0, 0), (MaskLabel(1, 1, square()),))]
        ledger.add_video(clip("other"), times_us(), truth)
        ledger.begin_round(Settings())
        ledger.add_annotator("ann")
        asked(ledger, 3)
        task = ledger.claim("ann", 100.0)
        ledger.submit(mask_answer(task.question.request), task.lease, 0)
        ledger.begin_step(1, "predict", "x")
        ledger.finish_step(1, "predict", {"hashes": {"1": "a", "2": "b"}}, 1.0)
        ledger.begin_step(1, "select", "x")
        ledger.finish_step(1, "select", {"frames": [[1, 3], [2, 4]]}, 1.0)
        ledger.put_delivered(1, 1, "rounds/0001/delivered/00001.parquet", 3, [])
        yield ledger


def rows_about(ledger, video_id):
    """Number of rows that name a video."""
    with ledger._connector.session() as connection:
        tables = _tables(connection)
        return sum(
            connection.execute(f"SELECT count(*) FROM {t} WHERE video_id = {video_id}").fetchone()[0] for t in tables
        )


def test_no_row_is_left_and_other_videos_keep_theirs(ledger):
    ledger.finish_round(1, "")
    others = rows_about(ledger, 2)
    gone = ledger.purge_video("clip", "lea")
    assert (gone.paths, gone.rows["answer"], gone.rows["truth"]) == (("rounds/0001/delivered/00001.parquet",), 1, 12)
    assert rows_about(ledger, 1) == 0
    assert rows_about(ledger, 2) == others
    assert [v.name for v in ledger.videos()] == ["other"]
    assert ledger._rows("SELECT count(*) FROM lease") == [(0,)]
    assert next((e.action, e.subject) for e in ledger.audit_log(10)) == ("purge", "video 1")
    assert not [e for e in ledger.audit_log(100) if "r0001-v00001" in e.subject or e.subject == "clip"]


def test_results_of_steps_forget_it(ledger):
    ledger.finish_round(1, "")
    ledger.purge_video("clip", "lea")
    assert ledger.step(1, "predict").result == {"hashes": {"2": "b"}}
    assert ledger.step(1, "select").result == {"frames": [[2, 4]]}


def test_its_number_is_not_given_again(ledger):
    ledger.finish_round(1, "")
    for name in ("clip", "other"):
        ledger.purge_video(name, "lea")
    assert ledger.add_video(clip("third"), times_us()).video_id == 3


def test_not_while_a_round_is_under_way(ledger):
    with pytest.raises(NotReady, match="round 1 is under way and may have begun with 'clip': exclude the video now"):
        ledger.purge_video("clip", "lea")
    assert rows_about(ledger, 1)


def test_a_name_that_is_not_there(ledger):
    with pytest.raises(UnknownName, match="known: clip, other"):
        ledger.traces("clap")
