"""Flow that is computed once."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from al_core.errors import UnknownName
from al_core.stores import optical_flow as flow_module
from al_core.stores.optical_flow import FlowStore, _decode, _encode
from tests.toys.footage.movers import line, mover_clip


def test_flow_of_a_known_motion(tmp_path: Path) -> None:
    clip = mover_clip({1: line((40, 36), (3, 1), 3)})
    forward, backward = FlowStore(tmp_path).clip(clip, 128, "fine").pair(0)
    here, there = clip.truth[0][1], clip.truth[1][1]
    assert forward.shape == (*clip.size, 2)
    assert forward.dtype == np.float32
    np.testing.assert_allclose(np.median(forward[here], axis=0), [3, 1], atol=0.1)
    np.testing.assert_allclose(np.median(backward[there], axis=0), [-3, -1], atol=0.1)
    np.testing.assert_allclose(np.median(forward[~here & ~there], axis=0), [0, 0], atol=0.1)


def test_a_second_store_reads_what_the_first_computed(tmp_path: Path) -> None:
    clip = mover_clip({1: line((40, 36), (3, 1), 20)})
    first = [FlowStore(tmp_path).clip(clip, 128, "fine").pair(i) for i in (0, 18)]
    read = len(clip.reads)
    again = FlowStore(tmp_path).clip(clip, 128, "fine")
    for i, pair in zip((0, 18), first, strict=True):
        np.testing.assert_array_equal(again.pair(i), pair)
    assert len(clip.reads) == read


def test_size_preset_and_content_have_their_own_files(tmp_path: Path) -> None:
    clip = mover_clip({1: line((40, 36), (3, 1), 3)})
    other = mover_clip({1: line((40, 36), (3, 1), 3)}, seed=1)
    store = FlowStore(tmp_path)
    for opened in (
        store.clip(clip, 128, "fine"), store.clip(clip, 64, "fine"),
        store.clip(clip, 128, "fast"), store.clip(other, 128, "fine"),
    ):  # fmt: skip
        opened.pair(0)
    assert len(list(tmp_path.rglob("*.flow"))) == 4
    assert store.clip(clip, 64, "fine").size == (36, 64)


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_file_is_computed_again(tmp_path: Path, damage: bytes | None) -> None:
    clip = mover_clip({1: line((40, 36), (3, 1), 3)})
    good = FlowStore(tmp_path).clip(clip, 128, "fine").pair(0)
    (path,) = tmp_path.rglob("*.flow")
    whole = path.read_bytes()
    path.write_bytes(whole[:-7] + b"1234567" if damage is None else damage)
    np.testing.assert_array_equal(FlowStore(tmp_path).clip(clip, 128, "fine").pair(0), good)
    assert path.read_bytes() == whole


def test_the_folder_stays_below_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "CHUNK_PAIRS", 2)
    clip = mover_clip({1: line((30, 36), (3, 0), 12)})
    FlowStore(tmp_path / "a").clip(clip, 128, "fast").pair(0)
    chunk = sum(f.stat().st_size for f in tmp_path.rglob("*.flow"))
    opened = FlowStore(tmp_path / "b", gigabytes=2.5 * chunk / 1e9).clip(clip, 128, "fast")
    for i in range(11):
        opened.pair(i)
    assert sum(f.stat().st_size for f in (tmp_path / "b").rglob("*.flow")) <= 2.5 * chunk


def test_the_number_of_opencv_threads_changes_nothing(tmp_path: Path) -> None:
    clip = mover_clip({1: line((40, 36), (3, 1), 3)})
    before = cv2.getNumThreads()
    pairs = []
    for threads in (1, 4):
        cv2.setNumThreads(threads)
        pairs.append(FlowStore(tmp_path / str(threads)).clip(clip, 128, "fine").pair(0))
        assert cv2.getNumThreads() == threads
    cv2.setNumThreads(before)
    np.testing.assert_array_equal(*pairs)


def test_bad_questions_are_answered(tmp_path: Path) -> None:
    clip = mover_clip({1: line((40, 36), (3, 1), 3)})
    with pytest.raises(UnknownName, match="flow preset 'fin'; known: balanced, fast, fine.*'fine'"):
        FlowStore(tmp_path).clip(clip, 128, "fin")
    with pytest.raises(ValueError, match="expected 0 to 1, got 2"):
        FlowStore(tmp_path).clip(clip, 128, "fine").pair(2)


@given(arrays(np.float32, (2, 3, 4, 2), elements=st.floats(-1000, 1000, width=32)))
def test_coding_keeps_a_sixtyfourth_of_a_pixel(flows: np.ndarray) -> None:
    np.testing.assert_allclose(_decode(_encode(flows), (3, 4)), flows, atol=1 / 64 + 1e-4)


def test_who_waits_for_one_pair_gets_it_alone_and_as_it_would_be_kept(tmp_path: Path) -> None:
    clip = mover_clip({1: line((40, 36), (3, 1), 20)})
    alone = FlowStore(tmp_path).clip(clip, 128, "fine", one_by_one=True).pair(5)
    assert set(clip.reads) == {5, 6}
    assert not list(tmp_path.rglob("*.flow"))
    np.testing.assert_array_equal(alone, FlowStore(tmp_path).clip(clip, 128, "fine").pair(5))


def test_one_pair_is_read_where_its_chunk_is_kept(tmp_path: Path) -> None:
    clip = mover_clip({1: line((40, 36), (3, 1), 20)})
    kept = FlowStore(tmp_path).clip(clip, 128, "fine").pair(5)
    read = len(clip.reads)
    np.testing.assert_array_equal(FlowStore(tmp_path).clip(clip, 128, "fine", one_by_one=True).pair(5), kept)
    assert len(clip.reads) == read
