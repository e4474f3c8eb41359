"""Make the small archives of projects that an earlier version made: ``python tests/projects/make.py TREE NAME...``.

TREE is a checkout of that version, e.g. from ``git archive 7c52e30 | tar x -C TREE``; its code runs here, once: the
point is that old code made them. The archives lie beside this file: ``finished``, ``waiting_page`` and
``waiting_inbox`` are of 7c52e30 (schema 4); ``schema_1_inbox`` is of 7ac903c, ``schema_2_inbox`` of 9ea0202 and
``schema_3_inbox`` of 3a232bf.

The footage is ours: a textured square moves over noise, 12 frames of 64 by 64 pixels. Each archive holds ``data/`` (the
footage, DAVIS layout), ``project/``, the settings, and where people label ``drawn/`` (a mask for every frame, for the
answers). The student is narrowed, so that its checkpoints are small; the settings name that file by a relative path, so
the commands run in the unpacked folder. The ledger keeps videos by absolute path: ``tests/flows`` says how they follow.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import cv2
import numpy as np

SIDE = 64
FRAMES = 12
LEFT_OUT = {"cache", "prefect", "run.lock"}
SETTINGS = """
seed = 3
[frames]
working_long_side = 64
[student]
override = "narrow.py"
long_side = 64
iterations = 4
first_round_iterations = 6
checkpoint_interval = 2
[teachers]
decays = [0.5, 0.9]
views = ["identity", "flip"]
[propagation]
flow_long_side = 64
[selection]
strategy = "hybrid"
frames_per_round = 2
[stopping]
max_rounds = 2
"""
NARROW = """
model = dict(
    backbone=dict(
        widen_factor=0.03125,
        arch_ovewrite=[
            [64, 128, 3, True, False], [128, 256, 6, True, False],
            [256, 256, 6, True, False], [256, 256, 3, False, True]]),
    neck=dict(in_channels=[8, 8, 8], out_channels=4),
    bbox_head=dict(in_channels=4, feat_channels=4))
"""
RUN = ("run", "--project", "project", "--settings", "tiny.toml")


def main() -> None:
    """Make the archives that are named."""
    tree, here = Path(sys.argv[1]).resolve(), Path(__file__).resolve().parent
    for name in sys.argv[2:]:
        make = MAKERS[name.rpartition("_")[2]]
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write_footage(folder)
            (folder / "tiny.toml").write_text(SETTINGS)
            (folder / "narrow.py").write_text(NARROW)
            make(tree, folder)
            with tarfile.open(here / f"{name}.tar.xz", "w:xz") as archive:
                archive.add(folder, arcname=name, filter=without_caches)


def finished(tree: Path, folder: Path) -> None:
    """A campaign of two rounds with the simulated annotator, over."""
    shutil.rmtree(folder / "drawn")
    fewframes(tree, folder, "ingest", "data", "--project", "project")
    fewframes(tree, folder, *RUN)


def waiting_page(tree: Path, folder: Path) -> None:
    """Round 1 asks at the page; nobody has answered."""
    shutil.rmtree(folder / "data" / "Annotations")
    fewframes(tree, folder, "ingest", "data", "--project", "project")
    fewframes(tree, folder, "annotator", "add", "ada", "--project", "project")
    fewframes(tree, folder, *RUN, "--set", "annotator.backend=page")


def waiting_inbox(tree: Path, folder: Path) -> None:
    """Round 1 is finished with drawn masks from the inbox, and round 2 asks there."""
    shutil.rmtree(folder / "data" / "Annotations")
    fewframes(tree, folder, "ingest", "data", "--project", "project")
    fewframes(tree, folder, *RUN, "--set", "annotator.backend=inbox")
    inbox = folder / "project" / "inbox"
    inbox.mkdir(exist_ok=True)
    for asked in sorted((folder / "project" / "outbox").rglob("*.jpg")):
        frame = int(asked.stem.split("-")[-1].removeprefix("f"))
        shutil.copy(folder / "drawn" / f"{frame:05d}.png", inbox / f"{asked.stem}.png")
    fewframes(tree, folder, *RUN, "--set", "annotator.backend=inbox")


MAKERS = {"finished": finished, "page": waiting_page, "inbox": waiting_inbox}
"""By the last word of an archive's name."""


def fewframes(tree: Path, folder: Path, *arguments: str) -> None:
    """Run the command line of the version in the tree, in the folder of the archive."""
    command = [sys.executable, "-m", "flows.cli", *arguments]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout)
    if done.returncode != 0:
        raise SystemExit(done.stderr)


def write_footage(folder: Path) -> None:
    """A sequence in DAVIS layout with its masks under ``data``, and the masks once more under ``drawn``."""
    rng = np.random.default_rng(0)
    background = rng.integers(40, 90, (SIDE, SIDE, 3), dtype=np.uint8)
    texture = rng.integers(160, 250, (20, 20, 3), dtype=np.uint8)
    frames, masks = (folder / "data" / kind / "480p" / "toy" for kind in ("JPEGImages", "Annotations"))
    for made in (frames, masks):
        made.mkdir(parents=True)
    for i in range(FRAMES):
        image, mask = background.copy(), np.zeros((SIDE, SIDE), np.uint8)
        x = 6 + 2 * i
        image[22:42, x : x + 20] = texture
        mask[22:42, x : x + 20] = 1
        cv2.imwrite(str(frames / f"{i:05d}.jpg"), image)
        cv2.imwrite(str(masks / f"{i:05d}.png"), mask)
    shutil.copytree(masks, folder / "drawn")


def without_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """An entry without its owner, or None for what may be deleted at any time."""
    if LEFT_OUT & set(Path(entry.name).parts):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main()
