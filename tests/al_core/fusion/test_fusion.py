"""Masks of people, flow and teachers become one labelled video."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from al_core.fusion import RuledOut, fuse, teachers_alone
from al_core.masks.rle import decode, encode
from al_core.propagation.base import PropagatedFrame, PropagatedTrack
from al_core.records import DeliveredMask, FrameLabel, FrameRef, MaskLabel, Provenance, Shots
from al_core.settings import PropagationSettings
from al_core.stores.predictions import FramePrediction, PredictedObject
from tests.toys.fusion import SIZE, box, carried, label, seen

N_FRAMES = 12

Delivered = dict[int, list[DeliveredMask]]


def run(
    labels: Sequence[FrameLabel] = (),
    tracks: Mapping[int, Mapping[int, PropagatedTrack]] | None = None,
    objects: Mapping[int, Sequence[PredictedObject]] | None = None,
    size: tuple[int, int] = SIZE,
    ruled_out: RuledOut | None = None,
    **settings: float,
) -> Delivered:
    """Fuse what is given by frame, over 12 frames; a human frame propagates its own masks."""
    by_frame = {f.frame.frame_idx: f for f in labels}
    known = dict(tracks or {})
    for index, said in by_frame.items():
        known[index] = {m.track_id: carried(decode(m.rle), 1.0) for m in said.objects}
    frames = [PropagatedFrame(i, known.get(i, {})) for i in range(N_FRAMES)]
    feature = np.ones(1, np.float32)
    predictions = [FramePrediction(i, tuple(o), feature) for i, o in sorted((objects or {}).items())]
    predicted = None if objects is None else lambda: iter(predictions)
    chosen = PropagationSettings(**settings)
    return dict(fuse(by_frame, lambda: iter(frames), predicted, size, chosen, ruled_out=ruled_out))


def everywhere(value: object) -> dict[int, object]:
    return dict.fromkeys(range(N_FRAMES), value)


def test_human_frames_keep_every_byte_and_their_ignore_regions() -> None:
    region = MaskLabel(0, 0, encode(box(7)))
    human = FrameLabel(FrameRef(1, 4), (*label(4, {3: box(1)}).masks, region))
    delivered = run([human], objects=everywhere([seen(box(2))]))[4]
    assert [(m.track_id, m.category_id, m.rle) for m in delivered] == [
        (0, 0, region.rle), (3, 1, encode(box(1)))
    ]  # fmt: skip
    assert {(m.provenance, m.confidence) for m in delivered} == {(Provenance.HUMAN, 1.0)}


def test_every_frame_comes_and_nothing_known_delivers_nothing() -> None:
    assert run() == everywhere([])


def test_an_empty_human_frame_stays_empty_whatever_the_teachers_say() -> None:
    assert run([label(5, {})], objects=everywhere([seen(box(2))]))[5] == []


def test_without_teachers_the_propagated_masks_are_delivered() -> None:
    (mask,) = run([label(0, {1: box(1)})], {1: {1: carried(box(2), 0.7)}})[1]
    assert mask == DeliveredMask(1, 1, 1, Provenance.PROPAGATED, 0.7, encode(box(2)))


def test_teacher_weight_0_leaves_the_teachers_out() -> None:
    args = ([label(0, {1: box(1)})], {i: {1: carried(box(2), 0.2)} for i in range(1, 12)})
    assert run(*args, objects=everywhere([seen(box(6))]), teacher_weight=0) == run(*args)


def test_masks_are_delivered_at_full_resolution() -> None:
    (mask,) = run([label(0, {1: box(1)})], {1: {1: carried(box(2))}}, size=(80, 120))[1]
    big = np.zeros((80, 120), bool)
    big[20:60, 20:60] = True
    found = decode(mask.rle)
    # Only the corners are rounded off.
    assert not (found & ~big).any()
    assert found.sum() > 0.95 * big.sum()


def test_the_better_of_two_masks_leads() -> None:
    """Flow is sure up to frame 5, then it is lost at the left while the teachers go on to the right."""
    truth = {i: box(min(i // 2, 5) + 1) for i in range(N_FRAMES)}
    tracks = {i: {1: carried(truth[i], 1.0)} for i in range(1, 6)}
    tracks |= {i: {1: carried(box(0, 4), 0.05)} for i in range(6, 12)}
    delivered = run([label(0, {1: truth[0]})], tracks, {i: [seen(truth[i])] for i in range(N_FRAMES)})
    for i in range(1, 12):
        (mask,) = delivered[i]
        np.testing.assert_array_equal(decode(mask.rle), truth[i])
        assert mask.track_id == 1
        assert mask.provenance is (Provenance.PROPAGATED if i < 6 else Provenance.TEACHER)


def test_teachers_that_disagree_with_sure_masks_are_not_trusted() -> None:
    """The teachers see the upper half only: where the flow is unsure, its mask still holds."""
    half = box(2) & (np.arange(8) < 4)[:, None]
    poor = half & (np.arange(12) < 4)[None, :]
    tracks = {i: {1: carried(box(2), 0.95 if i != 8 else 0.5)} for i in range(1, 12)}
    (mask,) = run([label(0, {1: box(2)})], tracks, everywhere([seen(poor)]))[8]
    np.testing.assert_array_equal(decode(mask.rle), box(2))
    assert mask.provenance is Provenance.PROPAGATED


def test_another_category_never_continues_a_track() -> None:
    tracks = {i: {1: carried(box(1), 0.1)} for i in range(1, 12)}
    delivered = run([label(0, {1: box(1)})], tracks, everywhere([seen(box(1), 0.7, category=2)]))
    assert {m.provenance for i in range(1, 12) for m in delivered[i]} == {Provenance.PROPAGATED}


def test_a_confident_object_that_only_the_teachers_see_becomes_one_track() -> None:
    tracks = {i: {1: carried(box(0), 0.9)} for i in range(N_FRAMES)}
    objects = {i: [seen(box(0)), seen(box(6 + i % 2))] for i in range(3, 9)}
    delivered = run([label(0, {1: box(0)}), label(11, {1: box(0)})], tracks, objects)
    assert {i: [m.track_id for m in masks] for i, masks in delivered.items()} == {
        i: [1, 2] if 3 <= i < 9 else [1] for i in range(N_FRAMES)
    }
    new = [m for i in range(3, 9) for m in delivered[i] if m.track_id == 2]
    assert {m.provenance for m in new} == {Provenance.TEACHER}


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ({i: [seen(box(6), 0.5)] for i in range(1, 9)}, "it is not sure enough"),
        ({3: [seen(box(6))], 4: [seen(box(6))]}, "it is seen in two frames only"),
        ({i: [seen(box(6))] for i in range(N_FRAMES)}, "people labelled frame 0 and saw nothing there"),
    ],
)
def test_what_only_the_teachers_see_is_dropped_when(
    objects: Mapping[int, Sequence[PredictedObject]], reason: str
) -> None:
    delivered = run([label(0, {1: box(0)})], everywhere({1: carried(box(0))}), objects)
    assert {m.track_id for masks in delivered.values() for m in masks} == {1}, reason


def test_a_video_that_nobody_labelled_is_labelled_by_the_teachers() -> None:
    objects = {i: [seen(box(i // 4)), seen(box(7, category := 2), category=category)] for i in range(N_FRAMES)}
    delivered = run(objects=objects)
    for i, masks in delivered.items():
        assert [(m.track_id, m.category_id) for m in masks] == [(1, 1), (2, 2)]
        np.testing.assert_array_equal(decode(masks[0].rle), box(i // 4))


def test_a_track_survives_frames_that_the_teachers_miss() -> None:
    delivered = run(objects={i: [seen(box(2))] for i in (0, 1, 2, 6, 7, 8)})
    assert {m.track_id for masks in delivered.values() for m in masks} == {1}


def test_the_teachers_carry_a_track_on_where_nothing_was_propagated() -> None:
    tracks = {i: {1: carried(box(2), 0.95)} for i in range(1, 4)}
    delivered = run([label(0, {1: box(2)})], tracks, everywhere([seen(box(2))]))
    assert [[m.track_id for m in delivered[i]] for i in range(N_FRAMES)] == [[1]] * N_FRAMES
    assert delivered[9][0].provenance is Provenance.TEACHER


@pytest.mark.parametrize(("n_tracks", "expected"), [(1, [1]), (2, [])])
def test_a_lost_object_is_found_again_when_it_can_be_no_other(n_tracks: int, expected: list[int]) -> None:
    """Nothing reaches frame 6; the teachers see one object there, far from all that is known."""
    human = label(0, {t + 1: box(4 * t) for t in range(n_tracks)})
    delivered = run([human], {1: {1: carried(box(0))}}, {6: [seen(box(8, 4), 0.9)]})
    assert [m.track_id for m in delivered[6]] == expected


def test_between_labels_that_say_it_is_not_there_nothing_is_found_again() -> None:
    human = [label(0, {1: box(0)}), label(5, {}), label(8, {})]
    delivered = run(human, {}, {6: [seen(box(8, 4), 0.9)], 3: [seen(box(8, 4), 0.9)]})
    assert delivered[6] == []
    assert [m.track_id for m in delivered[3]] == [1]


def test_no_gap_opens_between_objects_that_touch() -> None:
    left = np.where(np.arange(12) < 6, 1, 0.0) + np.where(np.arange(12) == 6, 0.45, 0)
    right = np.where(np.arange(12) > 6, 1, 0.0) + np.where(np.arange(12) == 6, 0.4, 0)
    tracks = {1: {t: carried(np.tile(m, (8, 1))) for t, m in ((1, left), (2, right))}}
    human = label(0, {1: box(0), 2: box(8)})
    masks = run([human], tracks)[1]
    assert sum(decode(m.rle).sum() for m in masks) == 8 * 12


def alone(objects: Mapping[int, Sequence[PredictedObject]], *cuts: int) -> Delivered:
    """What teachers make of these frames, and of no others, when nobody labelled any."""
    predictions = [FramePrediction(i, tuple(o), np.ones(1, np.float32)) for i, o in sorted(objects.items())]
    found = teachers_alone(
        sorted(objects), lambda: iter(predictions), SIZE, PropagationSettings(), shots=Shots(tuple(cuts))
    )
    return dict(found)


def test_teachers_alone_label_a_whole_video_as_a_fusion_without_labels_does() -> None:
    objects = {i: [seen(box(min(i, 8)))] if i % 4 else [] for i in range(N_FRAMES)}
    assert alone(objects) == run(objects=objects)
    assert sum(map(len, alone(objects).values())) == 9


def test_teachers_alone_link_the_frames_that_were_looked_at() -> None:
    found = alone({i: [seen(box(i // 20))] for i in (0, 20, 40, 60)})
    assert {i: [m.track_id for m in masks] for i, masks in found.items()} == {0: [1], 20: [1], 40: [1], 60: [1]}
    assert {m.frame_idx for m in found[40]} == {40}


def test_teachers_alone_link_nothing_over_a_cut() -> None:
    found = alone({i: [seen(box(1))] for i in (0, 20, 40, 60)}, 15, 33)
    assert {i: [m.track_id for m in masks] for i, masks in found.items()} == {0: [1], 20: [2], 40: [3], 60: [3]}


def test_a_single_frame_is_labelled_by_what_is_seen_in_it() -> None:
    assert len(alone({7: [seen(box(1)), seen(box(7))]})[7]) == 2
    assert alone({7: [seen(box(1), existence=0.5)]})[7] == []


def test_what_people_ruled_out_is_not_delivered_and_takes_no_pixel() -> None:
    """Another category than the track's lies over it; where it is ruled out, the track gets all of its pixels."""
    tracks = {i: {1: carried(box(0), 0.9)} for i in range(N_FRAMES)}
    other = {i: [seen(box(0), 0.99, category=2)] for i in range(N_FRAMES)}
    labels = [label(0, {1: box(0)}), label(11, {1: box(0)})]
    free = run(labels, tracks, other)
    held = run(labels, tracks, other, ruled_out=lambda i: {2} if i >= 6 else ())
    assert {m.category_id for i in range(1, 6) for m in held[i]} == {m.category_id for m in free[1]}
    assert {m.category_id for i in range(6, 11) for m in held[i]} == {1}
    assert all(decode(held[i][0].rle).sum() == box(0).sum() for i in range(6, 11))


def test_a_person_who_drew_what_was_ruled_out_is_believed() -> None:
    delivered = run([label(4, {1: box(1)})], ruled_out=lambda i: {1})
    assert [(m.category_id, m.provenance) for m in delivered[4]] == [(1, Provenance.HUMAN)]
