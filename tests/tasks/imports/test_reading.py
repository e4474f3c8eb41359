"""Files that are read together."""

import pytest

from al_core.exchange.frame_names import Matcher
from al_core.exchange.readers.detection import label_sources
from al_core.records import FrameRef
from tasks.imports.reading import read_all, some
from tests.toys.labelled_project import coco_file, new_project


@pytest.fixture
def matcher(tmp_path):
    ledger = new_project(tmp_path)[1]
    return Matcher(ledger.videos(), lambda video: ledger.frame_times_us(video).tolist())


def test_frames_of_all_files_and_how_far_it_is(matcher, tmp_path):
    told = []
    files = [coco_file(tmp_path, [0], "a.json"), coco_file(tmp_path, [0, 3], "b.json")]
    read = read_all(label_sources(files), matcher, told.append)
    assert sorted(read.frames) == [FrameRef(1, 0), FrameRef(1, 3)]
    assert read.files == ["a.json", "b.json"]
    assert (read.faults, read.notes) == ([], [])
    done = [progress.done for progress in told]
    assert done == sorted(done)
    assert (done[0], done[-1], told[-1].total) == (0, 200, 200)


def test_a_file_that_cannot_be_used_leaves_the_others(matcher, tmp_path):
    (tmp_path / "bad.json").write_text('{"images": [], "annotations": []}')
    read = read_all(label_sources([tmp_path / "bad.json", coco_file(tmp_path, [0])]), matcher)
    assert read.faults == ["bad.json: it lists no images"]
    assert list(read.frames) == [FrameRef(1, 0)]


def test_a_frame_of_which_two_files_differ_is_left_out(matcher, tmp_path):
    files = [coco_file(tmp_path, [0, 1], "a.json"), coco_file(tmp_path, [0], "b.json", shift=1)]
    read = read_all(label_sources(files), matcher)
    assert list(read.frames) == [FrameRef(1, 1)]
    assert read.faults == ["clip:0: a.json and b.json say different things of this frame. Give one of them"]


def test_many_lines_are_cut():
    assert some(["a", "b"], 2) == ["a", "b"]
    assert some(["a", "b", "c", "d"], 2) == ["a", "b", "... and 2 more like these"]
