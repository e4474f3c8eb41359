"""Training of depth and of the motion of the camera on clips that nobody labelled.

What a step draws follows from the seed and its number alone, so that a training that was killed goes on to the same
bits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from al_core.depth import depth_network
from al_core.depth.camera_motion import CameraMotion, camera_motion, too_still
from al_core.depth.depth_network import DepthNetwork, new_depth_network, seen_size
from al_core.depth.reprojection import reprojection_loss
from al_core.errors import NotReady
from al_core.fingerprint import fingerprint
from al_core.footage.clips import ClipFrames
from al_core.footage.images import resized
from al_core.networks.network_state import Checkpoint, kept_or_trained
from al_core.networks.training_loop import TrainingLoop
from al_core.records import Progress
from al_core.settings import StudentSettings
from al_core.stores.disk_cache import DiskCache
from al_core.students.build import config_text

BATCH = 4

LEARNING_RATE = 1e-3

MOST_MOMENTS = 600
"""Moments, each a frame and its two neighbours, that are learnt from; as many of each clip."""

STATISTICS_BATCHES = 16

_FORMAT = "depth1"

Tell = Callable[[Progress], None]


class Moment(NamedTuple):
    """A frame between its neighbours, RGB uint8 [h, w, 3] each, and the number of its clip."""

    before: NDArray[np.uint8]
    frame: NDArray[np.uint8]
    after: NDArray[np.uint8]
    clip: int


@dataclass(frozen=True)
class Lesson:
    """What a network of depth learns from.

    Attributes:
        clips: those whose camera moves; names: theirs, for people.
        motions: of their cameras.
        left_out: why other clips were left out, one line; "" where none was.
    """

    clips: Sequence[ClipFrames]
    names: Sequence[str]
    motions: Sequence[CameraMotion]
    left_out: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width at which all frames are learnt from: by the shape of the first clip."""
        return seen_size(*self.clips[0].size, depth_network.LONG_SIDE)


def lesson_of(clips: Sequence[ClipFrames], names: Sequence[str]) -> Lesson:
    """Return the clips whose cameras move.

    Raises:
        NotReady: there is none.
    """
    motions = [camera_motion(clip) for clip in clips]
    moving = [i for i, motion in enumerate(motions) if motion.apart is not None]
    still = [i for i, motion in enumerate(motions) if motion.apart is None]
    reason = too_still([names[i] for i in still], [motions[i] for i in still]) if still else ""
    if not moving:
        raise NotReady(
            f"depth is learnt from a camera that moves past what it shows. {reason}; leave out --depth, or take in "
            "footage from a moving camera"
            if still
            else "depth is learnt from videos of a camera that moves, and there is none; take some in first"
        )
    kept = [clips[i] for i in moving], [names[i] for i in moving], [motions[i] for i in moving]
    return Lesson(*kept, reason)


def trained_depth(
    lesson: Lesson,
    student: StudentSettings,
    disk: DiskCache,
    steps: int,
    seed: int,
    focal: float | None = None,
    on_progress: Tell | None = None,
) -> DepthNetwork:
    """Return a network of depth: from the cache, or trained now; a training that was killed is continued.

    Args:
        student: whose backbone is the encoder.
        focal: of all cameras, in units of the longer side of a frame; None: it is learnt, one for each clip.

    Raises:
        BadSettings: the student cannot be built.
    """
    network = new_depth_network(student, len(lesson.clips), seed, focal)
    key = fingerprint(
        [
            *(_FORMAT, [clip.sha256 for clip in lesson.clips], [motion.apart for motion in lesson.motions]),
            *(config_text_of(student), list(lesson.size), steps, seed, focal, BATCH, LEARNING_RATE, MOST_MOMENTS),
        ]
    )
    return kept_or_trained(
        disk, key, network, lambda keep: train_depth(network, lesson, steps, seed, keep, on_progress)
    )


