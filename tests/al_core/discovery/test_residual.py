import numpy as np

from al_core.discovery.residual import SURE, evidence_of, leads_back, pulled, together

SIZE = (36, 64)
MOVER = np.zeros(SIZE, bool)
MOVER[12:24, 24:40] = True


def flows(camera=(2.0, 0.0), own=(4.0, 0.0)):
    """The flow of a picture that moves as a whole, and a part of it more; the way back is the same, turned round."""
    flow = np.tile(np.asarray(camera, np.float32), (*SIZE, 1))
    flow[MOVER] += own
    return flow, -flow


def test_what_moves_otherwise_than_the_camera_is_told():
    odds, _ = evidence_of(*flows())
    assert odds[MOVER].min() > 1
    assert odds[~MOVER].max() < -1
    assert np.abs(odds).max() <= SURE


def test_where_nothing_moves_nothing_is_told():
    odds, reliable = evidence_of(*flows((0, 0), (0, 0)))
    assert odds.max() < -1
    assert reliable.all()


def test_a_way_that_does_not_lead_back_is_not_trusted():
    flow, back = flows((0, 0), (0, 0))
    back[MOVER] = (0, 5)
    assert (leads_back(flow, back) == ~MOVER).all()
    odds, reliable = evidence_of(flow, back)
    assert (reliable == ~MOVER).all()
    assert (together([(odds, reliable)], SIZE)[MOVER] == 0).all()


def test_a_pair_that_leads_nowhere_tells_nothing():
    flow, back = flows()
    assert not evidence_of(flow, back + 9)[1].any()


def test_values_are_taken_from_where_pixels_went():
    values = np.tile(np.arange(64, dtype=np.float32), (36, 1))
    flow = np.tile(np.array([2, 0], np.float32), (*SIZE, 1))
    assert (pulled(values, flow)[:, :62] == values[:, 2:]).all()


def test_two_pairs_are_averaged_and_none_tells_nothing():
    one, two = np.full(SIZE, 2, np.float32), np.full(SIZE, -1, np.float32)
    sure = np.ones(SIZE, bool)
    assert (together([(one, sure), (two, sure)], SIZE) == 0.5).all()
    assert (together([(one, sure), (two, ~sure)], SIZE) == 1).all()
    assert (together([], SIZE) == 0).all()
