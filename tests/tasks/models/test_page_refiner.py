"""The refiner of the page: what it is trained on, what it is compared on, what the ledger keeps of it."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from al_core.errors import BadCheckpoint, TrainingDiverged
from al_core.interactive.learned import refiner_choice, refiner_training
from al_core.interactive.learned.learned_refiner import ChosenRefiner, LearnedRefiner, Method
from al_core.interactive.learned.refiner_choice import Choice, is_held_out
from al_core.interactive.refiner import PlainRefiner
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import IGNORE_CATEGORY, IGNORE_TRACK, FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from tasks.engines.jobs import Place
from tasks.models import page_refiner
from tasks.models.page_refiner import PageRefiner, newest_refiner, read_page_refiner, train_page_refiner
from tasks.steps.context import Trained
from tests.toys.engines.worker_here import work_elsewhere
from tests.toys.footage.disk_scenes import scene
from tests.toys.ledgers import asked, context_of, ledger_with_clip, mask_answer

SCENES = [scene(i) for i in range(24)]
LABELS = [FrameLabel(FrameRef(1, i), (MaskLabel(1, 1, encode(s.masks[0])),)) for i, s in enumerate(SCENES)]
BETTER = {"clicks": "network_colours", "corrections": "plain", "box": "plain"}


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


@pytest.fixture
def compared(monkeypatch):
    """What is compared, which takes no time: the network is better for clicks."""
    frames = []

    def choose(methods, held_out, seed):
        frames.append(held_out)
        return {g: Choice(Method(m), {Method.PLAIN: 0.5, Method(m): 0.625}, len(held_out)) for g, m in BETTER.items()}

    monkeypatch.setattr(refiner_choice, "choose_refiners", choose)
    return frames


def context(ledger, round_id=1, labels=LABELS, seconds=0.01, **changes):
    """A round of a project whose people use the page; a training is over after one step."""
    settings = Settings().changed({"annotator.refiner_seconds": seconds} | changes)
    frames = SimpleNamespace(read_full=lambda frame: SCENES[frame.frame_idx].image)
    project = Project.at(ledger.path.parent)
    return context_of(project, ledger, round_id, settings, labels_collected=labels, frames=frames)


def finished(ledger, round_id, refiner):
    """A round that trained, and left this for the page."""
    ledger.begin_round(Settings())
    ledger.begin_step(round_id, Trained.step, "a")
    ledger.finish_step(round_id, Trained.step, Trained(refiner=refiner.to_json()).to_json(), 1.0)
    ledger.finish_round(round_id, None)


def test_it_is_trained_compared_and_read_again(ledger, compared):
    found = train_page_refiner(context(ledger), None)
    assert (found.methods, found.learned, found.note) == (BETTER, True, "")
    assert found.iou["clicks"] == {"plain": 0.5, "network_colours": 0.625}
    finished(ledger, 1, found)
    assert newest_refiner(ledger) == found
    refiner = read_page_refiner(Project.at(ledger.path.parent), newest_refiner(ledger))
    assert isinstance(refiner, ChosenRefiner)
    assert isinstance(refiner.clicks, LearnedRefiner)
    assert isinstance(refiner.box, PlainRefiner)


def test_a_worker_trains_the_same_to_the_byte_and_once(ledger, compared, tmp_path, monkeypatch):
    monkeypatch.setattr(refiner_training, "TrainingLimits", partial(refiner_training.TrainingLimits, side=32))
    steps = {"annotator.refiner_steps": 3}
    project = Project.at(ledger.path.parent)
    here = train_page_refiner(context(ledger, **steps), None)
    network = project.absolute(here.file).read_bytes()
    project.absolute(here.file).unlink()
    worker = work_elsewhere(monkeypatch, page_refiner, tmp_path / "elsewhere")
    frames = SimpleNamespace(read_full=lambda frame: SCENES[frame.frame_idx].image)
    monkeypatch.setattr(Place, "frames", lambda *_: frames)
    assert train_page_refiner(context(ledger, **steps), None) == here
    assert project.absolute(here.file).read_bytes() == network
    assert worker.done == ["refiner"]


def test_no_frame_is_learnt_from_and_compared_on(ledger, compared, monkeypatch):
    learnt = []
    monkeypatch.setattr(refiner_training, "train_refiner", lambda network, frames, *_: learnt.append(frames) or 1)
    train_page_refiner(context(ledger), None)
    held = [bool(is_held_out(label.frame)) for label in LABELS]
    assert 2 < sum(held) < 12
    for frames, side in ((learnt[0], False), (compared[0], True)):
        wanted = [scene.image for scene, out in zip(SCENES, held, strict=True) if out is side]
        assert len(frames) == len(wanted)
        assert all(np.array_equal(f.image, image) for f, image in zip(frames, wanted, strict=True))


def test_a_second_call_trains_no_more_and_a_later_round_goes_on_from_it(ledger, compared, monkeypatch):
    first = train_page_refiner(context(ledger), None)
    calls = []
    train = refiner_training.train_refiner
    monkeypatch.setattr(refiner_training, "train_refiner", lambda *a: calls.append(a[0]) or train(*a))
    assert train_page_refiner(context(ledger), None) == first
    assert not calls
    start = Project.at(ledger.path.parent).absolute(first.file)
    second = train_page_refiner(context(ledger, 2), start)
    assert len(calls) == 1
    assert second.file != first.file
    start.write_bytes(b"damaged")
    assert "random weights" in train_page_refiner(context(ledger, 3), start).note


@pytest.mark.parametrize(
    "changes",
    [{"seconds": 0}, {"annotator.backend": "inbox"}, {"labels": LABELS[:6]}, {"labels": []}],
    ids=["no time", "another tool", "few labels", "no labels"],
)
def test_without_time_page_or_labels_there_is_none(ledger, changes):
    assert train_page_refiner(context(ledger, **changes), None) is None


def test_frames_without_objects_teach_nothing(ledger):
    ignored = MaskLabel(IGNORE_TRACK, IGNORE_CATEGORY, LABELS[0].masks[0].rle)
    empty = [FrameLabel(label.frame, (ignored,) if i % 2 else ()) for i, label in enumerate(LABELS)]
    assert train_page_refiner(context(ledger, labels=empty), None) is None


def test_what_a_click_came_to_is_neither_learnt_from_nor_compared_on(ledger):
    parts = [FrameLabel(label.frame, label.masks, complete=False) for label in LABELS]
    assert train_page_refiner(context(ledger, labels=parts), None) is None


def test_a_training_that_fails_leaves_the_page_as_it_is(ledger, monkeypatch):
    def fail(*_):
        raise TrainingDiverged("refiner: the loss is nan")

    monkeypatch.setattr(refiner_training, "train_refiner", fail)
    found = train_page_refiner(context(ledger), None)
    assert (found.learned, found.file, found.note) == (False, "", "refiner: the loss is nan")


def test_what_was_drawn_with_a_network_is_not_compared_on(ledger, compared, monkeypatch):
    monkeypatch.setattr(page_refiner, "FEWEST_FRAMES", 1)
    for i, request in enumerate(asked(ledger, *range(12))):
        ledger.put_answer(mask_answer(request, f"a{i}"))
    held = [i for i in range(12) if is_held_out(FrameRef(1, i))]
    assert len(held) > 1
    finished(ledger, 1, PageRefiner("refiner.pt", "0" * 64, BETTER))
    (again,) = asked(ledger, held[0], round_id=2)
    ledger.put_answer(mask_answer(again, "again", encode(np.eye(4, dtype=bool))))
    labels = ledger.human_labels(up_to_round=2)
    train_page_refiner(context(ledger, 2, labels), None)
    train_page_refiner(context(ledger, 1, labels), None)
    assert [len(frames) for frames in compared] == [len(held) - 1, len(held)]


def test_the_newest_round_that_stands_counts(ledger):
    assert newest_refiner(ledger) == PageRefiner()
    finished(ledger, 1, PageRefiner("1.pt", "1" * 64, BETTER))
    finished(ledger, 2, PageRefiner("2.pt", "2" * 64, BETTER))
    assert newest_refiner(ledger).file == "2.pt"
    ledger.begin_round(Settings())
    ledger.begin_step(3, Trained.step, "a")
    ledger.finish_step(3, Trained.step, Trained(refiner=PageRefiner("3.pt").to_json()).to_json(), 1.0)
    ledger.abandon_round("eve")
    assert newest_refiner(ledger).file == "2.pt"


def test_a_file_that_is_gone_or_was_changed_is_told(ledger, compared):
    project = Project.at(ledger.path.parent)
    found = train_page_refiner(context(ledger), None)
    project.absolute(found.file).write_bytes(b"other")
    with pytest.raises(BadCheckpoint, match="gone or was changed"):
        read_page_refiner(project, found)
    project.absolute(found.file).unlink()
    with pytest.raises(BadCheckpoint, match="gone or was changed"):
        read_page_refiner(project, found)


def test_large_frames_and_many_objects_are_brought_to_a_size(ledger, monkeypatch):
    monkeypatch.setattr(page_refiner, "LONG_SIDE", 32)
    monkeypatch.setattr(page_refiner, "MOST_OBJECTS", 1)
    small = np.zeros((64, 64), bool)
    small[:8, :8] = True
    label = FrameLabel(FrameRef(1, 0), (MaskLabel(2, 1, encode(small)), *LABELS[0].masks))
    (frame,) = page_refiner.read_objects(context(ledger).frames, [label])
    assert frame.image.shape == (32, 32, 3)
    (mask,) = frame.masks
    assert abs(4 * int(mask.sum()) - int(SCENES[0].masks[0].sum())) < 60


def test_many_labels_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(page_refiner, "MOST_FRAMES", 4)
    assert page_refiner.spread(list(range(10))) == [0, 3, 6, 9]
    assert page_refiner.spread([]) == []


def test_what_the_page_uses_in_words():
    assert PageRefiner().in_words() == ""
    assert PageRefiner(note="the loss is nan").in_words() == "The page makes masks without learning: the loss is nan."
    few = PageRefiner("1.pt", "1" * 64, dict.fromkeys(BETTER, "plain"), {key: {} for key in BETTER}, 3)
    assert "3 held-out objects are too few" in few.in_words()
    iou = {"clicks": {"plain": 0.5, "network": 0.55, "network_colours": 0.625}, "box": {"plain": 0.75, "network": 0.5}}
    assert PageRefiner("1.pt", "1" * 64, BETTER, iou, 16).in_words() == (
        "The page's refiner, IoU on 16 held-out objects: more clicks from nothing with learning 0.62 (without it "
        "0.50), boxes without learning 0.75 (with it 0.50)."
    )