def config_text_of(student: StudentSettings) -> str:
    """Return what an encoder follows from."""
    from al_core.students.build import build_config, import_mmdet

    import_mmdet()
    return config_text(build_config(student, ["object"], 1))


def train_depth(
    network: DepthNetwork, lesson: Lesson, steps: int, seed: int, keep: Checkpoint, on_progress: Tell | None = None
) -> None:
    """Train in place.

    Args:
        keep: where the training stands is kept there, every 50 steps.
    """
    moments, focal = moments_of(lesson), _pixels_per_focal(lesson)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], LEARNING_RATE)
    loop = TrainingLoop("depth", optimizer, steps, seed, _rate, 5.0, keep, on_progress)
    loop.train(network, lambda rng: _loss(network, moments, focal, rng))
    _measure_batch_norm(network, moments, seed)
    network.eval()


def _rate(done: float) -> float:
    return 1.0 if done < 0.75 else 0.2


def moments_of(lesson: Lesson) -> list[Moment]:
    """Return frames with their neighbours, evenly spaced in each clip, so that memory does not grow with it."""
    of_each, found = max(MOST_MOMENTS // len(lesson.clips), 1), []
    for number, (clip, motion) in enumerate(zip(lesson.clips, lesson.motions, strict=True)):
        assert motion.apart is not None
        first, last = motion.apart, clip.n_frames - 1 - motion.apart
        chosen = np.linspace(first, last, min(of_each, last - first + 1)).round().astype(int).tolist()
        wanted = sorted({i + d for i in chosen for d in (-motion.apart, 0, motion.apart)})
        seen = {i: resized(clip.read(i), lesson.size) for i in wanted}
        found += [Moment(seen[i - motion.apart], seen[i], seen[i + motion.apart], number) for i in chosen]
    return found


def _loss(network: DepthNetwork, moments: Sequence[Moment], focal: Tensor, rng: np.random.Generator) -> Tensor:
    chosen = [moments[int(i)] for i in rng.integers(len(moments), size=BATCH)]
    before, frame, after = (
        _batch(images) for images in zip(*((m.before, m.frame, m.after) for m in chosen), strict=True)
    )
    if rng.random() < 0.5:
        before, frame, after = (images.flip(-1) for images in (before, frame, after))
    clips = torch.tensor([moment.clip for moment in chosen])
    neighbours = (before, after)
    motions = [network.motion_between(frame, neighbour) for neighbour in neighbours]
    lengths = network.log_focal[clips].exp()[:, None] * focal[clips]
    return reprojection_loss(frame, neighbours, network(_recoloured(frame, rng)), lengths, motions)


def _pixels_per_focal(lesson: Lesson) -> Tensor:
    """Return what a focal length of 1 is along x and y of what is learnt from, in pixels, [clips, 2]."""
    height, width = lesson.size
    rows = [[max(clip.size) * width / clip.size[1], max(clip.size) * height / clip.size[0]] for clip in lesson.clips]
    return torch.tensor(rows)


def _batch(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


def _recoloured(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Return images of another brightness and contrast: what is compared stays as it is, what depth is told from does
    not."""
    gain, offset = (torch.from_numpy(rng.uniform(low, high, (len(images), 1, 1, 1))).float() for low, high in _JITTER)
    return (images * gain + offset).clamp(0, 1)


_JITTER = ((0.85, 1.15), (-0.08, 0.08))


@torch.no_grad()
def _measure_batch_norm(network: DepthNetwork, moments: Sequence[Moment], seed: int) -> None:
    """Set the statistics of BatchNorm to their mean over some batches: those of the last steps fit no weights."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    rng = np.random.default_rng([seed, -1 % 2**32])
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # for torch, a plain mean
    network.train()
    for _ in range(STATISTICS_BATCHES if norms else 0):
        network(_batch([moments[int(i)].frame for i in rng.integers(len(moments), size=BATCH)]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
