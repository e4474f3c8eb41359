"""What every annotation back-end has to do, as tests.

A back-end is put to the test by a subclass of ``People``, which says how people use it, and a subclass of
``BackendConformance`` (all back-ends) or ``PeopleConformance`` (those at which people answer) whose fixture ``people``
makes one:

    class TestMine(PeopleConformance):
        @pytest.fixture
        def people(self, tmp_path):
            return MyPeople(tmp_path)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from al_core.errors import ToolUnreachable
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode, encode
from al_core.project import Project
from al_core.records import (
    IGNORE_CATEGORY,
    IGNORE_TRACK,
    Answer,
    FrameLabel,
    FrameRef,
    LabelKind,
    LabelRequest,
    MaskLabel,
)
from al_core.settings import Settings
from tasks.backends.protocol import Backend
from tasks.steps.context import RoundContext
from tests.toys.ledgers import chosen, clip, context_of, times_us
from tests.toys.masks import FULL, HOLED, OVER

Masks = Mapping[int, np.ndarray]
"""By track, bool [4, 6]."""

HEIGHT, WIDTH = HOLED.shape
EVERY_MASK = {
    "a hole and speckles": {1: HOLED},
    "the whole frame": {3: FULL},
    "overlapping": {1: HOLED, 2: OVER, 7: FULL},
    "nothing": {},
}


class Killed(BaseException):
    """The process ends here."""


class Frames:
    """Grey frames as bright as their number; ``before_reading`` may make trouble."""

    def __init__(self) -> None:
        self.before_reading: Callable[[], None] = lambda: None

    def read_full(self, frame: FrameRef) -> np.ndarray:
        self.before_reading()
        return np.full((HEIGHT, WIDTH, 3), 10 * frame.frame_idx, np.uint8)


class People(ABC):
    """Three frames of a video are asked for, and people answer.

    Attributes:
        requests: in ranked order, which is not that of the frames.
        name: of the back-end.
        round_id: whose requests these are.
        shows_overlaps: whether masks to start from may overlap.
        sends: whether something is sent, which may be interrupted.
        with_truth: whether the ledger holds back the truth of the video.
    """

    name: str
    round_id = 1
    shows_overlaps = True
    sends = True
    with_truth = False

    def __init__(self, folder: Path) -> None:
        self.project = Project.at(folder)
        self.frames = Frames()
        self.ledger = Ledger(folder / "ledger.duckdb", patience=5)
        truth = [self.label(i, {1: HOLED}, FrameRef(0, i)) for i in range(12)] if self.with_truth else []
        with self.ledger.held():
            self.ledger.add_categories(["object", "cat"])
            self.ledger.add_video(replace(clip(), height=HEIGHT, width=WIDTH), times_us(), truth)
            asked = [LabelRequest.of(self.round_id, chosen(frame, rank)) for rank, frame in enumerate((8, 3, 5))]
            self.ledger.put_requests(asked)
            self.requests = self.ledger.requests()
        self.ids = [request.request_id for request in self.requests]

    @property
    def settings(self) -> Settings:
        return Settings().changed({"annotator.backend": self.name})

    @property
    def context(self) -> RoundContext:
        """The round, as a process that has just started opens it."""
        return context_of(self.project, self.ledger, self.round_id, self.settings, frames=self.frames)

    @abstractmethod
    def backend(self) -> Backend:
        """A new back-end, as a process makes one that has just started."""

    @abstractmethod
    def sent(self) -> list[str]:
        """The requests that people see, one entry each time they see one, in the order in which they are asked."""

    def draw(self, request_id: str, masks: Masks) -> None:
        """A person answers with these masks of the first category; given again, it is a newer answer."""
        self.draw_label(request_id, self.label(0, masks))

    def draw_label(self, request_id: str, label: FrameLabel) -> None:
        """A person answers with masks of any category and regions to ignore; which frame it is of does not matter."""
        raise NotImplementedError

    def accept(self, request_id: str) -> None:
        """A person says that the masks shown are right."""
        raise NotImplementedError

    def revise(self, request_id: str, masks: Masks) -> None:
        """A person changes the answer that was given."""
        self.draw(request_id, masks)

    def delete(self, request_id: str) -> None:
        """A person takes an answer back before it was collected."""
        raise NotImplementedError

    def answer_unknown(self) -> None:
        """An answer for a frame that nobody asked for."""
        raise NotImplementedError

    def answer_in_wrong_size(self, request_id: str) -> None:
        """An answer whose masks have another size than the frame."""
        raise NotImplementedError

    def at_work(self) -> AbstractContextManager[None]:
        """The ledger is open."""
        return self.ledger.held()

    def down(self) -> AbstractContextManager[None]:
        """The tool is away; where it is a folder, it never is."""
        return nullcontext()

    def trouble(self) -> None:
        """What ends sending in the middle: here the process dies. Where a tool can go down, it does."""
        raise Killed

    def recover(self) -> None:
        """The tool is there again."""
        self.frames.before_reading = lambda: None

    def submit(self, proposals: Mapping[str, FrameLabel] | None = None) -> Backend:
        """Send all requests with a new back-end."""
        backend = self.backend()
        backend.submit(self.requests, proposals or {})
        return backend

    def label(self, frame_idx: int, masks: Masks, frame: FrameRef | None = None) -> FrameLabel:
        """Masks of a frame as a label."""
        found = tuple(MaskLabel(track, 1, encode(mask)) for track, mask in sorted(masks.items()))
        return FrameLabel(frame or FrameRef(1, frame_idx), found)

    def labels(self) -> dict[str, dict[int, np.ndarray]]:
        """What is in the ledger, by request, by track."""
        frames = {request.frame: request.request_id for request in self.requests}
        return {
            frames[label.frame]: {mask.track_id: decode(mask.rle) for mask in label.masks}
            for label in self.ledger.human_labels()
        }

    def collect(self, backend: Backend) -> list[Answer]:
        """The answers that are there; where they go straight into the ledger, they are looked for there."""
        return backend.collect(self.ids)

    def rejected(self, backend: Backend) -> list[str]:
        """What people were told about answers that cannot be used."""
        return backend.rejected()

    def take_in(self, backend: Backend) -> int:
        """Store what is collected; returns how much of it was new."""
        return sum(self.ledger.put_answer(answer) for answer in self.collect(backend))


def same(first: Masks, second: Masks) -> bool:
    """Pixel for pixel."""
    return first.keys() == second.keys() and all(np.array_equal(first[track], second[track]) for track in first)


class BackendConformance:
    """What every back-end does."""

    @pytest.fixture
    def people(self, tmp_path: Path) -> People:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _quick(self, people: People) -> Iterator[None]:
        """The ledger stays open during a test."""
        with people.at_work():
            yield

    def test_sent_twice_is_sent_once_in_ranked_order(self, people: People):
        people.submit()
        people.submit()
        assert people.sent() == people.ids

    def test_a_request_that_nobody_made_is_unknown(self, people: People):
        backend = people.submit()
        assert backend.collect(["r9"]) == []
        assert backend.rejected() == []

    def test_nothing_asked_nothing_done(self, people: People):
        backend = people.backend()
        backend.submit([], {})
        assert backend.collect([]) == []


class PeopleConformance(BackendConformance):
    """What a back-end does at which people answer."""

    def test_partial_answers(self, people: People):
        backend = people.submit()
        first, second, _ = people.ids
        assert people.collect(backend) == []
        people.draw(second, {1: HOLED})
        (answer,) = people.collect(backend)
        assert (answer.request_id, answer.kind) == (second, LabelKind.MASK)
        assert answer.seconds >= 0
        people.draw(first, {})
        assert [a.request_id for a in people.collect(backend)] == [first, second]

    @pytest.mark.parametrize("name", EVERY_MASK)
    def test_masks_come_back_exactly(self, people: People, name: str):
        backend = people.submit()
        people.draw(people.ids[0], EVERY_MASK[name])
        assert people.take_in(backend) == 1
        assert same(people.labels()[people.ids[0]], EVERY_MASK[name])

    @pytest.mark.parametrize("name", [name for name in EVERY_MASK if EVERY_MASK[name]])
    def test_masks_that_are_shown_and_accepted_come_back_exactly(self, people: People, name: str):
        if len(EVERY_MASK[name]) > 1 and not people.shows_overlaps:
            pytest.skip("the masks that it shows cannot overlap")
        shown = people.label(people.requests[0].frame.frame_idx, EVERY_MASK[name])
        backend = people.submit({people.ids[0]: shown})
        assert people.collect(backend) == []
        people.accept(people.ids[0])
        (answer,) = people.collect(backend)
        assert answer.kind is LabelKind.ACCEPT
        assert answer.label == shown

    def test_what_is_shown_and_corrected_is_no_acceptance(self, people: People):
        backend = people.submit({people.ids[0]: people.label(8, {1: HOLED})})
        people.draw(people.ids[0], {1: OVER})
        people.draw(people.ids[1], {})
        corrected, absent = people.collect(backend)
        assert (corrected.kind, absent.kind) == (LabelKind.MASK, LabelKind.ABSENT)

    def test_an_ignore_region_alone_is_not_an_empty_frame(self, people: People):
        backend = people.submit()
        ignored = MaskLabel(IGNORE_TRACK, IGNORE_CATEGORY, encode(OVER))
        people.draw_label(people.ids[0], FrameLabel(people.requests[0].frame, (ignored,)))
        (answer,) = people.collect(backend)
        assert answer.kind is LabelKind.MASK
        assert answer.seconds > 0
        assert [mask.ignore for mask in answer.label.masks] == [True]

    def test_a_corrected_category_is_a_correction(self, people: People):
        shown = people.label(people.requests[0].frame.frame_idx, {1: HOLED})
        backend = people.submit({people.ids[0]: shown})
        people.draw_label(people.ids[0], replace(shown, masks=(MaskLabel(1, 2, encode(HOLED)),)))
        (answer,) = people.collect(backend)
        assert answer.kind is LabelKind.MASK
        assert [mask.category_id for mask in answer.label.masks] == [2]

    def test_collected_again_an_answer_is_the_same(self, people: People):
        backend = people.submit()
        people.draw(people.ids[0], {1: HOLED})
        first = people.collect(backend)
        assert people.collect(backend) == first
        assert people.take_in(backend) == 1
        assert people.take_in(people.backend()) == 0

    def test_given_twice_the_newer_answer_counts(self, people: People):
        backend = people.submit()
        people.draw(people.ids[0], {1: HOLED})
        people.draw(people.ids[0], {2: OVER})
        assert {answer.request_id for answer in people.collect(backend)} == {people.ids[0]}
        people.take_in(backend)
        assert same(people.labels()[people.ids[0]], {2: OVER})

    def test_an_edit_after_it_was_collected(self, people: People):
        backend = people.submit()
        people.draw(people.ids[0], {1: HOLED})
        people.take_in(backend)
        people.revise(people.ids[0], {1: OVER})
        assert people.take_in(backend) == 1
        assert same(people.labels()[people.ids[0]], {1: OVER})
        people.revise(people.ids[0], {1: HOLED})
        assert people.take_in(people.backend()) == 1
        assert same(people.labels()[people.ids[0]], {1: HOLED})

    def test_an_answer_that_was_taken_back_is_none(self, people: People):
        backend = people.submit()
        people.draw(people.ids[0], {1: HOLED})
        people.draw(people.ids[1], {1: OVER})
        people.delete(people.ids[0])
        assert [a.request_id for a in people.collect(backend)] == [people.ids[1]]

    def test_an_answer_for_an_unknown_frame_is_told_once_and_disturbs_nothing(self, people: People):
        backend = people.submit()
        people.answer_unknown()
        people.draw(people.ids[0], {1: HOLED})
        assert [a.request_id for a in people.collect(backend)] == [people.ids[0]]
        (message,) = people.rejected(backend)
        assert "asked for" in message or "unknown request" in message
        people.collect(backend)
        assert people.rejected(backend) == []

    def test_a_wrong_size_is_told_once_and_can_be_mended(self, people: People):
        backend = people.submit()
        people.answer_in_wrong_size(people.ids[0])
        assert people.collect(backend) == []
        (message,) = people.rejected(backend)
        assert f"{HEIGHT}x{WIDTH}" in message
        people.collect(backend)
        assert people.rejected(backend) == []
        people.draw(people.ids[0], {1: HOLED})
        assert people.take_in(backend) == 1

    def test_down_in_the_middle_of_sending(self, people: People):
        if not people.sends:
            pytest.skip("nothing is sent")
        shown = {r.request_id: people.label(r.frame.frame_idx, {1: HOLED}) for r in people.requests}
        with _at_frame(people, 2), pytest.raises((Killed, ToolUnreachable)):
            people.submit(shown)
        people.recover()
        backend = people.submit(shown)
        assert people.sent() == people.ids
        for request_id in people.ids:
            people.accept(request_id)
        assert {a.kind for a in people.collect(backend)} == {LabelKind.ACCEPT}

    def test_down_between_answers(self, people: People):
        backend = people.submit()
        people.draw(people.ids[0], {1: HOLED})
        before = people.collect(backend)
        with people.down():
            assert people.collect(people.backend()) == before
        people.draw(people.ids[1], {2: OVER})
        later = people.backend()
        assert people.collect(later)[0] == before[0]
        assert people.take_in(later) == 2
        assert same(people.labels()[people.ids[1]], {2: OVER})


@contextmanager
def _at_frame(people: People, number: int) -> Iterator[None]:
    """Trouble comes when the back-end reads its frame of that number."""
    count = 0

    def before_reading() -> None:
        nonlocal count
        count += 1
        if count == number:
            people.trouble()

    people.frames.before_reading = before_reading
    yield
    assert count >= number
