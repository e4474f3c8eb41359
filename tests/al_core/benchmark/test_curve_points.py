import json

import numpy as np
import pytest

from al_core.benchmark.curve_points import CurvePoint, VideoFigures, points_of, read_points, write_points
from al_core.errors import BadRecords

POINT = CurvePoint(
    "pool", "all", "value", "mask", 0, 1, 4, 320.0, (VideoFigures("dog", 3, 1, 0.5, 0.7, 0.6, 0.7, 0.4),)
)
SIMULATED = {
    "sequence": "dog", "strategy": "random", "seed": 0, "round": 1, "human_frames": 2, "human_seconds": 160.0,
    "j": 0.5, "f": 0.7, "jf": 0.6, "ap50": None, "seconds_train": 3.0, "seconds_predict": 2.0, "seconds_overhead": 1.0,
}  # fmt: skip


def test_figures_of_a_video():
    """Of four frames the first is labelled and the last has no truth."""
    j, f = np.array([1.0, 0.8, 0.4, np.nan]), np.array([1.0, 0.9, 0.6, np.nan])
    found = VideoFigures.of("dog", j, f, {0})
    assert (found.n_frames, found.human_frames) == (4, 1)
    np.testing.assert_allclose([found.j, found.f, found.jf], [0.6, 0.75, 0.675])
    np.testing.assert_allclose([found.jf_all, found.good_share], [(1 + 0.85 + 0.5) / 3, 2 / 3])


def test_a_video_that_is_labelled_whole_has_nothing_left_to_measure():
    found = VideoFigures.of("dog", np.ones(2), np.ones(2), {0, 1})
    assert (found.j, found.f, found.jf, found.jf_all, found.good_share) == (None, None, None, 1, 1)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_figure_is_a_share(value):
    with pytest.raises(BadRecords, match="dog: jf is a share"):
        VideoFigures("dog", jf=value)


def test_a_strategy_is_named_with_its_kinds():
    assert POINT.arm == "value"
    assert CurvePoint("pool", "all", "value", "all", 0, 1, 4, 320.0, POINT.videos).arm == "value, all"


def test_records_come_back_as_they_were(tmp_path):
    out = tmp_path / "new" / "points.json"
    write_points([POINT], out)
    write_points([POINT], out)
    assert read_points(out) == [POINT]
    assert [p.name for p in out.parent.iterdir()] == ["points.json"]


def test_what_simulate_writes_is_read(tmp_path):
    out = tmp_path / "sim.json"
    out.write_text(json.dumps([SIMULATED, SIMULATED | {"round": 2, "human_frames": 4, "jf": None}]))
    first, second = read_points(out)
    assert first == CurvePoint(
        "single", "dog", "random", "mask", 0, 1, 2, 160.0, (VideoFigures("dog", None, 2, 0.5, 0.7, 0.6),), 6.0
    )
    assert second.compute_seconds == 12.0
    assert second.videos[0].jf is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        ("[]", "expected a list of records"),
        ('[{"sequence": "dog"}]', "record 0 is not one of a simulation: 'strategy'"),
        ('[{"videos": [{"name": "dog"}]}]', "record 0 is not one of a simulation"),
        (json.dumps([SIMULATED, SIMULATED]), "round 1 is there twice"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    file = tmp_path / "sim.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadRecords, match=message):
        read_points(file)


@pytest.mark.parametrize("change", [{"round": 0}, {"human_frames": -1}, {"human_seconds": -1.0}])
def test_effort_below_zero_is_refused(change):
    with pytest.raises(BadRecords, match="expected a round from 1"):
        points_of([SIMULATED | change])
