"""What may be said of objects, as label tools are told of it."""

from al_core.exchange.attributes import all_names, names_for, offered
from al_core.records import FrameLabel, FrameRef, MaskLabel
from tests.toys.ledgers import square

NAMED = ["occluded", "car: parked", "bus: parked", "car: towed"]


def test_names_are_those_of_all_objects_and_of_the_category():
    assert names_for(NAMED, "car") == ["occluded", "parked", "towed"]
    assert names_for(NAMED, "bus") == ["occluded", "parked"]
    assert all_names(NAMED) == ["occluded", "parked", "towed"]


def test_what_masks_have_is_offered_too():
    known = MaskLabel(1, 1, square(), attributes=("occluded", "parked"))
    others = (MaskLabel(2, 2, square(), attributes=("towed",)), MaskLabel(0, 0, square()))
    labels = [FrameLabel(FrameRef(1, 0), (known, *others))]
    assert offered(NAMED, labels, {1: "car", 2: "bus"}) == [*NAMED, "bus: towed"]
    assert offered([], labels, {1: "car", 2: "bus"}) == ["car: occluded", "car: parked", "bus: towed"]
