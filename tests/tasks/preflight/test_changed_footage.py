import os

import pytest

from al_core.errors import BadVideo
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameRef
from tasks.preflight.changed_footage import check_footage
from tasks.project.ingest import ingest_paths, open_last_frames
from tests.toys.footage.clips import write_clip, write_frames

LATER = 4_000_000_000


@pytest.fixture
def ledger(tmp_path):
    """A file and a folder of frames are taken in."""
    write_clip(tmp_path / "clip.mp4")
    write_frames(tmp_path / "walk")
    made = Ledger(tmp_path / "ledger.duckdb")
    assert not ingest_paths(made, [tmp_path / "clip.mp4", tmp_path / "walk"]).failed
    return made


def test_footage_that_was_only_touched_is_fine(ledger, tmp_path):
    check_footage(Project.at(tmp_path), ledger)
    for file in (tmp_path / "clip.mp4", *(tmp_path / "walk").iterdir()):
        os.utime(file, (LATER, LATER))
    check_footage(Project.at(tmp_path), ledger)


def test_a_file_with_other_pictures_is_refused_until_it_is_put_back_or_excluded(ledger, tmp_path):
    clip = tmp_path / "clip.mp4"
    before = clip.read_bytes()
    write_clip(clip, 11)
    os.utime(clip, (LATER, LATER))
    with pytest.raises(BadVideo, match=r"clip.mp4: was changed since the video 'clip' was taken in"):
        check_footage(Project.at(tmp_path), ledger)
    clip.write_bytes(before)
    check_footage(Project.at(tmp_path), ledger)


def test_one_changed_frame_is_seen_and_an_excluded_video_may_change(ledger, tmp_path):
    frame = sorted((tmp_path / "walk").iterdir())[1]
    frame.write_bytes(frame.read_bytes() + b"more")
    os.utime(frame, (LATER, LATER))
    with pytest.raises(BadVideo, match="the video 'walk'"):
        check_footage(Project.at(tmp_path), ledger)
    ledger.exclude_video(2, "lead")
    check_footage(Project.at(tmp_path), ledger)


def test_footage_that_is_gone_is_told_by_whoever_reads_it(ledger, tmp_path):
    (tmp_path / "clip.mp4").unlink()
    check_footage(Project.at(tmp_path), ledger)


def test_an_older_file_that_takes_the_place_of_footage_is_seen(ledger, tmp_path):
    other = write_clip(tmp_path / "other.mp4", 11)
    os.utime(other, (1, 1))
    other.replace(tmp_path / "clip.mp4")
    with pytest.raises(BadVideo, match="the video 'clip'"):
        check_footage(Project.at(tmp_path), ledger)


def test_frames_of_changed_footage_are_not_shown_to_people(ledger, tmp_path):
    store = open_last_frames(Project.at(tmp_path), ledger)
    clip = FrameRef(ledger.videos()[0].video_id, 3)
    before = store.read(clip), store.read_full(clip)
    write_clip(tmp_path / "clip.mp4", codec="mpeg4")
    with pytest.raises(BadVideo, match="the video 'clip'"):
        store.read_full(clip)
    assert (store.read(clip) == before[0]).all()  # It was kept, and shows what the labels are of.
