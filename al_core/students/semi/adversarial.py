"""A student whose masks have to look like ones that people drew.

After Mittal et al. 2019 (s4GAN). A discriminator (:mod:`al_core.adversary.discriminator`) learns to tell the objects
that people drew in the labelled frames from those that the student sees in frames that nobody labelled. The student has
to match the features that it has of drawn ones, and learns from those of its own masks that pass for drawn, while the
rest of the frame is ignored. Where there are several categories, a classifier of whole frames
(:mod:`al_core.students.semi.tagger`) rules out those that a frame does not show: the student unlearns objects of these,
and never learns from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from al_core.adversary.discriminator import Discriminator, telling_loss
from al_core.adversary.object_windows import boxes_of, cut, jittered, whole, windows_around
from al_core.students.semi.soft_objects import SoftObjects, objects_of
from al_core.students.semi.tagger import FrameTagger

MOST_OBJECTS = 8
"""Of an image that are looked at."""

SEEN = 0.3
"""How sure the student has to be of an object to learn from its own mask of it."""

PASSES = 0.6
"""Probability of being drawn by a person from which a mask is learned from."""

MATCH_WEIGHT, OWN_WEIGHT, ABSENT_WEIGHT = 1.0, 1.0, 1.0

RATE = 5e-4
STEPS = 2
"""Of the discriminator for one of the student."""

NOISE = 0.1
"""Deviation of what is added to masks before they are judged: that a student's are softer tells less."""

ROUGH = 4
"""Pixels over which a drawn mask is averaged, as a student's comes at a fraction of the resolution."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Windows around objects: pictures [n, 3, s, s], masks [n, s, s] in [0, 1], categories [n]."""

    pictures: Tensor
    masks: Tensor
    categories: Tensor

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def detached(self) -> "Shown":
        """The same without gradients."""
        return Shown(self.pictures, self.masks.detach(), self.categories)


