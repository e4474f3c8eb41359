"""Files of a project that are cut short, overwritten or gone: caches, checkpoints, predictions, delivered masks."""

import os
import random
import time
from pathlib import Path

from al_core.ledger.store import Ledger
from al_core.project import Project
from tests.faults import children
from tests.faults.campaign import Place, contents, do, expect_same
from tests.faults.framework import Family, expect

_RECORDS = frozenset(("write_record", "write_end_of_file"))
_FILES = frozenset(("flush", "fsync", "replace", "write_end_of_file"))
"""Calls that write the tensors of a checkpoint, and those that bring its file to the disk and into place."""


class KilledCheckpoint(Family):
    """The training dies while it writes a checkpoint."""

    name = "kill_checkpoint"
    fault = "kill -9 of the training while it writes a checkpoint"
    times = 16

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """At one of the records of one of its files, or when it is moved into place."""
        place = (rng.randint(1, self.lab.undisturbed.rounds), "train")
        project = self.lab.undisturbed.before(place, folder / "project")
        among = rng.choice((_RECORDS, _FILES))
        n = self.lab.undisturbed.calls(place, among)
        moment = children.Moment(rng.randint(1, n), rng.random() < 0.5, among)
        killed = children.run(do, project, place, die=moment)
        expect(killed.killed, f"{moment}: {killed.said}")
        half = sorted(p.name for p in (project.round_dir(place[0]) / "student").glob("*"))
        again = children.run(do, project, place)
        expect(again.code == 0, again.said)
        expect_same(contents(project), self.lab.undisturbed.after(place))
        where = f"round {place[0]}, {'after' if moment.after else 'before'} call {moment.call} of {n}; left: "
        return where + (", ".join(half) or "nothing"), "went on, ended the same to the bit"


class DamagedFile(Family):
    """A file is damaged between two steps; the next step makes it anew, and everything ends the same."""

    name = "damaged_file"
    fault = "checkpoint, resume point, prediction, delivered masks or cache cut short, overwritten, flipped or gone"
    times = 40

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """All kinds of file in turn."""
        kinds = [k for k in _KINDS if k[1][0] <= self.lab.undisturbed.rounds]
        pattern, place = kinds[self._made % len(kinds)]
        project = self.lab.undisturbed.before(place, folder / "project")
        if "resume" in pattern:
            self._interrupt(project, place)
        files = sorted(project.root.glob(pattern))
        expect(files, f"no {pattern} before {place}")
        file = rng.choice(files)
        how = damage(rng, file)
        where = f"{project.relative(file)} {how} before round {place[0]}, {place[1]}"
        done = children.run(mend_and_do, project, place)
        expect(done.code == 0, f"{where}: {done.said}")
        expect_same(contents(project), self.lab.undisturbed.after(place))
        if "cache" not in pattern and "resume" not in pattern:
            expect(done.result, f"{where}: nothing was said of it")
        return where, "made again, ended the same"

    def _interrupt(self, project: Project, place: Place) -> None:
        """Let a training write a resume point, and die soon after."""
        child = children.Child(do, project, place)
        point = project.round_dir(place[0]) / "student" / "seed0.resume.pth"
        deadline = time.monotonic() + 60
        while not point.exists():
            expect(time.monotonic() < deadline, "no resume point was written")
            time.sleep(0.002)
        expect(child.end(kill_after=0).killed, "the training was through before it was killed")


_KINDS = (
    ("rounds/0001/student/student.pth", (1, "predict")),
    ("rounds/0001/student/seed0.resume.pth", (1, "train")),
    ("cache/frames/**/*.npz", (1, "train")),
    ("rounds/0001/predictions/*.parquet", (1, "propagate")),
    ("cache/flow/**/*.flow", (1, "audit")),
    ("rounds/0001/delivered/*.parquet", (1, "audit")),
    ("cache/frames/**/*.npz", (1, "predict")),
    ("rounds/0001/student/student.pth", (2, "train")),
    ("rounds/0001/predictions/*.parquet", (2, "select")),
    ("rounds/0001/delivered/*.parquet", (2, "request")),
    ("cache/flow/**/*.flow", (2, "propagate")),
    ("cache/frames/**/*.npz", (2, "predict")),
)
"""(files, the step before which they are damaged)."""


def damage(rng: random.Random, file: Path) -> str:
    """Put a damaged file in the place of a whole one; returns how."""
    content = bytearray(file.read_bytes())
    how = rng.choice(("cut short", "overwritten", "emptied", "flipped", "deleted"))
    if how == "cut short":
        content = content[: rng.randrange(len(content))]
    elif how == "overwritten":
        content = bytearray(rng.randbytes(len(content)))
    elif how == "emptied":
        content = bytearray()
    elif how == "flipped":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.unlink()
    if how != "deleted":
        # Never in place: the undisturbed campaign may share the file.
        part = file.with_name(f".{file.name}.damaged")
        part.write_bytes(content)
        os.replace(part, file)
    return how


def mend_and_do(project: Project, place: Place) -> list[str]:
    """What the flow does before a round goes on, and then a step; returns what was made again. Called in a child."""
    from tasks.steps.context import RoundContext
    from tasks.steps.repair import repair_inputs

    mended = repair_inputs(RoundContext(project, Ledger(project.ledger_path), place[0]))
    do(project, place)
    return mended
