"""The composite footage keeps what it promises, on toys."""

import numpy as np
import pytest

from al_core.footage.clips import clips_of
from tests.bench.accuracy.student_ablation import asked
from tests.bench.selection.rare import Case, Plan, report, visits_of
from tests.bench.selection.rare_footage import PRESENT, Cutout, RareClip, Visit, _visits, to_and_fro, write_davis

SIZE = 40, 64
RED = Cutout("red", [np.full((10, 8, 3), (200, 0, 0), np.uint8)] * 3, [np.ones((10, 8), bool)] * 3)
BLUE = Cutout("blue", [np.full((10, 8, 3), (0, 0, 200), np.uint8)] * 3, [np.ones((10, 8), bool)] * 3)
GREY = [np.full((*SIZE, 3), 100, np.uint8)] * 4


def clip(*visits: Visit) -> RareClip:
    return RareClip("toy", GREY, 60, visits, 0)


def test_an_object_is_where_its_truth_says_and_only_during_its_visit():
    made = clip(Visit(1, 10, [(20.0 + i, 20.0) for i in range(20)], RED))
    assert made.truth(9) == made.truth(30) == {}
    mask = made.truth(10)[1]
    assert (mask[15:25, 16:24].all(), np.count_nonzero(mask)) == (True, 80)
    frame = made.read(10)
    assert frame[18:22, 18:22, 0].mean() > 180 > 110 > frame[:10, 40:, 0].mean() > 90
    assert (made.read(10) == frame).all()


def test_a_band_hides_an_object_as_a_whole_and_it_comes_back():
    made = clip(Visit(1, 0, [(float(x), 20.0) for x in range(60)], RED, band=(20, 32)))
    shown = [bool(made.truth(i)) for i in range(60)]
    gone = [i for i in range(60) if not shown[i] and 10 < i < 50]
    assert gone == list(range(gone[0], gone[-1] + 1))
    assert (len(gone) >= 3, shown[15], shown[40]) == (True, True, True)


def test_the_later_object_stands_before_the_earlier_one():
    here = [(20.0, 20.0)] * 20
    made = clip(Visit(1, 0, here, RED), Visit(2, 10, [(24.0, 20.0)] * 20, BLUE))
    assert np.count_nonzero(made.truth(5)[1]) == 80
    assert {t: np.count_nonzero(m) for t, m in made.truth(15).items()} == {1: 40, 2: 80}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_objects_are_rare_and_come_more_than_once(seed):
    visits = _visits([RED, BLUE], SIZE, 400, np.random.default_rng(seed))
    made = RareClip("toy", GREY, 400, visits, seed)
    share = np.mean([bool(made.truth(i)) for i in range(400)])
    assert PRESENT[0] * 0.8 <= share <= PRESENT[1]
    assert {v.track for v in visits} == {1, 2}
    assert _visits([], SIZE, 400, np.random.default_rng(seed)) == []


def test_a_walk_turns_round_at_both_ends():
    assert [to_and_fro(i, 3) for i in range(7)] == [0, 1, 2, 1, 0, 1, 2]
    assert to_and_fro(5, 1) == 0


def test_visits_are_the_stretches_in_which_an_object_is_to_be_seen():
    class Known:
        clips = (clip(Visit(1, 5, [(20.0, 20.0)] * 5, RED), Visit(1, 20, [(30.0, 20.0)] * 3, RED)),)

    assert visits_of(Known()) == {(0, 1): [range(5, 10), range(20, 23)]}


def test_losses_are_printed(tmp_path):
    from rich.console import Console

    told = [[1.0, 0.1, 0.2]] * 10
    cases = [
        Case("composite", 100, name, {"a: 1": n}, {"a: 1": (2.0, 1.0)}, [0.9], [10.0], [80.0], told)
        for name, n in (("value", 9.0), ("uniform", 5.0), ("random", 12.0))
    ]
    console = Console(width=150, record=True)
    report(cases, console)
    text = console.export_text()
    assert "LOSS: seed 100, a: 1: value 9" in text
    assert "1.80" in text
    assert Plan(tmp_path, None, tmp_path, ()).frames == 1000


def test_what_is_written_is_read_and_asked_for_like_any_clip(tmp_path):
    made = clip(Visit(1, 10, [(20.0 + i, 20.0) for i in range(20)], RED))
    write_davis(made, tmp_path, every=4)
    (found,) = clips_of(tmp_path)
    assert (found.n_frames, [i for i in range(15) if found.truth(i)]) == (15, [3, 4, 5, 6, 7])
    assert (found.truth(3)[1] == made.truth(12)[1]).all()
    marks = asked([found], [2, 4], "uniform", tmp_path / "cache")
    assert [len(marks["toy", n]) for n in (2, 4)] == [2, 4]
    assert set(marks["toy", 2]) < set(marks["toy", 4])
