"""Networks of SAM 2 and of SAM 3's tracker, for people who have their weights (Ravi et al.: "SAM 2: Segment Anything in
Images and Videos", 2024; package ``transformers``, Apache-2.0).

The weights are a folder as ``transformers`` writes it. Nothing is ever downloaded. What the package's own processors do
with pictures is done here, since those need torchvision.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_core.errors import BadCheckpoint, MissingDependency, first_line

SETTING = "propagation.sam_weights"

Purpose = Literal["image", "video"]
"""What a network is for: gestures in one frame, or carrying masks from frame to frame."""


@dataclass(frozen=True)
class Family:
    """Networks that take each other's weights.

    Attributes:
        image, video: classes of ``transformers``.
        mean, std: of the colours that they were trained with, RGB in [0, 1].
    """

    image: str
    video: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def network(self, purpose: Purpose) -> str:
        """Return the class for a purpose."""
        return self.image if purpose == "image" else self.video


SAM2 = Family("Sam2Model", "Sam2VideoModel", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SAM3 = Family("Sam3TrackerModel", "Sam3TrackerVideoModel", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

FAMILIES: Mapping[str, Family] = {
    "sam2": SAM2,
    "sam2_video": SAM2,
    "sam3_tracker": SAM3,
    "sam3_tracker_video": SAM3,
    "sam3_video": SAM3,
}
"""By ``model_type`` in the folder's ``config.json``."""

WANTED = (
    "get a folder with config.json and model.safetensors of SAM 2 or 2.1 in the form of transformers, such as "
    "facebook/sam2.1-hiera-tiny (Apache-2.0; SAM 3's tracker is under the SAM License), and set "
    f"{SETTING} to it"
)


@dataclass(frozen=True, eq=False)
class SegmentAnything:
    """A network in evaluation mode, and what it expects of a picture.

    Attributes:
        network: of ``transformers``.
        side: of the square that every frame is brought to, in pixels.
    """

    network: Any
    family: Family
    side: int

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = next(self.network.parameters()).device
        return device

    def picture(self, image: NDArray[np.uint8]) -> Tensor:
        """Return an RGB image, uint8 [h, w, 3], as the network sees it: float32 [3, side, side], not keeping its
        proportions."""
        squared = Tensor(image.astype(np.float32)).permute(2, 0, 1)[None].to(self.device) / 255
        if image.shape[:2] != (self.side, self.side):
            squared = torch.nn.functional.interpolate(
                squared, (self.side, self.side), mode="bilinear", align_corners=False, antialias=True
            )
        mean, std = (squared.new_tensor(values)[:, None, None] for values in (self.family.mean, self.family.std))
        return (squared[0] - mean) / std

    def mask(self, mask: NDArray[np.bool_]) -> Tensor:
        """Return a mask, bool [h, w], as the network takes it: float32 [1, 1, side, side], 0 or 1. One that is not
        empty stays so."""
        small = cv2.resize(mask.astype(np.float32), (self.side, self.side), interpolation=cv2.INTER_AREA)
        # A thread of pixels covers no pixel of the square by half.
        inside = small >= min(0.5, float(small.max())) if small.any() else np.zeros_like(small, bool)
        return torch.from_numpy(inside.astype(np.float32))[None, None].to(self.device)


def load_network(folder: str, purpose: Purpose) -> SegmentAnything:
    """Load a network with weights from a folder; on a GPU where there is one.

    Raises:
        MissingDependency: the package or the folder is not there.
        BadCheckpoint: the folder holds something else, or not all of the weights.
    """
    path = Path(folder)
    if not folder or not path.is_dir():
        gone = f"{folder} is no folder" if folder else f"{SETTING} is empty"
        raise MissingDependency(f"SAM 2 needs its weights, and {gone}: {WANTED}")
    family = _family(path)
    network = _read(path, _class(family.network(purpose)))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return SegmentAnything(network.to(device).eval(), family, int(network.prompt_encoder.input_image_size))


def shared_network(folder: str, purpose: Purpose) -> SegmentAnything:
    """Return what :func:`load_network` does, the same one again while the folder's files are the same: a propagator is
    made for each shot of a video."""
    path = Path(folder)
    files = [p.stat() for p in sorted(path.glob("*"))] if folder and path.is_dir() else []
    return _kept(folder, purpose, tuple((file.st_size, file.st_mtime_ns) for file in files))


@lru_cache(maxsize=1)
def _kept(folder: str, purpose: Purpose, files: tuple[tuple[int, int], ...]) -> SegmentAnything:
    return load_network(folder, purpose)


def _family(path: Path) -> Family:
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        found = config["model_type"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadCheckpoint(
            f"{path}: expected the weights of SAM 2, config.json cannot be read ({first_line(error)}); {WANTED}"
        ) from None
    if found not in FAMILIES:
        raise BadCheckpoint(
            f"{path}: expected a model_type of {', '.join(FAMILIES)} in config.json, got {found!r}; {WANTED}"
        )
    return FAMILIES[found]


def _class(name: str) -> Any:
    try:
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise MissingDependency(
            f"SAM 2 needs the package transformers ({first_line(error)}): pip install 'fewframes[sam]'"
        ) from None
    # What is missing or does not fit is told below.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return getattr(transformers, name)


def _read(path: Path, network: Any) -> Any:
    if not any(path.glob("*.safetensors")):
        raise BadCheckpoint(f"{path}: expected the weights of SAM 2, there is no model.safetensors; {WANTED}")
    try:
        loaded, told = network.from_pretrained(
            path, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # the package and safetensors raise their own kinds for a damaged file
        raise BadCheckpoint(f"{path}: does not fit {network.__name__} ({first_line(error)}); {WANTED}") from None
    # The package draws what is missing at random.
    missing = sorted(told["missing_keys"])
    if missing:
        raise BadCheckpoint(
            f"{path}: does not fit {network.__name__}: {len(missing)} weights are missing, e.g. {missing[0]}; {WANTED}"
        )
    return loaded
