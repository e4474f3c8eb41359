"""Imports that are stored: as a whole, once, and also through a process that owns the ledger."""

import os
import signal
import subprocess
import sys

import pytest

from al_core.errors import BadLabel, LedgerConflict
from al_core.exchange.frame_names import Template
from al_core.records import FrameRef
from tasks.imports.import_plan import Wish
from tasks.imports.storing import plan_files, store
from tests.toys.labelled_project import coco_file, new_project

LABELS = Wish("label", "kim")


@pytest.fixture
def built(tmp_path):
    return new_project(tmp_path)


def test_what_was_planned_is_stored_in_one_go(built, tmp_path):
    ledger = built[1]
    plan = plan_files(ledger, [coco_file(tmp_path, [0, 3])], LABELS)
    store(ledger, plan)
    assert [label.frame for label in ledger.human_labels()] == [FrameRef(1, 0), FrameRef(1, 3)]
    with pytest.raises(LedgerConflict, match="2 of these frames were labelled by somebody else in the meantime"):
        store(ledger, plan)


def test_nothing_new_leaves_no_trace(built, tmp_path):
    ledger = built[1]
    for _ in range(2):
        store(ledger, plan_files(ledger, [coco_file(tmp_path, [0])], LABELS))
    assert len(ledger.imports()) == 1


def test_a_template_that_does_not_fit_is_refused_before_anything_is_read(built, tmp_path):
    with pytest.raises(BadLabel, match=r"expected one of \{index\}"):
        plan_files(built[1], [tmp_path / "no.json"], LABELS, Template("{video}"))


KILLED = """
import os, sys
from pathlib import Path
import al_core.ledger.labelling.imports as imports
from al_core.project import Project
from tasks.imports.import_plan import Wish
from tasks.imports.storing import plan_files, store
from tasks.ledger.client import open_ledger

original = imports._put_answers
def put_answers(*arguments):
    original(*arguments)
    os.kill(os.getpid(), 9)
imports._put_answers = put_answers
ledger = open_ledger(Project.at(Path(sys.argv[1])))
store(ledger, plan_files(ledger, [Path(sys.argv[2])], Wish("label", "kim")))
"""


def test_killed_in_the_middle_it_has_stored_nothing_and_the_same_again_finishes(built, tmp_path):
    project, ledger, _ = built
    path, known = coco_file(tmp_path, [0, 3], category="owl"), ledger.categories()
    command = [sys.executable, "-c", KILLED, str(project.root), str(path)]
    killed = subprocess.run(command, capture_output=True, check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (ledger.human_labels(), ledger.imports(), ledger.categories()) == ([], [], known)
    store(ledger, plan_files(ledger, [path], LABELS))
    assert len(ledger.human_labels()) == 2
