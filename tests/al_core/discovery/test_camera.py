import numpy as np
import pytest

from al_core.discovery.camera import border_of, camera_flow

SIZE = (36, 64)


def plane(u=(0, 0, 0), v=(0, 0, 0), tilt=(0, 0)):
    """The flow of a plane by its eight numbers, in units of half the longer side."""
    y, x = (np.mgrid[: SIZE[0], : SIZE[1]] - np.array([17.5, 31.5])[:, None, None]) / 32
    along = u[0] + u[1] * x + u[2] * y + tilt[0] * x * x + tilt[1] * x * y
    down = v[0] + v[1] * x + v[2] * y + tilt[0] * x * y + tilt[1] * y * y
    return np.stack([along, down], axis=-1).astype(np.float32)


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"u": (3, 0, 0), "v": (-2, 0, 0)},
        {"u": (1, 2, -1), "v": (0, 1, 2)},
        {"u": (2, 1, 0), "v": (0, 0, 1), "tilt": (0.7, -0.4)},
    ],
    ids=["still", "pan", "zoom and turn", "tilt"],
)
def test_what_a_camera_does_is_told_exactly(numbers):
    assert np.allclose(camera_flow(plane(**numbers)), plane(**numbers), atol=0.02)


def test_an_object_changes_nothing():
    flow = plane(u=(3, 0, 0))
    flow[8:28, 18:44] += (4, 2)
    assert np.abs(camera_flow(flow) - plane(u=(3, 0, 0))).max() < 0.1


def test_the_border_goes_round_the_picture():
    border = border_of((20, 40))
    expected = np.ones((20, 40), bool)
    expected[3:-3, 6:-6] = False
    assert (border == expected).all()
