"""Predict frames with M mean teachers seen through K views, and merge what they say.

The work beside the networks' own forward passes is kept small: views of equal size share a pass, masks are compared on
a coarse grid and averaged only where an object is, and a frame's feature is pooled from passes that happen anyway.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from al_core.errors import BadSettings
from al_core.footage.images import working_size
from al_core.settings import TeacherSettings
from al_core.stores.predictions import FramePrediction
from al_core.students.build import Member, parts_of
from al_core.uncertainty.augment import VIEWS, View
from al_core.uncertainty.grouping import Output, Size, mask_boxes, merge_outputs

WEAK_SHARE = 1 / 3
"""Detections below the score threshold count as weak sightings down to this share of it."""

IMAGES_PER_PASS = {"cpu": 4, "cuda": 32}
"""Images that go through a network at once, by kind of device."""

SURE = 0.7
"""Least existence of an object of which one view tells enough."""

Forward = Callable[[list[torch.Tensor]], tuple[list[Any], NDArray[np.float32]]]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame, ready for the networks: (height, width) in working pixels, and as the student sees it before a view's
    own scale; uint8 RGB [3, h, w] for each view."""

    frame_idx: int
    size: Size
    seen: Size
    views: tuple[torch.Tensor, ...]


@dataclass(frozen=True, eq=False)
class _Answer:
    """What one member says of one view of a frame: mmdet's instances on its device, and the pooled feature, [d]."""

    view: View
    instances: Any
    feature: NDArray[np.float32]


