import os
from dataclasses import replace

import numpy as np

from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, MaskLabel, fingerprint_labels
from tests.toys.ledgers import SQUARE, square


def test_the_order_of_keys_does_not_matter():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_one_pixel_changes_the_hash_of_labels():
    label = FrameLabel(FrameRef(1, 0), (MaskLabel(1, 1, square()),))
    grown = SQUARE.copy()
    grown[0, 0] = True
    other = replace(label, masks=(MaskLabel(1, 1, encode(np.asarray(grown))),))
    assert fingerprint_labels([label]) == fingerprint_labels([label])
    assert fingerprint_labels([label]) != fingerprint_labels([other])


def test_the_order_of_labels_does_not_matter():
    first, second = FrameLabel(FrameRef(1, 0), ()), FrameLabel(FrameRef(1, 5), ())
    assert fingerprint_labels([first, second]) == fingerprint_labels([second, first])


def test_a_file_is_hashed_by_content(tmp_path):
    (tmp_path / "a").write_bytes(b"frame")
    (tmp_path / "b").write_bytes(b"frame")
    assert fingerprint_file(tmp_path / "a") == fingerprint_file(tmp_path / "b")


def test_a_file_that_was_written_again_or_replaced_is_hashed_again(tmp_path):
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"one")
    before = fingerprint_file(file)
    other.write_bytes(b"two")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    replaced = fingerprint_file(file)
    file.write_bytes(b"three")
    assert len({before, replaced, fingerprint_file(file)}) == 3
