"""A disk that is full, or a limit on the size of files: what cannot be written is refused, and done when there is room."""

import os
import random
import shutil
import subprocess
from pathlib import Path

from al_core.project import Project
from tests.faults import children
from tests.faults.campaign import Place, contents, do, expect_same
from tests.faults.framework import Family, expect
from tests.faults.ledger_file import expect_refused

_DISK_MEGABYTES = 160


class FullDisk(Family):
    """A step runs into a disk with some bytes left, or into a limit on file sizes; then there is room again."""

    name = "disk_full"
    fault = "disk full within a step (a small file system; where none can be mounted, a limit on file sizes)"
    times = 36

    def __init__(self, scratch: Path, lab) -> None:
        super().__init__(scratch, lab)
        self._disk = scratch / "disk"
        self._disk.mkdir(parents=True)
        options = ["-o", f"size={_DISK_MEGABYTES}m"]
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", *options, "tmpfs", self._disk], capture_output=True, check=False
        )
        self._mounted = mounted.returncode == 0

    def close(self) -> None:
        """Take the small file system away."""
        if self._mounted:
            subprocess.run(["umount", self._disk], check=False)
            self._mounted = False

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Every third time by a limit on file sizes."""
        places = self.lab.undisturbed.places()
        place = places[self._made % len(places)]
        if self._mounted and self._made % 3:
            return self._on_small_disk(rng, place)
        return self._with_limit(rng, place, folder)

    def _on_small_disk(self, rng: random.Random, place: Place) -> tuple[str, str]:
        root = self._disk / f"project{self._made}"
        project = self.lab.undisturbed.before(place, root)
        filler = self._disk / "filler"
        left = rng.choice((0, rng.randrange(300_000), rng.randrange(20_000_000)))
        try:
            _fill(filler, left)
            full = children.run(do, project, place)
        finally:
            filler.unlink()
        where = f"round {place[0]}, {place[1]}, {left:,} bytes free"
        try:
            return where, self._after(project, place, full)
        finally:
            shutil.rmtree(root)

    def _with_limit(self, rng: random.Random, place: Place, folder: Path) -> tuple[str, str]:
        project = self.lab.undisturbed.before(place, folder / "project")
        limit = rng.choice((rng.randrange(5_000), rng.randrange(1_000_000), rng.randrange(40_000_000)))
        full = children.run(do, project, place, file_limit=limit)
        return f"round {place[0]}, {place[1]}, files up to {limit:,} bytes", self._after(project, place, full)

    def _after(self, project: Project, place: Place, full: children.Ended) -> str:
        if full.code != 0:
            expect_refused(full, "is full", "make room", "same command again")
        again = children.run(do, project, place)
        expect(again.code == 0, again.said)
        expect_same(contents(project), self.lab.undisturbed.after(place))
        return "there was room enough" if full.code == 0 else "refused with what to do; with room it ended the same"


def _fill(filler: Path, left: int) -> None:
    free = shutil.disk_usage(filler.parent).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free - left, 1))
