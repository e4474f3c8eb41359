"""Which refiner answers the page, and which gestures still count."""

import logging

import pytest

from al_core.fingerprint import fingerprint_file
from al_core.interactive.learned.learned_refiner import ChosenRefiner
from al_core.interactive.learned.refiner_training import new_refiner_network
from al_core.interactive.refiner import PlainRefiner
from al_core.networks.network_state import to_bytes
from al_core.project import Project
from al_core.settings import Settings
from tasks.models.page_refiner import PageRefiner
from tasks.steps.context import Trained
from tasks.web.refining.page_gestures import PageGestures, Superseded
from tests.toys.ledgers import ledger_with_clip

SECONDS = 60


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def gestures_after(ledger, **methods):
    """The page after a round that left a network and these methods for it."""
    project = Project.at(ledger.path.parent)
    path = project.root / "refiner.pt"
    path.write_bytes(to_bytes(new_refiner_network(0)))
    left = PageRefiner("refiner.pt", fingerprint_file(path), methods)
    ledger.begin_round(Settings())
    ledger.begin_step(1, Trained.step, "a")
    ledger.finish_step(1, Trained.step, Trained(refiner=left.to_json()).to_json(), 1.0)
    return PageGestures(project, ledger), path


def test_until_the_network_is_read_the_page_does_without(ledger):
    gestures, _ = gestures_after(ledger, clicks="network", box="plain")
    assert isinstance(gestures.refiner(), PlainRefiner)
    gestures.wait(SECONDS)
    assert isinstance(gestures.refiner(), ChosenRefiner)


def test_a_network_that_is_no_better_is_never_read(ledger):
    gestures, path = gestures_after(ledger, clicks="plain", box="plain")
    path.unlink()
    gestures.refiner()
    gestures.wait(SECONDS)
    assert isinstance(gestures.refiner(), PlainRefiner)


def test_a_network_that_cannot_be_read_is_told_once(ledger, caplog):
    gestures, path = gestures_after(ledger, clicks="network")
    path.write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert isinstance(gestures.refiner(), PlainRefiner)
            gestures.wait(SECONDS)
    assert caplog.text.count("clicks and boxes are done without learning") == 1


def test_a_refiner_that_cannot_be_imported_is_told_once_and_done_without(ledger, caplog):
    gestures = PageGestures(Project.at(ledger.path.parent), ledger, lambda: "nowhere:refiner")
    assert [gestures.named() for _ in range(3)] == [None] * 3
    assert caplog.text.count("gestures are done with what is learned") == 1


def test_a_newer_gesture_ends_an_older_one_for_the_same_object(ledger):
    gestures = PageGestures(Project.at(ledger.path.parent), ledger)
    with gestures.at_work(("r1", 1)) as first, gestures.at_work(("r1", 2)) as other:
        first()
        with gestures.at_work(("r1", 1)) as second:
            with pytest.raises(Superseded):
                first()
            second()
            other()
        with pytest.raises(Superseded):
            first()
        other()


def test_a_gesture_that_another_one_overtook_is_the_older_one(ledger):
    gestures = PageGestures(Project.at(ledger.path.parent), ledger)
    with gestures.at_work(("r1", 1), 20) as newer:
        with gestures.at_work(("r1", 1), 10) as older, pytest.raises(Superseded):
            older()
        newer()
