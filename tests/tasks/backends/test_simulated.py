from dataclasses import replace

import numpy as np
import pytest

from al_core.errors import BadLabel, UnknownName
from al_core.masks.rle import decode, encode
from al_core.project import Project
from al_core.records import DeliveredMask, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel, Provenance
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.backends import BACKENDS, open_backend
from tests.toys.ledgers import SQUARE, chosen, clip, context_of, ledger_with_clip, square, times_us

NO_NOISE = Settings().changed({"annotator.backend": "simulated"})
NOISY = NO_NOISE.changed({"annotator.noise_pixels": 1.0})


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


class PaintedFrames:
    """The object is white on black; it notes which frames are read."""

    def __init__(self, truth=SQUARE):
        self.truth, self.reads = truth, []

    def read_full(self, frame):
        self.reads.append(frame.frame_idx)
        return np.where(self.truth[..., None], np.uint8([255] * 3), np.uint8([0] * 3))


def backend(tmp_path, ledger, settings=NOISY, frames=None):
    return open_backend(context_of(Project.at(tmp_path), ledger, 1, settings, frames=frames))


def ask(ledger, *frames, video_id=1, round_id=1, kind=LabelKind.MASK):
    chosen_frames = [replace(chosen(f, rank, video_id), kind=kind) for rank, f in enumerate(frames)]
    requests = [LabelRequest.of(round_id, frame) for frame in chosen_frames]
    ledger.put_requests(requests)
    return [r.request_id for r in requests]


def test_the_table_names_the_known_back_ends(tmp_path, ledger):
    assert {"simulated", "inbox", "label_studio", "cvat"} <= set(BACKENDS)
    with pytest.raises(UnknownName, match="unknown annotation back-end 'paper'; known: .*inbox"):
        backend(tmp_path, ledger, Settings().changed({"annotator.backend": "paper"}))


def test_every_request_is_answered_in_the_order_asked(tmp_path, ledger):
    ids = ask(ledger, 5, 2)
    one = backend(tmp_path, ledger)
    one.submit(ledger.requests(), {})
    answers = one.collect([ids[1], ids[0]])
    assert [a.label.frame.frame_idx for a in answers] == [2, 5]
    assert {(a.kind, a.seconds) for a in answers} == {(LabelKind.MASK, 80.0)}
    assert one.rejected() == []


def test_asked_alone_or_together_the_answer_is_the_same(tmp_path, ledger):
    ids = ask(ledger, 5, 2, 9)
    together = backend(tmp_path, ledger).collect(ids)
    alone = [backend(tmp_path, ledger).collect([i])[0] for i in reversed(ids)]
    assert together == alone[::-1]


def test_without_noise_it_draws_the_truth(tmp_path, ledger):
    (answer,) = backend(tmp_path, ledger, NO_NOISE).collect(ask(ledger, 4))
    assert answer.label.masks[0].rle == square()


def test_a_video_without_truth(tmp_path, ledger):
    ledger.add_video(replace(clip("bare"), sha256="b" * 64), times_us())
    with pytest.raises(BadLabel, match="knows no truth of this frame"):
        backend(tmp_path, ledger).collect(ask(ledger, 4, video_id=2))


def deliver(tmp_path, ledger, round_id, mask, video_id=1):
    """Round ``round_id`` delivered a mask for frames 4 and 5."""
    while len(ledger.rounds()) < round_id:
        ledger.begin_round(Settings())
        ledger.finish_round(len(ledger.rounds()), None)
    project = Project.at(tmp_path)
    path = project.round_dir(round_id) / "delivered" / "clip.parquet"
    write_delivered(path, [DeliveredMask(i, 1, 1, Provenance.PROPAGATED, 0.5, encode(mask)) for i in (4, 5)])
    ledger.put_delivered(round_id, video_id, project.relative(path), 2, [("propagated", 2, 2, 0.5)])


class TestKinds:
    EXACT = NO_NOISE.changed({"annotator.click_noise_pixels": 0, "annotator.judgement_error": 0})

    def test_what_the_round_before_delivered_is_looked_at(self, tmp_path, ledger):
        deliver(tmp_path, ledger, 1, SQUARE)
        deliver(tmp_path, ledger, 2, ~SQUARE)
        frames = PaintedFrames()
        looked = backend(tmp_path, ledger, self.EXACT, frames).collect(
            [*ask(ledger, 4, round_id=2, kind=LabelKind.ACCEPT), *ask(ledger, 5, round_id=3, kind=LabelKind.ACCEPT)]
        )
        assert [(a.kind, a.seconds) for a in looked] == [(LabelKind.ACCEPT, 2.0), (LabelKind.REJECT, 2.0)]
        assert frames.reads == []

    def test_a_click_corrects_it_in_the_frame(self, tmp_path, ledger):
        truth = np.zeros((32, 32), bool)
        truth[8:24, 8:24] = True
        half = truth & (np.arange(32) >= 16)
        drawn = FrameLabel(FrameRef(0, 4), (MaskLabel(1, 1, encode(truth)),))
        ledger.add_video(replace(clip("large"), height=32, width=32), times_us(), [drawn])
        deliver(tmp_path, ledger, 1, half, video_id=2)
        frames = PaintedFrames(truth)
        (answer,) = backend(tmp_path, ledger, self.EXACT, frames).collect(
            ask(ledger, 4, video_id=2, round_id=2, kind=LabelKind.CLICK)
        )
        assert frames.reads == [4]
        assert answer.kind is LabelKind.CLICK
        mask = decode(answer.label.masks[0].rle)
        assert np.count_nonzero(mask ^ truth) < np.count_nonzero(half ^ truth)

    def test_a_whole_mask_is_drawn_whatever_was_delivered(self, tmp_path, ledger):
        deliver(tmp_path, ledger, 1, SQUARE)
        (answer,) = backend(tmp_path, ledger).collect(ask(ledger, 4, round_id=2))
        assert (answer.kind, answer.seconds) == (LabelKind.MASK, 80.0)