class Adversarial(nn.Module):
    """The losses of s4GAN.

    Discriminator and classifier are part of the model and of its checkpoints, and take no gradients from its losses;
    they learn in :meth:`after_step`, with optimizers of their own (:meth:`kept`).

    Args:
        detector: the student's, an RTMDet-Ins or one of two stages.
        seed: of the weights that are learned here.
    """

    START, FULL = 0.0, 0.3
    """Shares of the schedule at which the weight begins to rise and is full."""

    def __init__(self, detector: Any, seed: int) -> None:
        super().__init__()
        head = detector.bbox_head if hasattr(detector, "bbox_head") else detector.roi_head.bbox_head
        self.discriminator = Discriminator(head.num_classes, seed).requires_grad_(False)
        self.tagger = FrameTagger(head.num_classes, seed + 1) if head.num_classes > 1 else None
        self._optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=RATE, betas=(0.5, 0.999))
        self._judged: tuple[Shown, Shown] | None = None

    def forward(self, detector: Any, teacher: Any, batch: Any, rng: torch.Generator, labelled: Any) -> dict[str, Any]:
        """Return the losses of a batch.

        Args:
            detector: the student's; teacher: not looked at.
            batch: preprocessed, ``inputs`` [b, 3, H, W] and ``data_samples``.
            rng: for windows and noise, on the CPU.
            labelled: preprocessed likewise, with what people drew.
        """
        images = batch["inputs"]
        metas = [_plain_meta(sample.metainfo) for sample in batch["data_samples"]]
        features = detector.extract_feat(images)
        objects = objects_of(detector, features, metas, MOST_OBJECTS)
        drawn, seen = drawn_windows(labelled, rng), _seen_windows(images, objects)
        self._judged = drawn, seen.detached
        losses: dict[str, Any] = {}
        logits, theirs = self._judge(seen, rng)
        if len(drawn) and len(seen):
            with torch.no_grad():
                _, ours = self._judge(drawn, rng)
            losses["loss_match"] = MATCH_WEIGHT * (theirs.mean(dim=0) - ours.mean(dim=0)).abs().mean()
        absent = self._absent(images, objects)
        sure = torch.cat([one.scores for one in objects])
        if self.tagger is not None:
            losses["loss_absent"] = ABSENT_WEIGHT * _unlearned(sure, absent)
        own = (logits.detach().sigmoid() > PASSES) & (sure.detach() >= SEEN) & ~absent
        if own.any():
            samples = believed(batch["data_samples"], objects, own.split([len(one) for one in objects]), images)
            losses |= _own_losses(detector, features, images, samples)
        # Whatever was found, there is something to sum up.
        return losses or {"loss_match": features[0].sum() * 0}

    def after_step(self, batch: Any, rng: torch.Generator, labelled: Any) -> None:
        """Let discriminator and classifier learn, once the student has, from what it saw last."""
        assert self._judged is not None
        drawn, seen = self._judged
        self._judged = None
        if len(drawn) or len(seen):
            self.discriminator.requires_grad_(True)
            for _ in range(STEPS):
                loss = telling_loss(*(self._judge(shown, rng)[0] for shown in (drawn, seen)))
                self._optimizer.zero_grad()
                loss.backward()
                self._optimizer.step()
            self.discriminator.requires_grad_(False)
        if self.tagger is not None:
            shown = torch.stack([_categories_shown(s, self.discriminator.categories) for s in labelled["data_samples"]])
            self.tagger.learn(labelled["inputs"], shown.to(batch["inputs"].device), batch["inputs"], rng)

    def kept(self) -> dict[str, Any]:
        """Return what a training goes on from beside the weights."""
        taggers = [] if self.tagger is None else [self.tagger.optimizer.state_dict()]
        return {"discriminator": self._optimizer.state_dict(), "taggers": taggers}

    def go_on(self, kept: dict[str, Any]) -> None:
        """Go on from what was kept."""
        self._optimizer.load_state_dict(kept["discriminator"])
        if self.tagger is not None:
            self.tagger.optimizer.load_state_dict(kept["taggers"][0])

    def _judge(self, shown: Shown, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        noise = torch.randn(shown.masks.shape, generator=rng).to(shown.masks.device)
        return self.discriminator(shown.pictures, shown.masks + NOISE * noise, shown.categories)

    def _absent(self, images: Tensor, objects: Sequence[SoftObjects]) -> Tensor:
        """Tell which of all objects are of a category that their frame does not show."""
        categories = torch.cat([one.categories for one in objects])
        if self.tagger is None:
            return torch.zeros_like(categories, dtype=torch.bool)
        frames = torch.cat([torch.full_like(one.categories, i) for i, one in enumerate(objects)])
        return self.tagger.absent(images)[frames, categories]


def drawn_windows(labelled: Any, rng: torch.Generator, copies: int = 2) -> Shown:
    """Return windows around what people drew in a preprocessed batch, each object at several random places."""
    shown = []
    for image, sample in zip(labelled["inputs"], labelled["data_samples"], strict=True):
        masks = _tensor(sample.gt_instances.masks, image)
        there = masks.flatten(1).any(dim=1)
        masks, categories = masks[there].repeat(copies, 1, 1), sample.gt_instances.labels[there].repeat(copies)
        windows = jittered(windows_around(boxes_of(masks)), rng).to(image)
        rough = avg_pool2d(masks[:, None].to(image), ROUGH)
        shown.append(
            _cut_out(image, rough, whole(len(masks), image.shape[-2], image.shape[-1], image), windows, categories)
        )
    return _joined(shown)


def believed(
    samples: Sequence[Any], objects: Sequence[SoftObjects], chosen: Sequence[Tensor], images: Tensor
) -> list[Any]:
    """Return mmdet's samples that know the chosen objects of each image by their own masks, and ignore the rest."""
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    found, (height, width) = [], images.shape[-2:]
    for sample, seen, mine in zip(samples, objects, chosen, strict=True):
        masks = seen.masks((height, width))[mine]
        there = masks.flatten(1).any(dim=1)
        masks, labels = masks[there], seen.categories[mine][there]
        frame = torch.zeros(height, width, dtype=torch.bool, device=images.device)
        frame[: sample.img_shape[0], : sample.img_shape[1]] = True
        rest = (frame & ~masks.any(dim=0))[None]
        taught = DetDataSample(metainfo=sample.metainfo)
        for name, regions, numbers in (
            ("gt_instances", masks, labels),
            ("ignored_instances", rest, labels.new_full((1,), -1)),
        ):
            bitmaps = BitmapMasks(regions.cpu().numpy().astype("uint8"), height, width)
            setattr(taught, name, InstanceData(bboxes=boxes_of(regions), labels=numbers, masks=bitmaps))
        found.append(taught)
    return found


def _seen_windows(images: Tensor, objects: Sequence[SoftObjects]) -> Shown:
    shown = []
    for image, seen in zip(images, objects, strict=True):
        windows = windows_around(seen.boxes)
        pictures = _pictures(image, windows)
        shown.append(Shown(pictures, seen.seen_in(windows), seen.categories))
    return _joined(shown)


def _cut_out(image: Tensor, masks: Tensor, spans: Tensor, windows: Tensor, categories: Tensor) -> Shown:
    return Shown(_pictures(image, windows), cut(masks, spans, windows)[:, 0], categories)


def _pictures(image: Tensor, windows: Tensor) -> Tensor:
    n = len(windows)
    return cut(image.float().expand(n, -1, -1, -1), whole(n, image.shape[-2], image.shape[-1], windows), windows)


def _joined(shown: Sequence[Shown]) -> Shown:
    return Shown(*(torch.cat([getattr(one, name) for one in shown]) for name in ("pictures", "masks", "categories")))


def _unlearned(scores: Tensor, absent: Tensor) -> Tensor:
    """Return the mean cross-entropy of objects that cannot be there with their absence."""
    wrong = scores[absent].clamp(max=1 - 1e-6)
    return -torch.log1p(-wrong).sum() / max(len(wrong), 1)


def _own_losses(detector: Any, features: Sequence[Tensor], images: Tensor, samples: list[Any]) -> dict[str, Any]:
    """Return the detector's own losses of what it is to learn from itself."""
    one_stage = hasattr(detector, "bbox_head")
    found = detector.bbox_head.loss(tuple(features), samples) if one_stage else detector.loss(images, samples)
    weighted = {}
    for name, value in found.items():
        weighted[name] = [OWN_WEIGHT * v for v in value] if isinstance(value, list) else OWN_WEIGHT * value
    return weighted


def _categories_shown(sample: Any, categories: int) -> Tensor:
    shown = torch.zeros(categories)
    shown[sample.gt_instances.labels.cpu()] = 1.0
    return shown


def _tensor(masks: Any, like: Tensor) -> Tensor:
    """Return masks as bool [n, h, w]: mmdet's heads leave them as tensors or as they came."""
    found: Tensor = masks if isinstance(masks, Tensor) else masks.to_tensor(torch.bool, like.device)
    return found.bool()


def _plain_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """Return mmdet's facts of an image as if it had come as it is."""
    return {**meta, "scale_factor": (1.0, 1.0), "ori_shape": meta["img_shape"]}
