"""Masks copied between what looks alike, on toys of known motion."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from al_core.errors import BadCheckpoint, BadLabel
from al_core.footage.clips import ClipFrames
from al_core.networks.network_state import to_bytes
from al_core.propagation import Resources, build, walks
from al_core.propagation.affinity.affinity import AffinityPropagator, Matching
from al_core.propagation.affinity.encoder import Describe, describing, new_encoder
from al_core.propagation.base import PropagatedFrame
from al_core.propagation.flow import FlowPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip


def untrained(frames: ClipFrames, size: tuple[int, int]) -> Describe:
    return describing(new_encoder(0))


def propagator(folder: Path, **matching: object) -> AffinityPropagator:
    found = Matching(**matching)  # type: ignore[arg-type]
    return AffinityPropagator(FlowStore(folder), PropagationSettings(), untrained, found)


def run(folder: Path, clip: MoverClip, marks: list[int], **matching: object) -> list[PropagatedFrame]:
    return list(propagator(folder, **matching).propagate(clip, {i: clip.truth[i] for i in marks}))


def mask(frame: PropagatedFrame, track: int = 1) -> np.ndarray:
    return frame.tracks[track].mask.full() > 0.5


def test_every_frame_comes_once_and_in_order(tmp_path: Path) -> None:
    frames = run(tmp_path, mover_clip({1: line((30, 36), (3, 0))}), [2, 9])
    assert [f.frame_idx for f in frames] == list(range(12))


def test_a_moving_object_is_followed_between_before_and_after_the_labels(tmp_path: Path) -> None:
    clip = mover_clip({1: line((50, 40), (3, 1))}, radius=22, size=(96, 160))
    for frame in run(tmp_path, clip, [2, 9]):
        assert iou(mask(frame), clip.truth[frame.frame_idx][1]) > 0.9


def test_it_is_followed_without_flow_as_far_as_the_window_reaches(tmp_path: Path) -> None:
    clip = mover_clip({1: line((50, 40), (8, 0))}, radius=22, size=(96, 160))
    still = iou(clip.truth[0][1], clip.truth[6][1])
    found = run(tmp_path, clip, [0], aligned=False, prior=0.01)[6]
    assert iou(mask(found), clip.truth[6][1]) > still + 0.3


def test_a_labelled_frame_keeps_its_mask_with_full_confidence(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 30), (3, 1))})
    labelled = run(tmp_path, clip, [3])[3].tracks[1]
    assert labelled.confidence == 1
    np.testing.assert_array_equal(labelled.mask.full(), clip.truth[3][1].astype(np.float32))


def test_two_objects_that_cross_keep_their_identities_and_never_overlap(tmp_path: Path) -> None:
    clip = mover_clip({1: line((20, 28), (8, 0)), 2: line((108, 46), (-8, 0))}, radius=11)
    for frame in run(tmp_path, clip, [0, 6, 11]):
        both = frame.tracks[1].mask.full() + frame.tracks[2].mask.full()
        assert both.max() <= 1 + 1 / 255
        for track in (1, 2):
            assert iou(mask(frame, track), clip.truth[frame.frame_idx][track]) > 0.7


def test_an_empty_label_stops_every_track(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 30), (1, 0))})
    frames = list(propagator(tmp_path).propagate(clip, {2: clip.truth[2], 6: {}}))
    assert mask(frames[3]).any()
    assert not any(f.tracks for f in frames[6:])
    assert frames[5].tracks[1].confidence < frames[1].tracks[1].confidence


def test_an_object_that_was_hidden_is_found_again_where_flow_has_lost_it(tmp_path: Path) -> None:
    clip = mover_clip({1: line((64, 36), (0, 0)), 2: line((9, 36), (11, 0))}, radius=10, occluder=2)
    assert 1 not in clip.truth[5]
    labels = {0: clip.truth[0]}
    copied = list(propagator(tmp_path).propagate(clip, labels))[11]
    carried = list(FlowPropagator(FlowStore(tmp_path), PropagationSettings()).propagate(clip, labels))[11]
    assert iou(mask(copied), clip.truth[11][1]) > 0.75
    assert iou(mask(carried), clip.truth[11][1]) < 0.4


def test_labels_on_both_sides_count(tmp_path: Path) -> None:
    clip = mover_clip({1: line((50, 40), (4, 1))}, radius=22, size=(96, 160))
    both, before, after = (run(tmp_path, clip, marks) for marks in ([0, 11], [0], [11]))
    for side, far in ((before, 10), (after, 1)):
        assert iou(mask(both[far]), clip.truth[far][1]) > iou(mask(side[far]), clip.truth[far][1])


def test_equal_runs_give_equal_masks(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 30), (3, 1)), 2: line((90, 40), (-3, 0))})
    first, second = (run(tmp_path, clip, [2, 9]) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.tracks.keys() == other.tracks.keys()
        for track in one.tracks:
            assert one.tracks[track].mask == other.tracks[track].mask
            assert one.tracks[track].confidence == other.tracks[track].confidence


def test_what_waits_in_a_file_is_what_waits_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = mover_clip({1: line((30, 30), (3, 1))})
    in_memory = run(tmp_path, clip, [0, 11])
    monkeypatch.setattr(walks, "WAITING_BYTES", 1)
    for one, other in zip(in_memory, run(tmp_path, clip, [0, 11]), strict=True):
        assert one.tracks[1].mask == other.tracks[1].mask


def test_few_features_are_held_at_once(tmp_path: Path) -> None:
    clip = mover_clip({1: line((20, 30), (1, 0), 60)})
    described: list[int] = []

    def counting(frames: ClipFrames, size: tuple[int, int]) -> Describe:
        inner = untrained(frames, size)

        def describe(image: np.ndarray):  # type: ignore[no-untyped-def]
            described.append(len(clip.reads))
            return inner(image)

        return describe

    made = AffinityPropagator(FlowStore(tmp_path), PropagationSettings(), counting)
    frames = made.propagate(clip, {0: clip.truth[0]})
    for _ in range(5):
        next(frames)
    # Frames are described when they are reached, not ahead.
    assert len(described) <= 6


def test_no_labels_give_empty_frames_and_read_nothing(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 30), (3, 1))})
    frames = run(tmp_path, clip, [])
    assert len(frames) == 12
    assert not any(f.tracks for f in frames)
    assert clip.reads == []


def test_labels_may_be_larger_than_the_frames_and_frames_need_not_be_whole_cells(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 30), (2, 0))}, size=(70, 121))
    large = clip.truth[2][1].repeat(4, axis=0).repeat(4, axis=1)
    frames = list(propagator(tmp_path).propagate(clip, {2: {1: large}}))
    np.testing.assert_array_equal(mask(frames[2]), clip.truth[2][1])
    assert frames[5].tracks[1].mask.size == clip.size
    assert iou(mask(frames[5]), clip.truth[5][1]) > 0.85


def test_labels_that_do_not_fit_are_named(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 30), (2, 0))})
    with pytest.raises(BadLabel, match=r"frames \[12\].*0 to 11"):
        list(propagator(tmp_path).propagate(clip, {12: {}}))


@pytest.fixture
def resources(tmp_path: Path) -> Callable[..., Resources]:
    return lambda **settings: Resources(PropagationSettings(**settings), tmp_path / "cache")


def test_it_is_made_by_name_and_trains_once_on_the_clip(resources: Callable[..., Resources]) -> None:
    clip = mover_clip({1: line((30, 30), (3, 1))})
    made = resources(encoder_steps=3)
    frames = list(build("affinity", made).propagate(clip, {2: clip.truth[2]}))
    assert iou(mask(frames[4]), clip.truth[4][1]) > 0.8
    assert len(list((made.cache / "affinity").glob("*.pt"))) == 1


def test_a_given_encoder_is_used_without_training(resources: Callable[..., Resources], tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    path.write_bytes(to_bytes(new_encoder(1)))
    clip = mover_clip({1: line((30, 30), (3, 1))})
    made = resources(encoder=str(path))
    assert len(list(build("affinity", made).propagate(clip, {2: clip.truth[2]}))) == 12
    assert not (made.cache / "affinity").exists()


def test_a_wrong_encoder_file_is_told_before_any_work(resources: Callable[..., Resources], tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    path.write_bytes(b"something else")
    with pytest.raises(BadCheckpoint, match=r"encoder\.pt.*does not fit.*propagation\.encoder"):
        build("affinity", resources(encoder=str(path)))
