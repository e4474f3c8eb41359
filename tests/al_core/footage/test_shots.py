"""Cuts and still stretches of small textured scenes."""

import numpy as np
import pytest

from al_core.errors import BadVideo
from al_core.footage.shots import DIFFERENT, difference, find_shots, small_pictures
from al_core.records import Shots
from tests.toys.footage.clips import write_frames
from tests.toys.footage.movers import texture
from tests.toys.ledgers import clip

SIZE = (72, 128)


def scene(seed: int, n_frames: int, colour: tuple[int, int, int], speed: int = 2) -> list[np.ndarray]:
    """A textured ground that the camera pans over."""
    wide = texture(np.random.default_rng(seed), (SIZE[0], SIZE[1] + speed * n_frames + 1), colour)
    return [np.ascontiguousarray(wide[:, speed * i : speed * i + SIZE[1]]) for i in range(n_frames)]


FIELD, ROAD = (60, 140, 60), (150, 90, 60)


def test_a_cut_is_the_first_frame_of_another_scene() -> None:
    frames = scene(1, 6, FIELD) + scene(2, 5, ROAD) + scene(3, 6, FIELD)
    assert difference(frames[5], frames[6]) > DIFFERENT > difference(frames[4], frames[5])
    assert find_shots(frames) == Shots((6, 11))


def test_cuts_near_the_ends_are_found() -> None:
    frames = scene(1, 1, FIELD) + scene(2, 7, ROAD) + scene(3, 1, FIELD)
    assert find_shots(frames).cuts == (1, 8)


def test_fast_motion_and_changing_light_are_no_cuts() -> None:
    assert find_shots(scene(1, 10, FIELD, speed=9)).cuts == ()
    brighter = [np.clip(f.astype(int) + 12 * i, 0, 255).astype(np.uint8) for i, f in enumerate(scene(1, 10, FIELD))]
    assert find_shots(brighter).cuts == ()


@pytest.mark.parametrize("length", [1, 3])
def test_a_flash_is_no_cut(length: int) -> None:
    frames = scene(1, 16, FIELD)
    frames[6 : 6 + length] = scene(2, length, (230, 230, 210))
    assert find_shots(frames).cuts == ()


def test_a_longer_scene_in_between_is_a_shot() -> None:
    frames = scene(1, 16, FIELD)
    frames[6:10] = scene(2, 4, (230, 230, 210))
    assert find_shots(frames).cuts == (6, 10)


def test_frames_that_show_the_same_thing_are_a_stretch() -> None:
    moving = scene(1, 8, FIELD)
    rng = np.random.default_rng(0)
    held = [np.clip(moving[3].astype(int) + rng.integers(-1, 2, moving[3].shape), 0, 255) for _ in range(4)]
    frames = [*moving[:3], *(f.astype(np.uint8) for f in held), *moving[4:], moving[-1]]
    assert find_shots(frames).stills == ((3, 6), (10, 11))


def test_a_small_thing_that_moves_slowly_is_not_the_same() -> None:
    frames = [scene(1, 1, FIELD)[0].copy() for _ in range(6)]
    for i, frame in enumerate(frames):
        frame[30:33, 20 + i : 23 + i] = 250
    assert find_shots(frames) == Shots()


def test_a_single_frame_has_neither() -> None:
    assert find_shots(scene(1, 1, FIELD)) == Shots()
    assert find_shots([]) == Shots()


def test_frames_of_a_folder_come_small_and_in_order(tmp_path) -> None:
    from dataclasses import replace

    folder = write_frames(tmp_path / "frames", size=(200, 400))
    names = tuple(sorted(p.name for p in folder.iterdir()))
    video = replace(clip(n_frames=len(names)), kind="folder", uri=str(folder), files=names)
    found = list(small_pictures(replace(video, height=200, width=400)))
    assert [f.shape for f in found] == [(64, 128, 3)] * len(names)


def test_a_file_that_is_gone_is_told() -> None:
    with pytest.raises(BadVideo, match="'clip' is no longer there"):
        next(small_pictures(clip()))
