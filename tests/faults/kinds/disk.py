"""A disk that is full, or a limit on file sizes: what cannot be written is refused, and done when there is room."""

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

from al_core.project import Project
from tests.faults import children
from tests.faults.campaign import Place, contents, do, expect_same
from tests.faults.framework import Family, expect
from tests.faults.kinds.ledger_file import expect_refused

_DISK_MEGABYTES = 160


class SmallDisk:
    """A file system of some megabytes, where one can be mounted.

    Attributes:
        mounted: whether it could.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        try:
            self.mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
        except OSError:
            self.mounted = False

    def close(self) -> None:
        """Take it away."""
        if self.mounted:
            subprocess.run(["umount", self.folder], check=False)
            self.mounted = False


class FullDisk(Family):
    """A step runs into a disk with some bytes left, or into a limit on file sizes; then there is room again."""

    name = "disk_full"
    fault = "disk full within a step (a small file system; where none can be mounted, a limit on file sizes)"
    times = 36

    def __init__(self, scratch: Path, lab) -> None:
        super().__init__(scratch, lab)
        self._disk = SmallDisk(scratch / "disk", _DISK_MEGABYTES)

    def close(self) -> None:
        """Take the small disk away."""
        self._disk.close()

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Every third time by a limit on file sizes."""
        places = self.lab.undisturbed.places()
        place = places[self._made % len(places)]
        if self._disk.mounted and self._made % 3:
            return self._on_small_disk(rng, place)
        return self._with_limit(rng, place, folder)

    def _on_small_disk(self, rng: random.Random, place: Place) -> tuple[str, str]:
        root = self._disk.folder / f"project{self._made}"
        project = self.lab.undisturbed.before(place, root)
        filler = self._disk.folder / "filler"
        left = rng.choice((0, rng.randrange(25_000_000 if place[1] == "train" else 60_000)))
        try:
            fill(filler, left)
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
        limit = rng.randrange(12_000_000 if place[1] == "train" else 4_000)
        full = children.run(do, project, place, file_limit=limit)
        return f"round {place[0]}, {place[1]}, files up to {limit:,} bytes", self._after(
            project, place, full, limited=True
        )

    def _after(self, project: Project, place: Place, full: children.Ended, limited: bool = False) -> str:
        aborted = limited and full.code == -signal.SIGABRT
        if full.code != 0 and not aborted:
            expect_refused(full, "is full", "make room", "same command again")
        again = children.run(do, project, place)
        expect(again.code == 0, again.said)
        expect_same(contents(project), self.lab.undisturbed.after(place))
        if aborted:
            # On a disk the ledger looks for room before it writes; it cannot see a limit of its process.
            return "DuckDB ended the process at the limit; nothing lost, ended the same"
        return "there was room enough" if full.code == 0 else "refused with what to do; with room it ended the same"


def fill(filler: Path, left: int) -> None:
    free = shutil.disk_usage(filler.parent).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free - left, 1))
