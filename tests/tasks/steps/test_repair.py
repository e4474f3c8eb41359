"""What a finished step made is made again when it is damaged, and only then."""

import json
from dataclasses import replace

import pytest

from al_core.fingerprint import fingerprint_file
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from al_core.stores.file_hashes import FILE
from tasks.steps.context import Predicted, Propagated, RoundContext, Trained, hashes_of
from tasks.steps.repair import repair_inputs, repair_step
from tasks.steps.table import STEPS
from tests.toys.labelled_project import delivered_masks, finished_project, predict, step


class Place:
    """Two finished rounds and a third that has begun, and steps that note how often they are done."""

    def __init__(self, folder):
        self.project, self.ledger, _ = finished_project(folder)
        self.ledger.begin_round(Settings())
        self.redone = []
        works = {"train": self._train, "predict": self._predict, "propagate": self._propagate}
        self.steps = {
            name: replace(step, inputs=lambda context: {}, work=works.get(name, step.work))
            for name, step in STEPS.items()
        }

    def context(self, round_id):
        return RoundContext(self.project, self.ledger, round_id)

    def repair(self, name, round_id):
        return repair_step(self.context(round_id), name, self.steps)

    def finish(self, round_id, result):
        """The step of this result has just been done."""
        self.ledger.reopen_step(round_id, result.step)
        self.ledger.finish_step(round_id, result.step, result.to_json(), 1.0)

    def train(self, round_id):
        """A round that is trained; returns its checkpoint."""
        checkpoint = self.project.round_dir(round_id) / "student" / "student.pth"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b"weights")
        self.ledger.begin_step(round_id, "train", "0" * 64)
        self.finish(round_id, Trained(self.project.relative(checkpoint), fingerprint_file(checkpoint)))
        return checkpoint

    def _train(self, context):
        self.redone.append(("train", context.round_id))
        checkpoint = context.project.round_dir(context.round_id) / "student" / "student.pth"
        assert not checkpoint.exists()
        checkpoint.write_bytes(b"weights")
        return Trained(context.project.relative(checkpoint), fingerprint_file(checkpoint))

    def _predict(self, context):
        self.redone.append(("predict", context.round_id))
        predict(self.ledger, context.round_id)
        return Predicted()

    def _propagate(self, context):
        self.redone.append(("propagate", context.round_id))
        path = self.project.round_dir(context.round_id) / "delivered" / "1.parquet"
        summary = write_delivered(path, delivered_masks(context.round_id))
        self.ledger.put_delivered(context.round_id, 1, self.project.relative(path), 5, summary)
        return Propagated(hashes=hashes_of(self.project, self.ledger.delivered_paths(context.round_id)))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def hashed(place):
    """Delivered masks of round 2 whose hash is noted, as the step itself does; returns the file."""
    paths = place.ledger.delivered_paths(2)
    place.finish(2, Propagated(hashes=hashes_of(place.project, paths)))
    return place.project.absolute(paths[1])


def test_nothing_is_done_while_all_is_whole(place):
    assert place.repair("propagate", 2) == []
    assert place.redone == []


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(p.read_bytes()[:-20])])
def test_a_damaged_file_is_made_again_after_what_it_needs(place, hashed, damage):
    whole = hashed.read_bytes()
    damage(hashed)
    # The toy's predictions lie nowhere, and delivering reads them.
    _, words = place.repair("propagate", 2)
    path = place.ledger.delivered_paths(2)[1]
    assert words == f"{path}: is damaged or gone, so step 'propagate' of round 2 is done again"
    assert place.redone == [("predict", 2), ("propagate", 2)]
    assert hashed.read_bytes() == whole
    assert place.ledger.step(2, "propagate").status == "finished"
    assert place.repair("propagate", 2) == []


def test_a_file_in_which_one_bit_flipped_is_made_again(place, hashed):
    whole = hashed.read_bytes()
    for byte in (0, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[byte] ^= 1
        hashed.write_bytes(damaged)
        place.repair("propagate", 2)
        assert place.redone.pop() == ("propagate", 2)
        assert hashed.read_bytes() == whole


def test_a_project_from_before_files_were_hashed_goes_on(place, hashed):
    place.finish(2, Propagated())
    assert place.repair("propagate", 2) == []
    assert place.redone == []


def test_what_an_unfinished_step_reads_is_made_again(place, hashed):
    """Asking people shows what the round before delivered."""
    step(place.ledger, 3, "select", 1.0)
    hashed.unlink()
    words = repair_inputs(place.context(3), place.steps)
    assert [text.split("step ")[1] for text in words] == [
        "'predict' of round 2 is done again",
        "'propagate' of round 2 is done again",
    ]
    assert hashed.is_file()


def test_a_disk_that_loses_bits_by_itself_is_found_out_once_a_step_did_not_end(place, hashed):
    step(place.ledger, 3, "select", 1.0)
    noted = fingerprint_file(hashed)
    hashed.write_bytes(hashed.read_bytes()[::-1])
    state = hashed.stat()
    kept = place.project.cache / "hashes" / FILE
    kept.parent.mkdir(parents=True)
    # Nothing that the file system says changed since the file was read.
    unchanged = [state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns, noted]
    kept.write_text(json.dumps({str(hashed): unchanged}))
    assert repair_inputs(place.context(3), place.steps) == []
    place.ledger.begin_step(3, "request", "0" * 64)
    assert len(repair_inputs(place.context(3), place.steps)) == 2
    assert fingerprint_file(hashed) == noted


def test_only_what_unfinished_steps_read_is_looked_at(place):
    place.project.absolute(place.ledger.delivered_paths(1)[1]).unlink()
    for name in ("select", "request", "train"):
        step(place.ledger, 3, name, 1.0)
    place.ledger.reopen_step(3, "train")
    assert repair_inputs(place.context(3), place.steps) == []
    assert place.redone == []


def test_a_damaged_checkpoint_is_trained_again(place):
    checkpoint = place.train(3)
    checkpoint.write_bytes(b"wights")
    place.repair("train", 3)
    assert place.redone == [("train", 3)]
    assert checkpoint.read_bytes() == b"weights"


def test_a_result_that_names_no_checkpoint_is_left_alone(place):
    assert place.repair("train", 2) == []
