"""The inbox: the process that takes answers in is killed, and files come in half written."""

import os
import random
import shutil
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameLabel
from tests.faults import children
from tests.faults.campaign import contents, do, expect_same
from tests.faults.framework import Family, expect
from tests.toys.projects import SIDE

_LONG_AGO = 1_700_000_000
"""Files of that age are read at once."""


class Inbox(Family):
    """Label files lie in the inbox when the collecting process dies, or are cut short when it reads them."""

    name = "inbox"
    fault = "kill -9 of the inbox's poll within its reads, moves and writes; label files cut short"
    times = 30

    @cached_property
    def asked(self) -> Path:
        """A project whose first round waits for files in its inbox."""
        undisturbed = self.lab.undisturbed
        project = undisturbed.before((1, "select"), self.scratch / "asked")
        ledger = Ledger(project.ledger_path)
        settings = ledger.round(1).settings.changed({"annotator.backend": "inbox"})
        with ledger._connector.transaction() as connection:
            connection.execute("UPDATE round SET settings = ?", [settings.model_dump_json()])
        for step in ("select", "request"):
            done = children.run(do, project, (1, step))
            expect(done.code == 0, done.said)
        return project.root

    @cached_property
    def collected(self) -> tuple[int, dict[str, str]]:
        """Calls that leave something on disk, and what is there when nobody disturbs the collecting."""
        project = self._with_files(self.scratch / "collected")
        done = children.run(do, project, (1, "collect"), count=True)
        expect(done.code == 0 and done.result["waiting"] == 0, f"{done.result} {done.said}")
        return done.calls, contents(project)

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Two kills for each file that is cut short."""
        calls, expected = self.collected
        project = self._with_files(folder / "project")
        if self._made % 3 == 0:
            return self._cut_file(rng, project)
        moment = children.Moment(rng.randint(1, calls), rng.random() < 0.5)
        killed = children.run(do, project, (1, "collect"), die=moment)
        expect(killed.killed or killed.code == 0, killed.said)
        again = children.run(do, project, (1, "collect"))
        expect(again.code == 0 and again.result["waiting"] == 0, f"{again.result} {again.said}")
        expect_same(contents(project), expected)
        when = f"killed {'after' if moment.after else 'before'} write {moment.call} of {calls}"
        return when, "every file taken in once, ended the same"

    def _cut_file(self, rng: random.Random, project: Project) -> tuple[str, str]:
        file = rng.choice(sorted(project.inbox.glob("*.png")))
        whole = file.read_bytes()
        length = rng.randrange(len(whole))
        file.write_bytes(whole[:length])
        os.utime(file, (_LONG_AGO, _LONG_AGO))
        first = children.run(do, project, (1, "collect"))
        expect(first.code == 0, first.said)
        where = f"{length} of {len(whole)} bytes of a label file"
        if first.result["waiting"] == 0:
            expect(self._labels(project) == self._whole_labels, f"{where} was taken for a whole one")
            return where, "only the end marks were missing: taken in whole"
        expect(first.result["waiting"] == 1, f"{first.result}")
        (told,) = first.result["rejected"]
        expect("rejected" in told and file.stem in told, told)
        file.write_bytes(whole)
        os.utime(file, (_LONG_AGO, _LONG_AGO))
        again = children.run(do, project, (1, "collect"))
        expect(again.code == 0 and again.result["waiting"] == 0, f"{again.result} {again.said}")
        expect(self._labels(project) == self._whole_labels, "the labels are not those of the whole files")
        return where, "rejected with the reason; the whole file was taken in later"

    @cached_property
    def _whole_labels(self) -> list[FrameLabel]:
        _ = self.collected
        return self._labels(Project.at(self.scratch / "collected"))

    def _labels(self, project: Project) -> list[FrameLabel]:
        return Ledger(project.ledger_path).human_labels()

    def _with_files(self, root: Path) -> Project:
        """A copy of the project in whose inbox lie the answers."""
        shutil.copytree(self.asked, root)
        project = Project.at(root)
        project.inbox.mkdir(exist_ok=True)
        for request in Ledger(project.ledger_path).requests(1):
            mask = np.zeros((SIDE, SIDE), np.uint8)
            mask[22:42, 6 + 2 * request.frame.frame_idx :][:, :20] = 1
            file = project.inbox / f"{request.request_id}.png"
            cv2.imwrite(str(file), mask)
            os.utime(file, (_LONG_AGO, _LONG_AGO))
        return project
