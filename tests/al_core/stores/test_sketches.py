"""Sketches of videos in one file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from al_core.stores.sketches import Sketch, read_sketches, sketches_as_bytes


def sketch(shown, vouched, hazard, objects, cue=()):
    numbers = (np.array(shown, np.int32), np.array(vouched, np.int32), np.array(hazard, float))
    return Sketch(*numbers, objects, np.array(cue, float))


SKETCHES = {
    "a": sketch([0, 2], [2], [0.1, 1 / 3], 1.5, [0.25, -1, 2]),
    "b": sketch([], [], [0.5], 1.0),
    "c": sketch([1], [], [], 7.0),
}


def as_lists(sketches):
    return {key: [np.asarray(part).tolist() for part in found] for key, found in sketches.items()}


def test_all_are_read_as_they_were_kept_to_the_last_bit(tmp_path):
    (tmp_path / "file").write_bytes(sketches_as_bytes(SKETCHES))
    found = read_sketches(tmp_path / "file")
    assert as_lists(found) == as_lists(SKETCHES)
    assert [part.dtype for part in found["b"][:3]] == [np.int32, np.int32, np.float64]


@pytest.mark.parametrize("damage", [lambda data: data[:-7], lambda data: b"", lambda data: data[:60] + data[61:]])
def test_of_a_damaged_file_nothing_is_known(tmp_path, damage):
    (tmp_path / "file").write_bytes(damage(sketches_as_bytes(SKETCHES)))
    assert read_sketches(tmp_path / "file") == {}


def test_without_a_file_or_a_sketch_nothing_is_known(tmp_path):
    (tmp_path / "file").write_bytes(sketches_as_bytes({}))
    assert read_sketches(tmp_path / "file") == read_sketches(tmp_path / "none") == {}


def test_a_file_of_another_version_says_nothing(tmp_path):
    pq.write_table(pa.table({"made_from": ["a"]}), tmp_path / "file")
    assert read_sketches(tmp_path / "file") == {}
