"""The program that counts human seconds until masks are certified, on two small clips."""

import json

import pytest

from al_core.benchmark.world import Label, World
from al_core.propagation.flow import FlowPropagator
from al_core.settings import PropagationSettings, Settings
from al_core.stores.optical_flow import FlowStore
from tests.bench.auditing.human_seconds import ARMS, Campaign, KeptWorld, Schedule, pairs_in, run, table_of
from tests.toys.footage.known import KnownClip
from tests.toys.footage.movers import line, mover_clip

SETTINGS = Settings().changed({"selection.min_gap": 0, "selection.control_share": 0.0})


@pytest.fixture
def world(tmp_path):
    """Two clips of twelve frames; what is delivered of one is right, of the other it soon is not."""
    slow = mover_clip({1: line((30, 30), (1, 0))}, radius=12, size=(64, 128))
    fast = mover_clip({1: line((20, 20), (7, 1))}, radius=10, size=(64, 128))
    clips = [KnownClip("slow", slow), KnownClip("fast", fast)]
    return World(clips, FlowPropagator(FlowStore(tmp_path), PropagationSettings()))


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.strategy)
def test_a_campaign_ends_when_nearly_all_masks_are_human_or_certified(world, arm):
    found = run(world, arm, Schedule(1, 1, 40), 100, SETTINGS)
    assert found["reached"]
    assert found["seconds"] == found["labelling"] + found["judging"]
    assert 0 < found["human_frames"] <= 24
    assert found == run(world, arm, Schedule(1, 1, 40), 100, SETTINGS)


def test_what_is_accepted_on_the_way_stays_and_is_asked_for_no_more(world):
    campaign = Campaign.begin(world, ARMS[0], 0)
    campaign.label(SETTINGS)
    kept = {spot: campaign.outcomes()[spot[0]][spot[1]] for spot in [(0, i) for i in range(12)]}
    campaign.frozen.update({spot: one for spot, one in kept.items() if spot[1] not in campaign.labels[0]})
    frozen = dict(campaign.frozen)
    before = {video: set(mine) for video, mine in campaign.labels.items()}
    campaign.label(SETTINGS)
    new = {(v, i) for v, mine in campaign.labels.items() for i in set(mine) - before[v]}
    assert new
    assert not new & frozen.keys()
    assert all(campaign.outcomes()[v][i] is one for (v, i), one in frozen.items())
    assert campaign.share([]) > len(frozen) / 24


def test_what_was_worked_out_is_kept_for_the_next_run(tmp_path):
    clips = [KnownClip("slow", mover_clip({1: line((30, 30), (1, 0))}, radius=12, size=(64, 128)))]
    flow = FlowPropagator(FlowStore(tmp_path / "flow"), PropagationSettings())
    first = KeptWorld(clips, flow, tmp_path / "kept.pickle")
    labels = {i: Label(clips[0].truth(i)) for i in (2, 9)}
    known = first.outcomes(0, labels), first.hazards(0, labels).tolist()
    first.keep()
    again = KeptWorld(clips, flow, tmp_path / "kept.pickle")
    assert (again.outcomes(0, labels), again.hazards(0, labels).tolist()) == known
    assert again.outcomes(0, {2: labels[2]}) != known[0]


def test_schedules_and_their_pairs():
    assert [n for n in range(1, 12) if Schedule(4, 3, 60).is_due(n)] == [4, 7, 10]
    assert pairs_in("4,2,60;4,2,60|8,4,90") == [((4, 2, 60), (4, 2, 60)), ((4, 2, 60), (8, 4, 90))]


def test_losses_are_told():
    plain = {"labelling": 1.0, "judging": 1.0, "human_frames": 2, "looks": 1, "reached": True, "bad": 0.0}
    rows = [
        plain | {"schedule": [4, 2, 60], "arm": arm.name, "seed": seed, "seconds": seconds}
        for arm, took in zip(ARMS, ((100.0, 300.0), (200.0, 200.0)), strict=True)
        for seed, seconds in enumerate(took)
    ]
    table = table_of(json.loads(json.dumps(rows)), pairs_in("4,2,60"))
    (found,) = zip(*(column.cells for column in table.columns), strict=True)
    assert found[1] == "2"
    assert found[4] == "1.00"
    assert found[-1] == "1 of 2"
