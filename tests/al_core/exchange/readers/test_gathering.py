"""Masks that are put into frames, and what goes wrong with them."""

import pytest

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnFrame, DrawnMask, FrameName
from al_core.exchange.readers.gathering import Gatherer
from al_core.masks.rle import Rle
from tests.toys.ledgers import square


def asked_by(name):
    if "lost" in name.path:
        raise BadLabel(f"{name.path}: nothing")
    return Asked(name.stem, 4, 4, lasting=False)


@pytest.fixture
def gathered():
    return Gatherer("a.txt", asked_by)


def test_masks_of_a_frame_come_from_anywhere(gathered):
    first, second = gathered.frame(FrameName("f1.jpg")), gathered.frame(FrameName("f2.jpg"))
    gathered.add(first, 3, "cat", square())
    gathered.add(gathered.frame(FrameName("f1.jpg")), 0, "cat", square())
    gathered.add(second, None, "cat", square())
    gathered.add(second, None, "dog", square())
    assert gathered.content().frames == {
        "f1": DrawnFrame((DrawnMask(3, "cat", square()), DrawnMask(0, None, square()))),
        "f2": DrawnFrame((DrawnMask(1, "cat", square()), DrawnMask(2, "dog", square())), numbered=False),
    }


def test_a_fault_costs_its_frame(gathered):
    good, twice, small = (gathered.frame(FrameName(f"{name}.jpg")) for name in ("good", "twice", "small"))
    gathered.add(twice, 1, "cat", square())
    gathered.add(twice, 1, "cat", square())
    gathered.add(small, 1, "cat", Rle(2, 2, "04"))
    gathered.frame(FrameName("large.jpg"), (8, 8))
    assert gathered.frame(FrameName("lost1.jpg")) is None
    assert gathered.frame(FrameName("lost1.jpg")) is None
    assert gathered.frame(FrameName("lost2.jpg")) is None
    content = gathered.content()
    assert list(content.frames) == [good.request_id]
    assert content.faults == (
        "a.txt: twice: object 1 is there twice; an object appears once in a frame",
        "a.txt: small: a mask is 2x2 pixels (height x width), its frame is 4x4",
        "a.txt: large: the file says 8x8 pixels (height x width), its frame is 4x4",
        "a.txt: lost1.jpg: nothing (and 1 like it)",
    )


def test_what_was_left_out_is_counted(gathered):
    frame = gathered.frame(FrameName("f1.jpg"))
    for _ in range(2):
        gathered.add(frame, 1, "cat", Rle(4, 4, "`0"))
    content = gathered.content()
    assert content.frames == {"f1": DrawnFrame(())}
    assert content.notes == ("a.txt: objects without a pixel were left out: 2",)


def test_nothing_at_all(gathered):
    with pytest.raises(BadLabel, match=r"a\.txt: it labels no frame"):
        gathered.content()
