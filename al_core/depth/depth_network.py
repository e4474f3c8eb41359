"""Networks that tell the depth of a frame and the motion of the camera between two.

The encoder is the backbone of the student, with the names and the scale of pixels that it has there, so that a student
can start from it. Decoder and network of motion are small.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from al_core.depth.camera_motion import scaled
from al_core.depth.reprojection import motion_matrix
from al_core.errors import BadCheckpoint, BadSettings
from al_core.footage.images import resized
from al_core.networks.network_state import seeded
from al_core.settings import StudentSettings
from al_core.students.build import build_config, build_model, import_mmdet, quiet_mmengine, read_checkpoint

LONG_SIDE = 192
"""Longer side in pixels of the frames that are seen."""

STRIDE = 32
"""Height and width of what the network sees are multiples of it."""

SCALES = 4
"""At which a disparity is told: a half, a quarter, ... of the resolution."""

DESCRIBED = 8
"""Stride at which features tell frames apart."""

USUAL_FOCAL = 1.0
"""In units of the longer side: an angle of view of 53 degrees along it."""

_STEM = (16, 24)
_WIDTHS = (96, 64, 48, 32, 24)
_SMALL_MOTION = 0.01


class DepthNetwork(nn.Module):
    """Disparity of frames, motion between frames, and the focal length of each clip's camera.

    Args:
        backbone: gives feature maps, the coarsest last, of which each has half of the resolution of the one before.
        mean, deviation: of pixels in [0, 255], [3] each, as the backbone expects.
        n_clips: of which each has a focal length of its own.
        focal: in units of the longer side of a frame; None: it is learnt.
    """

    def __init__(
        self, backbone: nn.Module, mean: Tensor, deviation: Tensor, n_clips: int, focal: float | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.register_buffer("mean", mean.flatten()[:, None, None] / 255)
        self.register_buffer("deviation", deviation.flatten()[:, None, None] / 255)
        self.mean: Tensor
        self.deviation: Tensor
        self.stem = nn.ModuleList([_conv(3, _STEM[0], 2), _conv(_STEM[0], _STEM[1], 2)])
        self.decoder = _Decoder(_channels_by_stride(backbone))
        self.motion = nn.Sequential(
            *(_conv(a, b, 2) for a, b in ((6, 16), (16, 32), (32, 64), (64, 96), (96, 96))), nn.Conv2d(96, 6, 1)
        )
        log_focal = torch.full((n_clips,), float(np.log(focal or USUAL_FOCAL)))
        self.log_focal = nn.Parameter(log_focal, requires_grad=focal is None)

    @property
    def focal(self) -> list[float]:
        """The focal length of each clip's camera, in units of the longer side of a frame."""
        found: list[float] = self.log_focal.detach().exp().tolist()
        return found

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the disparity of images [b, 3, h, w] in [0, 1], in (0, 1) at each scale, the finest first."""
        disparities: list[Tensor] = self.decoder(self._maps(images))[0]
        return disparities

    def _maps(self, images: Tensor) -> dict[int, Tensor]:
        """Return feature maps by stride."""
        pixels = (images - self.mean) / self.deviation
        half = self.stem[0](pixels)
        features = {2: half, 4: self.stem[1](half)}
        deep: Sequence[Tensor] = self.backbone(pixels)
        for level in deep:
            stride = images.shape[-1] // level.shape[-1]
            features[stride] = torch.cat([features[stride], level], dim=1) if stride in features else level
        return features

    def motion_between(self, frame: Tensor, neighbour: Tensor) -> Tensor:
        """Return the motion [b, 3, 4] of points from a frame to a neighbour, images [b, 3, h, w] in [0, 1] both."""
        pixels = torch.cat([(image - self.mean) / self.deviation for image in (frame, neighbour)], dim=1)
        six = _SMALL_MOTION * self.motion(pixels).mean(dim=(2, 3))
        return motion_matrix(six[:, :3], six[:, 3:])

    def nearness(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the disparity of a frame, RGB uint8 [h, w, 3], between 0 and 1 where it is farthest and nearest: clips
        have no common unit, so that frames are held against each other by their own range."""
        return scaled(self.disparity(image))

    @torch.no_grad()
    def disparity(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the disparity of a frame, RGB uint8 [h, w, 3], in (0, 1) and [h, w]."""
        finest = self(_seen(image))[0]
        full = functional.interpolate(finest, size=image.shape[:2], mode="bilinear", align_corners=False)
        return np.asarray(full[0, 0].numpy(), np.float32)

    @torch.no_grad()
    def features(self, image: NDArray[np.uint8], cells: tuple[int, int]) -> NDArray[np.float32]:
        """Return what the decoder makes of a frame, RGB uint8 [h, w, 3], at an eighth of the resolution, pooled to so
        many cells (down, across), float32 [d]."""
        deep = self.decoder(self._maps(_seen(image)))[1]
        return np.asarray(functional.adaptive_avg_pool2d(deep, cells).flatten().numpy(), np.float32)


class _Decoder(nn.Module):
    def __init__(self, channels: dict[int, int]) -> None:
        super().__init__()
        self.strides = sorted(channels, reverse=True)
        self.blocks = nn.ModuleList()
        self.heads = nn.ModuleDict()
        before = 0
        for number, stride in enumerate(self.strides):
            width = _WIDTHS[min(number, len(_WIDTHS) - 1)]
            self.blocks.append(_conv(before + channels[stride], width))
            if stride <= 2**SCALES:
                self.heads[str(stride)] = nn.Conv2d(width, 1, 3, padding=1, padding_mode="replicate")
            before = width

    def forward(self, features: dict[int, Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return disparities by scale, the finest first, and the features at a stride of :data:`DESCRIBED`, from maps
        by stride."""
        found, x, deep = [], None, None
        for stride, block in zip(self.strides, self.blocks, strict=True):
            here = features[stride]
            if x is not None:
                wide = functional.interpolate(x, size=here.shape[-2:], mode="nearest")
                here = torch.cat([wide, here], dim=1)
            x = block(here)
            deep = x if stride >= DESCRIBED else deep
            if str(stride) in self.heads:
                found.append(self.heads[str(stride)](x).sigmoid())
        assert deep is not None
        return found[::-1], deep


def new_depth_network(student: StudentSettings, n_clips: int, seed: int, focal: float | None = None) -> DepthNetwork:
    """Return a network with the backbone of a student, all of it with weights that follow from the seed.

    Raises:
        BadSettings: the student cannot be built, or has no backbone that suits.
    """
    import_mmdet()
    config = build_config(student, ["object"], 1).model

    def make() -> DepthNetwork:
        model: Any = build_model(config)
        with quiet_mmengine():
            model.init_weights()
        coarsest = max(_channels_by_stride(model.backbone)) if hasattr(model, "backbone") else 0
        if coarsest < DESCRIBED:
            raise BadSettings(
                f"student.config: depth is learnt with a backbone whose feature maps are an eighth of the image and "
                f"smaller, {student.config!r} has none; choose another student, e.g. 'rtmdet_ins_tiny'"
            )
        pixels = model.data_preprocessor
        return DepthNetwork(model.backbone, pixels.mean.clone(), pixels.std.clone(), n_clips, focal)

    return seeded(make, seed)


def load_depth_network(path: Path, student: StudentSettings) -> DepthNetwork:
    """Read a network that was trained with the backbone of a student.

    Raises:
        BadCheckpoint: it cannot be read, or the student has another backbone. BadSettings: the student cannot be built.
    """
    state = read_checkpoint(path)
    clips = state.get("log_focal")
    advice = "train it again with: fewframes pretrain --depth"
    if not isinstance(clips, Tensor):
        raise BadCheckpoint(f"{path}: expected a network of depth, it is none; {advice}")
    network = new_depth_network(student, len(clips), 0)
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise BadCheckpoint(
            f"{path}: expected a network of depth with the backbone of student.config {student.config!r}, it has "
            f"another one; {advice}"
        ) from None
    return network.eval()


def seen_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the size (height, width) at which a network sees frames: the nearest multiples of :data:`STRIDE`."""
    scale = long_side / max(height, width)
    high, wide = (max(round(n * scale / STRIDE), 1) * STRIDE for n in (height, width))
    return high, wide


def _seen(image: NDArray[np.uint8]) -> Tensor:
    """Return a frame as a network sees it, [1, 3, h, w] in [0, 1]."""
    height, width = image.shape[:2]
    small = resized(image, seen_size(height, width, LONG_SIDE))
    return torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255


def _channels_by_stride(backbone: nn.Module) -> dict[int, int]:
    """Return how many channels the decoder sees at each stride: those of the stem and of the backbone."""
    was = backbone.training
    side = 4 * STRIDE
    backbone.eval()
    with torch.no_grad():
        deep: Sequence[Tensor] = backbone(torch.zeros(1, 3, side, side))
    backbone.train(was)
    channels = dict(zip((2, 4), _STEM, strict=True))
    for level in deep:
        stride = side // level.shape[-1]
        channels[stride] = channels.get(stride, 0) + level.shape[1]
    return channels


def _conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, padding_mode="replicate"), nn.ELU(inplace=True)
    )
