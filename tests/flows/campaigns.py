"""Campaigns of the toy project, run by the real command, undisturbed or killed, and compared."""

import signal
import time

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.stores.delivered import read_delivered
from tests.toys.prefect.shared import migrated, share_trials
from tests.toys.processes.prepared import PreparedCommand
from tests.toys.projects import fewframes, write_clip, write_settings

BY_VALUE = ("--set", "selection.strategy=value", "--set", "selection.control_share=0.5")
"""Half of the frames are chosen by their value, half at random."""

STEPS = ["select", "request", "collect", "train", "predict", "propagate", "audit"]


def begin(folder, trials, name="project"):
    """Ingest the toy clip, whose student was tried; returns the project and the command that runs its campaign."""
    folder.mkdir(exist_ok=True)
    root = folder / name
    done = fewframes("ingest", write_clip(folder / "data"), "--project", root)
    assert done.returncode == 0, done.stderr
    project = Project.at(root)
    migrated(project.prefect_home)
    share_trials(project, trials)
    return project, ("run", "--project", root, "--settings", write_settings(folder), *BY_VALUE)


def run_campaign(folder, trials):
    """Ingest the toy clip and run its campaign to the end; returns the project."""
    project, arguments = begin(folder, trials)
    done = fewframes(*arguments)
    assert done.returncode == 0, done.stderr
    return project


def delivered(project):
    """Everything that the last round delivered: (frame, track, provenance, mask), masks as RLE."""
    ledger = Ledger(project.ledger_path)
    (path,) = ledger.delivered_paths(ledger.last_delivered_round()).values()
    return [
        (frame_idx, m.track_id, m.provenance, m.rle)
        for frame_idx, masks in read_delivered(project.absolute(path))
        for m in masks
    ]


def same_labels(project, other):
    """Whether two projects hold the same human labels and deliver the same masks."""
    labels = [Ledger(p.ledger_path).human_labels() for p in (project, other)]
    return labels[0] == labels[1] and delivered(project) == delivered(other)


def kill_and_run_again(arguments, delays, finish=True):
    """Start a command and kill it after each delay in seconds; then let it finish. Returns how many were killed."""
    killed = 0
    for delay in delays:
        process = PreparedCommand(*arguments)
        time.sleep(delay)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    if finish:
        done = fewframes(*arguments)
        assert done.returncode == 0, done.stderr
    return killed


def assert_one_finished_campaign(project, reference):
    """The ledger holds each step once, and labels and masks equal those of a run that nobody killed."""
    ledger = Ledger(project.ledger_path)
    assert [(s.round_id, s.name, s.status) for s in ledger.steps()] == [
        (r, name, "finished") for r in (1, 2) for name in STEPS
    ]
    assert same_labels(project, reference)
