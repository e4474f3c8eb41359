"""Frames that SAM 2's network looks at before anybody has them in hand, with weights drawn at random."""

import logging
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from al_core.errors import BadVideo
from al_core.interactive.clicks import Click
from al_core.masks.rle import Rle, decode
from al_core.records import FrameRef
from al_core.settings import Settings
from tasks.web.refining.embedded_frames import NICENESS, EmbeddedFrames
from tests.toys.models.tiny_sam import tiny_sam
from tests.toys.web.desk import desk

pytest.importorskip("transformers", reason="the extra sam is not installed")

EACH = 65_536
"""Bytes of an embedding of the small network."""

QUEUE = [FrameRef(1, i) for i in range(500)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_sam(tmp_path_factory.mktemp("weights")))


class Desk:
    """What the page knows: the settings, the queue, the frames, and which of them were read."""

    def __init__(self, weights: str, room: int) -> None:
        self.weights = weights
        self.waiting = list(QUEUE)
        self.reads: list[FrameRef] = []
        self.embedded = EmbeddedFrames(lambda: self.weights, lambda: self.waiting, self.read, room * EACH)

    def read(self, frame: FrameRef) -> np.ndarray:
        self.reads.append(frame)
        return np.random.default_rng(frame.frame_idx).integers(0, 256, (24, 32, 3), np.uint8)

    def seen(self) -> list[int]:
        return [frame.frame_idx for frame in QUEUE if frame in self.embedded]


def test_the_frames_that_come_next_are_seen_as_far_as_memory_goes(weights: str) -> None:
    desk = Desk(weights, room=4)
    desk.embedded.look()
    assert desk.seen() == [0, 1, 2, 3]
    assert desk.embedded.n_bytes == 4 * EACH
    desk.embedded.look()
    assert len(desk.reads) == 4
    desk.waiting = QUEUE[2:]
    desk.embedded.look()
    assert desk.seen() == [2, 3, 4, 5]
    assert len(desk.reads) == 6


def test_a_gesture_is_answered_from_what_was_seen(weights: str) -> None:
    desk = Desk(weights, room=4)
    assert desk.embedded.refiner(QUEUE[0]) is None
    desk.embedded.look()
    desk.reads.clear()
    image, nothing = desk.read(QUEUE[1]), np.zeros((24, 32), np.float32)
    refiner = desk.embedded.refiner(QUEUE[1])
    assert refiner is not None
    assert refiner.with_clicks(image, nothing, [Click(5, 6, True)])[6, 5]
    assert desk.reads == [QUEUE[1]]
    late = desk.embedded.refiner(QUEUE[400])
    assert late is not None
    assert late.with_clicks(desk.read(QUEUE[400]), nothing, [Click(5, 6, True)])[6, 5]
    assert QUEUE[400] in desk.embedded
    assert desk.embedded.n_bytes == 4 * EACH


def test_two_who_ask_at_once_wait_for_one_look(weights: str) -> None:
    desk = Desk(weights, room=4)
    desk.waiting = []
    desk.embedded.look()
    both = threading.Barrier(2)
    inside = threading.Event()
    masks = []

    def read(frame: FrameRef) -> np.ndarray:
        inside.wait(5)
        return desk.read(frame)

    desk.embedded._read = read

    def ask() -> None:
        refiner = desk.embedded.refiner(QUEUE[7])
        both.wait()
        masks.append(refiner.with_clicks(np.zeros((24, 32, 3), np.uint8), np.zeros((24, 32), np.float32),
                                         [Click(5, 6, True)]))  # fmt: skip

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not desk.embedded._making:
        time.sleep(0.001)
    inside.set()
    for thread in threads:
        thread.join()
    assert np.array_equal(*masks)
    assert desk.reads == [QUEUE[7]]


def test_a_frame_that_cannot_be_read_is_told_to_who_asked_and_tried_again(weights: str) -> None:
    desk = Desk(weights, room=4)
    desk.waiting = []
    desk.embedded.look()

    def gone(_: FrameRef) -> np.ndarray:
        raise OSError("gone")

    desk.embedded._read = gone
    refiner = desk.embedded.refiner(QUEUE[0])
    assert refiner is not None
    with pytest.raises(OSError, match="gone"):
        refiner.embedding()
    desk.embedded._read = desk.read
    assert refiner.embedding()
    assert desk.seen() == [0]


def test_a_frame_of_the_queue_that_cannot_be_read_is_passed_over(weights: str) -> None:
    desk = Desk(weights, room=4)

    def read(frame: FrameRef) -> np.ndarray:
        if frame.frame_idx == 1:
            raise BadVideo("its file is gone")
        return desk.read(frame)

    desk.embedded._read = read
    desk.embedded.look()
    assert desk.seen() == [0, 2, 3, 4]


def test_weights_that_are_no_longer_named_are_let_go(weights: str) -> None:
    desk = Desk(weights, room=4)
    desk.embedded.look()
    before = desk.embedded.refiner(QUEUE[0])
    desk.weights = ""
    desk.embedded.look()
    assert desk.embedded.refiner(QUEUE[0]) is None
    assert desk.embedded.n_bytes == 0
    # Who has a gesture at work still gets its mask, and nothing is kept for others.
    assert before is not None
    assert before.with_clicks(desk.read(QUEUE[0]), np.zeros((24, 32), np.float32), [Click(5, 6, True)])[6, 5]
    assert desk.embedded.n_bytes == 0


def test_a_folder_that_cannot_be_used_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(str(tmp_path), room=4)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            desk.embedded.look()
            assert desk.embedded.refiner(QUEUE[0]) is None
    assert caplog.text.count("clicks and boxes are done without SAM 2") == 1
    assert desk.reads == []


def test_the_page_answers_with_the_network_that_the_settings_name(weights: str, tmp_path: Path) -> None:
    with desk(tmp_path) as office:
        office.ledger.finish_round(2, None)
        office.ledger.begin_round(Settings().changed({"annotator.backend": "page", "propagation.sam_weights": weights}))
        office.ask(3, 4, round_id=3)
        embedded = office.app.state.label_cache.embedded
        embedded.look()
        assert FrameRef(1, 3) in embedded
        assert FrameRef(1, 4) in embedded
        ada = office.person("ada")
        task = ada.post("/api/next").json()
        asked = {"lease": task["lease"]["token"], "track_id": 7, "clicks": [{"x": 10, "y": 12, "positive": True}]}
        said = ada.post(f"/api/requests/{task['request_id']}/refine", json=asked).json()["rle"]
        found = decode(Rle(*said["size"], said["counts"]))
        refiner = embedded.refiner(FrameRef(1, 3))
        image = office.app.state.label_cache.image(FrameRef(1, 3))
        nothing = np.zeros(found.shape, np.float32)
        assert np.array_equal(found, refiner.with_clicks(image, nothing, [Click(10, 12, True)]))


def test_a_thread_looks_at_what_enters_the_queue_and_ends_with_the_block(weights: str) -> None:
    desk = Desk(weights, room=8)
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with desk.embedded:
        while len(desk.seen()) < 2:
            time.sleep(0.01)
        if sys.platform == "linux":
            its = desk.embedded._thread._thread.native_id
            assert os.getpriority(os.PRIO_PROCESS, its) == max(NICENESS, mine)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine
    assert not desk.embedded._thread._thread.is_alive()
    assert len(desk.reads) == len(set(desk.reads))
