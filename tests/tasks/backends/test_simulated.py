from dataclasses import replace

import pytest

from al_core.errors import BadLabel, UnknownName
from al_core.project import Project
from al_core.records import LabelKind, LabelRequest
from al_core.settings import Settings
from tasks.backends import BACKENDS, RequestStatus, open_backend
from tests.toys import chosen, clip, ledger_with_clip, square, times_us

NOISY = Settings().changed({"annotator.noise_pixels": 1.0})


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def backend(tmp_path, ledger, settings=NOISY):
    return open_backend(Project.at(tmp_path), ledger, None, settings)


def ask(ledger, *frames, video_id=1):
    requests = [LabelRequest.of(1, chosen(f, rank, video_id)) for rank, f in enumerate(frames)]
    ledger.put_requests(requests)
    return [r.request_id for r in requests]


def test_the_table_names_the_known_back_ends(tmp_path, ledger):
    assert set(BACKENDS) == {"simulated", "inbox"}
    with pytest.raises(UnknownName, match="unknown annotation back-end 'page'; known: inbox, simulated"):
        backend(tmp_path, ledger, Settings().changed({"annotator.backend": "page"}))


def test_every_request_is_answered_in_the_order_asked(tmp_path, ledger):
    ids = ask(ledger, 5, 2)
    one = backend(tmp_path, ledger)
    one.submit(ledger.requests(), {})
    assert one.poll([*ids, "r9"]) == {
        ids[0]: RequestStatus.ANSWERED,
        ids[1]: RequestStatus.ANSWERED,
        "r9": RequestStatus.UNKNOWN,
    }
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
    (answer,) = backend(tmp_path, ledger, Settings()).collect(ask(ledger, 4))
    assert answer.label.masks[0].rle == square()


def test_a_video_without_truth(tmp_path, ledger):
    ledger.add_video(replace(clip("bare"), sha256="b" * 64), times_us())
    with pytest.raises(BadLabel, match="knows no truth of this frame"):
        backend(tmp_path, ledger).collect(ask(ledger, 4, video_id=2))
