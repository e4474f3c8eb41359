"""What a finished step made is made again when it is damaged, and only then."""

import pytest

from al_core.fingerprint import fingerprint_file
from al_core.settings import Settings
from tasks.steps.repair import hashes_of, make_sure, mend_inputs
from tests.toys.labelled_project import deliver, finished_project, predict, step


@pytest.fixture
def project(tmp_path):
    """Two finished rounds and a third that has begun; returns (project, ledger, what is done again)."""
    project, ledger, _ = finished_project(tmp_path)
    ledger.begin_round(Settings())
    return project, ledger, []


@pytest.fixture
def hashed(project):
    """The same project, with the hashes of delivered masks noted as the step itself does; returns the file of one."""
    project_, ledger, _ = project
    hashes = hashes_of(project_, ledger.delivered_paths(2))
    ledger.reopen_step(2, "propagate")
    ledger.finish_step(2, "propagate", {"hashes": hashes}, 1.0)
    return project_.absolute(ledger.delivered_paths(2)[1])


def redoing(project):
    """Predicts or delivers again, and notes it."""
    project, ledger, redone = project

    def redo(name, round_id):
        redone.append((name, round_id))
        if name == "predict":
            predict(ledger, round_id)
            step(ledger, round_id, "predict", 1.0)
        else:
            deliver(project, ledger, round_id)

    return redo


def test_nothing_is_done_while_all_is_whole(project):
    project_, ledger, redone = project
    assert make_sure(project_, ledger, "propagate", 2, redoing(project)) == []
    assert redone == []


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(p.read_bytes()[:-20])])
def test_a_damaged_file_is_made_again_before_the_next_round(project, hashed, damage):
    project_, ledger, redone = project
    path = hashed
    whole = path.read_bytes()
    damage(path)
    redo = redoing(project)
    # The toy's predictions lie nowhere, and delivering reads them.
    _, words = make_sure(project_, ledger, "propagate", 2, redo)
    assert words == f"{ledger.delivered_paths(2)[1]}: is damaged or gone, so step 'propagate' of round 2 is done again"
    assert redone == [("predict", 2), ("propagate", 2)]
    assert path.read_bytes() == whole
    assert ledger.step(2, "propagate").status == "finished"
    assert make_sure(project_, ledger, "propagate", 2, redo) == []


def test_a_file_in_which_one_bit_flipped_is_made_again(project, hashed):
    project_, ledger, redone = project
    whole = hashed.read_bytes()
    for place in (0, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        hashed.write_bytes(damaged)
        make_sure(project_, ledger, "propagate", 2, redoing(project))
        assert redone.pop() == ("propagate", 2)
        assert hashed.read_bytes() == whole
        ledger.reopen_step(2, "propagate")
        ledger.finish_step(2, "propagate", {"hashes": hashes_of(project_, ledger.delivered_paths(2))}, 1.0)


def test_a_project_from_before_files_were_hashed_goes_on(project, hashed):
    project_, ledger, redone = project
    ledger.reopen_step(2, "propagate")
    ledger.finish_step(2, "propagate", {}, 1.0)
    assert make_sure(project_, ledger, "propagate", 2, redoing(project)) == []
    assert redone == []


def test_only_what_unfinished_steps_read_is_looked_at(project):
    project_, ledger, redone = project
    project_.absolute(ledger.delivered_paths(1)[1]).unlink()
    for name in ("select", "train"):
        step(ledger, 3, name, 1.0)
    ledger.reopen_step(3, "train")
    assert mend_inputs(project_, ledger, 3, redoing(project)) == []
    assert redone == []


def test_a_damaged_checkpoint_is_trained_again(project):
    project_, ledger, redone = project
    checkpoint = project_.round_dir(3) / "student" / "student.pth"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"weights")
    ledger.begin_step(3, "train", "0" * 64)
    result = {"checkpoint": project_.relative(checkpoint), "sha256": fingerprint_file(checkpoint)}
    ledger.finish_step(3, "train", result, 1.0)

    def train_again(name, round_id):
        assert not checkpoint.exists()
        redone.append((name, round_id))
        checkpoint.write_bytes(b"weights")
        ledger.begin_step(3, "train", "0" * 64)
        ledger.finish_step(3, "train", result, 1.0)

    checkpoint.write_bytes(b"wights")
    make_sure(project_, ledger, "train", 3, train_again)
    assert redone == [("train", 3)]
