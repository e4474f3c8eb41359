"""Points followed along dense flow, and groups of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from al_core.propagation.trajectories.point_tracks import SPACING, PointTracks, follow_points, group_points
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.synthetic import reappearances, synthetic_clip

SIZE = (24, 36)
GREY = np.full((*SIZE, 3), 120, np.uint8)


@dataclass
class Shift:
    """Flow that moves everything by some pixels to the right, and back."""

    pixels: float = 0.0
    size: tuple[int, int] = SIZE

    def pair(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        forth = np.zeros((*SIZE, 2), np.float32)
        forth[..., 0] = self.pixels
        return forth, -forth


def tracks_at(*features: tuple[float, ...], birth: tuple[int, ...] = (), death: tuple[int, ...] = ()) -> PointTracks:
    """Tracks of these mean positions, colours and motions; all are seen in frames 0 to 5 unless told otherwise."""
    n = len(features)
    return PointTracks(
        np.zeros((6, n, 2), np.float32),
        np.array(features, np.float32),
        np.array(birth or (0,) * n),
        np.array(death or (5,) * n),
    )


def test_points_on_a_still_scene_stay_where_they_begin() -> None:
    tracks = follow_points(lambda i: GREY, Shift(), range(5))
    n = -(-SIZE[0] // SPACING) * -(-SIZE[1] // SPACING)
    assert tracks.position.shape == (5, n, 2)
    assert (tracks.position == tracks.position[0]).all()
    assert set(tracks.birth.tolist()) == {0}
    assert set(tracks.death.tolist()) == {4}
    np.testing.assert_allclose(tracks.features[:, 5:], 0, atol=1e-6)


def test_points_move_along_the_flow_until_they_leave_and_new_ones_begin_behind_them() -> None:
    tracks = follow_points(lambda i: GREY, Shift(6.0), range(5))
    np.testing.assert_allclose(tracks.features[:, 5:], [[6, 0]] * len(tracks.features), atol=1e-5)
    steps = np.diff(tracks.position[..., 0], axis=0)
    np.testing.assert_allclose(steps[~np.isnan(steps)], 6, atol=1e-5)
    assert (tracks.death - tracks.birth + 1 >= 4).all()
    assert tracks.birth.max() == 1


def test_a_point_ends_where_its_colour_changes() -> None:
    tracks = follow_points(lambda i: GREY if i < 4 else 255 - GREY * 2, Shift(), range(8))
    first = tracks.death[tracks.birth == 0]
    assert (first == 3).all()
    assert (tracks.birth[tracks.birth > 0] == 4).all()


def test_points_stay_on_their_object_and_end_where_they_are_covered(tmp_path: Path) -> None:
    hidden = synthetic_clip(0, occluder=True)
    tracks = follow_points(hidden.read, FlowStore(tmp_path).clip(hidden, 427, "fine"), range(24))
    x, y = np.rint(tracks.position[0]).T
    begun = np.flatnonzero(~np.isnan(x))
    on_object = begun[hidden.truth[0][1][y[begun].astype(int), x[begun].astype(int)]]
    assert len(on_object)
    assert (tracks.death[on_object] < reappearances(hidden)[0]).mean() > 0.9
    x, y = np.rint(tracks.position[3, on_object]).T
    alive = ~np.isnan(x)
    assert hidden.truth[3][1][y[alive].astype(int), x[alive].astype(int)].mean() > 0.8


def test_groups_lie_within_a_cell_and_are_fewer_than_tracks(tmp_path: Path) -> None:
    clip = synthetic_clip(0, n_frames=12, objects=2)
    tracks = follow_points(clip.read, FlowStore(tmp_path).clip(clip, 427, "fine"), range(12))
    group = group_points(tracks)
    assert group.max() + 1 < len(group) / 2
    for number in np.unique(group):
        assert np.ptp(tracks.features[group == number, :2], axis=0).max() <= 12


def test_alike_tracks_of_one_cell_are_one_group_and_others_are_not() -> None:
    red, blue = (50.0, 60.0, 40.0), (50.0, 20.0, -60.0)
    tracks = tracks_at((3, 3, *red, 0, 0), (4, 3, *red, 0, 0), (3, 4, *blue, 0, 0), (30, 3, *red, 0, 0))
    first, second, other_colour, other_cell = group_points(tracks).tolist()
    assert first == second
    assert len({first, other_colour, other_cell}) == 3


def test_tracks_that_are_never_seen_together_are_not_grouped() -> None:
    red = (50.0, 60.0, 40.0)
    tracks = tracks_at((3, 3, *red, 0, 0), (3, 3, *red, 0, 0), birth=(0, 3), death=(2, 5))
    assert len(set(group_points(tracks).tolist())) == 2
