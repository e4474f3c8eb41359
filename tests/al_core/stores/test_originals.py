import os
from datetime import UTC, datetime, timedelta

import pytest

from al_core.errors import BadVideo
from al_core.footage.discovery import discover
from al_core.records import Video
from al_core.stores.file_hashes import FileHashes
from al_core.stores.originals import Originals
from tests.toys.footage.clips import write_frames

TAKEN_IN = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
LATER = TAKEN_IN.replace(tzinfo=UTC).timestamp() + 3600


@pytest.fixture
def walk(tmp_path):
    """A folder of frames as a video."""
    (source,) = discover(write_frames(tmp_path / "walk"))
    info = source.probe()
    return Video(
        1, source.name, str(source.path), source.kind, source.sha256(), info.fps, info.n_frames,
        info.height, info.width, info.rotation, info.variable_fps, files=source.files(),
    )  # fmt: skip


class Read(FileHashes):
    """Hashes that note what was asked for."""

    def __init__(self, folder):
        super().__init__(folder)
        self.asked = []

    def of(self, path):
        """Return the hash."""
        self.asked.append(path.name)
        return super().of(path)


@pytest.fixture
def read(tmp_path):
    return Read(tmp_path / "hashes")


def test_nothing_is_read_of_what_was_not_written_since(walk, read):
    Originals({1: TAKEN_IN}, read).check(walk)
    assert read.asked == []


def test_what_was_touched_is_read_once(walk, read):
    os.utime(f"{walk.uri}/{walk.files[2]}", (LATER, LATER))
    known = Originals({1: TAKEN_IN}, read)
    for _ in range(3):
        known.check(walk)
    assert read.asked == [*walk.files]


def test_a_changed_frame_is_seen_when_it_is_asked_for_or_all_are(walk, read):
    with open(f"{walk.uri}/{walk.files[2]}", "ab") as frame:
        frame.write(b"more")
    os.utime(frame.name, (LATER, LATER))
    known = Originals({1: TAKEN_IN}, read)
    known.check(walk, [0, 1])
    assert read.asked == []
    for indices in ([2], None, [2]):
        with pytest.raises(BadVideo, match="walk: was changed since the video 'walk' was taken in"):
            known.check(walk, indices)


def test_videos_that_were_not_taken_in_and_those_that_are_gone_are_left_to_whoever_reads_them(walk, read, tmp_path):
    Originals({}, read).check(walk)
    (tmp_path / "walk").rename(tmp_path / "away")
    Originals({1: TAKEN_IN}, read).check(walk)
    assert read.asked == []