def predict_frames(
    members: Sequence[Member],
    views: Sequence[View],
    frames: Iterable[tuple[int, NDArray[np.uint8]]],
    settings: TeacherSettings,
    student_long_side: int,
    max_objects: int = 100,
    images_per_pass: int | None = None,
) -> Iterator[FramePrediction]:
    """Predict frames one after the other, in their order.

    Args:
        members: detectors in evaluation mode that know the same categories, on one device.
        frames: (frame number, uint8 RGB [H, W, 3] at working size), best read ahead by a thread
            (``FrameStore.iterate``); a few are taken at a time.
        settings: ``score_threshold``, ``match_iou``, and ``agreement_iou``.
        student_long_side: long side in pixels at which the student sees a frame; frames are never enlarged to it.
        max_objects: most objects in a frame.
        images_per_pass: views that share a forward pass; by default what suits the device.

    Raises:
        BadSettings: no member, no view, or members that know different categories.
    """
    categories = _common_categories(members)
    if not views:
        raise BadSettings("teachers.views: expected at least one view, got none")
    n_images = images_per_pass or IMAGES_PER_PASS[next(members[0].model.parameters()).device.type]
    seen = (_look(index, image, views, student_long_side) for index, image in frames)
    with ExitStack() as stack:
        forwards = [stack.enter_context(_watched(member.model)) for member in members]
        # One batch is merged while the networks look at the next.
        worker = stack.enter_context(ThreadPoolExecutor(1, "merge"))
        ensemble = _Ensemble(forwards, views, n_images, worker, categories, settings, max_objects)
        batches = _batches(seen, max(1, n_images // ensemble.n_first))
        looked = _one_behind(ensemble.look(batch) for batch in batches)
        if ensemble.n_first == len(views):
            finished: Iterable[_Finished] = (_Finished(batch.merging.result()) for batch in looked)
        else:
            finished = _one_behind(ensemble.look_again(batch) for batch in looked)
        for batch in finished:
            yield from batch.predictions()


@dataclass(frozen=True, eq=False)
class _Looked:
    """Frames that were seen through the first views; what the members say of each; and what that is merged into."""

    frames: Sequence[_Seen]
    answers: Sequence[Sequence[_Answer]]
    merging: Future[list[FramePrediction]]


@dataclass(frozen=True, eq=False)
class _Finished:
    """Predictions of a batch; those at the places ``open`` are replaced by what comes of all views."""

    found: list[FramePrediction]
    open: Sequence[int] = ()
    merging: Future[list[FramePrediction]] | None = None

    def predictions(self) -> list[FramePrediction]:
        """Return them in order, when they are made."""
        for place, prediction in zip(self.open, self.merging.result() if self.merging else (), strict=True):
            self.found[place] = prediction
        return self.found


@dataclass(frozen=True, eq=False)
class _Ensemble:
    """Members and views, and how their answers become predictions; ``worker`` merges."""

    forwards: Sequence[Forward]
    views: Sequence[View]
    n_images: int
    worker: ThreadPoolExecutor
    category_ids: Sequence[int]
    settings: TeacherSettings
    max_objects: int

    @property
    def n_first(self) -> int:
        """How many views each member sees all frames through."""
        may_agree = len(self.forwards) > 1 and self.settings.agreement_iou < 1
        return 1 if may_agree else len(self.views)

    def look(self, frames: Sequence[_Seen]) -> _Looked:
        """See frames through the first views."""
        n_views = len(self.views)
        everything = self.n_first == n_views
        # Each member through another view: that costs as much as the same view for all, and tells more.
        first = [range(n_views) if everything else [m % n_views] for m in range(len(self.forwards))]
        answers = self._asked(frames, first)
        return _Looked(frames, answers, self._merging(frames, answers))

    def look_again(self, looked: _Looked) -> _Finished:
        """See those frames through the other views too in which the members do not agree."""
        found = looked.merging.result()
        n_members, least = len(self.forwards), self.settings.agreement_iou
        places = [n for n, prediction in enumerate(found) if not agreed(prediction, n_members, least)]
        if not places:
            return _Finished(found)
        frames = [looked.frames[n] for n in places]
        n_views = len(self.views)
        others = self._asked(frames, [[k for k in range(n_views) if k != m % n_views] for m in range(n_members)])
        answers = [[*looked.answers[n], *more] for n, more in zip(places, others, strict=True)]
        return _Finished(found, places, self._merging(frames, answers))

    def _asked(self, frames: Sequence[_Seen], which: Sequence[Sequence[int]]) -> list[list[_Answer]]:
        """Return what all members say of each frame, each through its views of ``which``."""
        pairs = zip(self.forwards, which, strict=True)
        said = [_ask(forward, self.views, through, frames, self.n_images) for forward, through in pairs]
        return [[answer for by_member in said for answer in by_member[n]] for n in range(len(frames))]

    def _merging(self, frames: Sequence[_Seen], answers: Sequence[Sequence[_Answer]]) -> Future[list[FramePrediction]]:
        return self.worker.submit(_merged, frames, answers, self.category_ids, self.settings, self.max_objects)


def agreed(found: FramePrediction, n_members: int, least_iou: float) -> bool:
    """Tell whether all members surely see the same objects in a frame, each through its first view.

    Nothing to be seen is no agreement: what they all miss is looked for through the other views.

    Args:
        found: of one view.
        least_iou: mean overlap of their masks of an object, in [0, 1].
    """
    return bool(found.objects) and all(
        seen.members == n_members and seen.mask_iou >= least_iou and seen.existence >= SURE for seen in found.objects
    )


def weakest_score(settings: TeacherSettings) -> float:
    """Return the score below which detections are not looked at."""
    return settings.score_threshold * WEAK_SHARE


def in_fast_layout(members: Sequence[Member]) -> list[Member]:
    """Lay out the weights of members for fast prediction; what they predict stays the same.

    On the CPU convolutions are faster when channels lie innermost. The compiled operators of mmcv, such as RoIAlign,
    take memory for laid out as usual and would read the wrong numbers: models with one of them stay as they are.
    """
    for member in members:
        if next(member.model.parameters()).device.type == "cpu" and not _has_compiled(member.model):
            member.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return list(members)


def in_fast_precision(members: Sequence[Member], quick: bool | None = None) -> list[Member]:
    """Let the convolutions of members work in bfloat16 where that is faster; predictions move by its rounding.

    Backbone, neck and the head of one-stage detectors do, with the normalization of each convolution made part of it;
    what these say is made into boxes and masks in single precision.

    Args:
        quick: whether it is faster; by default on a CPU that has instructions for it.
    """
    if quick is None:
        quick = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    for member in members:
        if quick and next(member.model.parameters()).device.type == "cpu":
            for part in _convolutional(member.model):
                _fold(part)
                part.forward = partial(_in_bfloat16, part.forward)
    return list(members)


def _has_compiled(module: nn.Module) -> bool:
    return any(type(part).__module__.startswith("mmcv.ops") for part in module.modules())


def _convolutional(model: nn.Module) -> list[nn.Module]:
    from mmdet.models.detectors import SingleStageDetector

    heads = ("bbox_head",) if isinstance(model, SingleStageDetector) else ()
    return [part for part in parts_of(model, ("backbone", "neck", *heads)) if not _has_compiled(part)]


def _fold(part: nn.Module) -> None:
    """Make batch normalization part of the convolution before it, and keep convolutions as they are computed with."""
    from mmcv.cnn import ConvModule

    for module in [m for m in part.modules() if isinstance(m, ConvModule)]:
        if module.order[:2] == ("conv", "norm") and isinstance(module.norm, nn.BatchNorm2d):
            # A copy: some heads share a convolution between levels that have a normalization each.
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            setattr(module, module.norm_name, nn.Identity())
    for module in part.modules():
        if isinstance(module, nn.Conv2d):
            module.to(torch.bfloat16)


def _in_bfloat16(forward: Callable[..., Any], *inputs: Any, **others: Any) -> Any:
    with torch.autocast("cpu", torch.bfloat16):
        return _in_single_precision(forward(*inputs, **others))


def _in_single_precision(found: Any) -> Any:
    if isinstance(found, torch.Tensor):
        return found.float() if found.dtype == torch.bfloat16 else found
    if isinstance(found, list | tuple):
        return type(found)(_in_single_precision(part) for part in found)
    return found


def _merged(
    batch: Sequence[_Seen],
    said: Sequence[Sequence[_Answer]],
    category_ids: Sequence[int],
    settings: TeacherSettings,
    max_objects: int,
) -> list[FramePrediction]:
    """Turn what the members say of a batch into predictions."""
    predictions = []
    for frame, answers in zip(batch, said, strict=True):
        outputs = [_output(a.view, a.instances, weakest_score(settings), max_objects) for a in answers]
        objects = merge_outputs(outputs, category_ids, frame.seen, frame.size, settings, max_objects)
        predictions.append(FramePrediction(frame.frame_idx, objects, _unit_mean([a.feature for a in answers])))
    return predictions


def _common_categories(members: Sequence[Member]) -> list[int]:
    if not members:
        raise BadSettings("expected at least one member to predict with, got none")
    for member in members:
        if member.category_ids != members[0].category_ids:
            raise BadSettings(
                f"the members of an ensemble know the same categories; {members[0].name} knows "
                f"{members[0].category_ids}, {member.name} knows {member.category_ids}"
            )
    return members[0].category_ids


def _look(frame_idx: int, image: NDArray[np.uint8], views: Sequence[View], long_side: int) -> _Seen:
    size = (int(image.shape[0]), int(image.shape[1]))
    seen = working_size(*size, long_side)
    unscaled = VIEWS["identity"].apply(image, seen)
    images = (view.apply(unscaled if view.scale == 1 else image, seen) for view in views)
    tensors = tuple(torch.from_numpy(image).permute(2, 0, 1).contiguous() for image in images)
    return _Seen(frame_idx, size, seen, tensors)


def _batches(frames: Iterable[_Seen], n: int) -> Iterator[list[_Seen]]:
    """Yield up to n consecutive frames of one size."""
    batch: list[_Seen] = []
    for frame in frames:
        if batch and (len(batch) == n or batch[0].size != frame.size):
            yield batch
            batch = []
        batch.append(frame)
    if batch:
        yield batch


def _one_behind(items: Iterable[T]) -> Iterator[T]:
    """Yield the same items, each when the next one was made."""
    waiting: list[T] = []
    for item in items:
        waiting.append(item)
        if len(waiting) > 1:
            yield waiting.pop(0)
    yield from waiting


def _ask(
    forward: Forward, views: Sequence[View], which: Sequence[int], batch: Sequence[_Seen], n_images: int
) -> list[list[_Answer]]:
    """Return what one member says of each frame through each of some views; images of one size share a pass."""
    answers: dict[tuple[int, int], _Answer] = {}
    by_shape: dict[torch.Size, list[tuple[int, int]]] = {}
    for n, frame in enumerate(batch):
        for k in which:
            by_shape.setdefault(frame.views[k].shape, []).append((n, k))
    for places in by_shape.values():
        for start in range(0, len(places), n_images):
            now = places[start : start + n_images]
            found, features = forward([batch[n].views[k] for n, k in now])
            for (n, k), instances, feature in zip(now, found, features, strict=True):
                answers[n, k] = _Answer(views[k], instances, feature)
    return [[answers[n, k] for k in which] for n in range(len(batch))]


@contextmanager
def _watched(model: Any) -> Iterator[Forward]:
    """Yield a model's forward pass that also gives the pooled feature of each image.

    The feature is the mean over the pixels of every level that the neck gives (the backbone, without a neck),
    one level after the other.
    """
    from mmdet.structures import DetDataSample

    pooled: list[torch.Tensor] = []

    def pool(_module: nn.Module, _inputs: Any, levels: Any) -> None:
        levels = (levels,) if isinstance(levels, torch.Tensor) else levels
        pooled.append(torch.cat([level.mean(dim=(2, 3)) for level in levels], dim=1))

    def forward(images: list[torch.Tensor]) -> tuple[list[Any], NDArray[np.float32]]:
        # Results are asked for at the size of the view: what is wanted larger is enlarged once, after averaging.
        size = tuple(images[0].shape[1:])
        meta = {"img_shape": size, "ori_shape": size, "scale_factor": (1.0, 1.0)}
        samples = [DetDataSample(metainfo=meta) for _ in images]
        pooled.clear()
        with torch.inference_mode():
            results = model.test_step({"inputs": images, "data_samples": samples})
        return [result.pred_instances for result in results], pooled[0].float().cpu().numpy()

    hook = getattr(model, "neck", None) or model.backbone
    handle = hook.register_forward_hook(pool)
    try:
        yield forward
    finally:
        handle.remove()


def _output(view: View, found: Any, weakest: float, max_objects: int) -> Output:
    """Turn mmdet's instances into arrays: those with a score of at least ``weakest``, at most ``max_objects``."""
    scores = found.scores.cpu().numpy()
    kept = np.argsort(-scores, kind="stable")[:max_objects]
    kept = kept[scores[kept] >= weakest]
    index = torch.from_numpy(kept).to(found.scores.device)
    labels, boxes, masks = (values[index].cpu().numpy() for values in (found.labels, found.bboxes, found.masks))
    # Some segmenters (SOLO) find masks without boxes, and say so with boxes of no size.
    boxless = ~(boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes[boxless] = mask_boxes(masks[boxless] > 0)
    return Output(view, scores[kept], labels, boxes, masks)


def _unit_mean(features: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of features, float32 [d] each, scaled to length 1."""
    mean = np.asarray(np.mean(features, axis=0), np.float32)
    return mean / np.float32(max(float(np.linalg.norm(mean)), 1e-12))
