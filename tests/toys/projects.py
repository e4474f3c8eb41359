"""A project small enough to run for real in a test: one clip, one moving object, a student of a few steps."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from tests.toys.processes.prepared import PreparedCommand
from tests.toys.students import NARROW

SIDE = 64

TINY = """
seed = 3
[frames]
working_long_side = 64
[student]
override = "{override}"
long_side = 64
iterations = 4
first_round_iterations = 6
checkpoint_interval = 2
[teachers]
decays = [0.5, 0.9]
views = ["identity", "flip"]
[propagation]
methods = ["flow"]
flow_long_side = 64
[selection]
strategy = "hybrid"
frames_per_round = 2
[annotator]
backend = "simulated"
ahead = 0
refiner_seconds = 1.0
[stopping]
max_rounds = 2
"""


def write_clip(folder: Path, name: str = "toy", n_frames: int = 12, seed: int = 0) -> Path:
    """A DAVIS-layout folder with one sequence: a bright textured square moves right by 2 pixels a frame."""
    rng = np.random.default_rng(seed)
    background = rng.integers(40, 90, (SIDE, SIDE, 3), dtype=np.uint8)
    texture = rng.integers(160, 250, (20, 20, 3), dtype=np.uint8)
    frames, masks = folder / "JPEGImages" / "480p" / name, folder / "Annotations" / "480p" / name
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for i in range(n_frames):
        image, mask = background.copy(), np.zeros((SIDE, SIDE), np.uint8)
        x = 6 + 2 * i
        image[22:42, x : x + 20] = texture
        mask[22:42, x : x + 20] = 1
        cv2.imwrite(str(frames / f"{i:05d}.jpg"), image)
        cv2.imwrite(str(masks / f"{i:05d}.png"), mask)
    return folder


def write_settings(folder: Path) -> Path:
    """The settings file of a tiny campaign; what makes its student narrow lies beside it."""
    file, override = folder / "tiny.toml", folder / "narrow.py"
    override.write_text(NARROW)
    file.write_text(TINY.replace("{override}", override.resolve().as_posix()))
    return file


def command(*arguments: str | Path) -> list[str]:
    """The command line that runs fewframes in this environment as nobody has prepared it."""
    return [sys.executable, "-m", "flows.cli.main", *map(str, arguments)]


def fewframes(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run fewframes and return what it printed."""
    done = PreparedCommand(*arguments)
    printed, errors = done.communicate()
    return subprocess.CompletedProcess(done.args, done.wait(), printed, errors)
