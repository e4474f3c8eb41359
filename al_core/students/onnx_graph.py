"""A student as an ONNX graph: RTMDet-Ins up to, and without, the suppression of double detections.

A graph has no operator for what chooses among detections as mmdet does, so it ends with the best candidates, and
:data:`READING` is what a program does with them, in a few lines that need numpy, OpenCV and onnxruntime only.
"""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from al_core.errors import BadSettings, MissingDependency
from al_core.files import replaced
from al_core.students.build import SIZE_DIVISOR, build_model
from al_core.students.plain_mmdet import PlainModel

OPSET = 18
OUTPUTS = ("scores", "labels", "boxes", "masks")

READING = """
`model.onnx` takes one image, float32 RGB [1, 3, {height}, {width}] with values from 0 to 255, and gives its {most} best
candidates, best first: `scores` [{most}], `labels` [{most}] (classes from 0), `boxes` [{most}, 4] (x0, y0, x1, y1 in
pixels of the input) and `masks` [{most}, {mask_height}, {mask_width}], logits at an eighth of the size. Candidates of
one class that lie over a better one are still to be left out:

```python
import cv2
import numpy as np
import onnxruntime

LEAST_SCORE, MOST_OVERLAP, HEIGHT, WIDTH = {score}, {overlap}, {height}, {width}
session = onnxruntime.InferenceSession("model.onnx")
image = cv2.cvtColor(cv2.imread("image.jpg"), cv2.COLOR_BGR2RGB)
zoom = min(HEIGHT / image.shape[0], WIDTH / image.shape[1])
size = (int(image.shape[1] * zoom + 0.5), int(image.shape[0] * zoom + 0.5))
canvas = np.full((HEIGHT, WIDTH, 3), {mean}, np.float32)
canvas[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
scores, labels, boxes, masks = session.run(None, {{"image": canvas.transpose(2, 0, 1)[None]}})
boxes = np.clip(boxes, 0, [*size, *size])
usable = (scores > LEAST_SCORE) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)


def overlap(one, other):
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    both = max(width, 0) * max(height, 0)
    return both / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - both)


found = []
for i in np.flatnonzero(usable):
    doubles = [j for j, _ in found if labels[i] == labels[j] and overlap(boxes[i], boxes[j]) > MOST_OVERLAP]
    if len(found) < {objects} and not doubles:
        logits = cv2.resize(masks[i], (WIDTH, HEIGHT))[: size[1], : size[0]]
        found.append((i, cv2.resize(logits, image.shape[1::-1]) > 0))
```

Each of `found` is the number of a candidate and its mask, bool, at the image's own size. Where an image has the shape
of those that the graph was made for, this is what mmdet finds but for rounding; one of another shape is padded more.
"""


def write_onnx(model: PlainModel, path: Path, size: tuple[int, int], most: int = 300) -> str:
    """Write a student as an ONNX graph for images of one size; the file appears whole or not at all.

    Args:
        size: (height, width) of the images that it is made for, at the size at which the student sees them; sides are
            rounded up to what the network needs.
        most: candidates that the graph gives, double ones among them.

    Returns:
        How the outputs are read, as Markdown.

    Raises:
        BadSettings: the student is none of those that can be written. MissingDependency: a package is not there.
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise MissingDependency(f"ONNX needs {' and '.join(missing)}: pip install 'fewframes[onnx]'")
    graph, test_cfg = _Candidates(_detector(model), most), model.model["test_cfg"]
    height, width = (-(-side // SIZE_DIVISOR) * SIZE_DIVISOR for side in size)
    image = torch.zeros(1, 3, height, width)
    with torch.inference_mode():
        given, _, _, masks = graph(image)
    with replaced(path) as unfinished, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            *(graph, (image,), unfinished),
            input_names=["image"],
            output_names=list(OUTPUTS),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    return READING.format(
        height=height,
        width=width,
        most=len(given),
        mask_height=masks.shape[1],
        mask_width=masks.shape[2],
        score=test_cfg["score_thr"],
        overlap=test_cfg["nms"]["iou_threshold"],
        objects=test_cfg["max_per_img"],
        mean=[round(value, 3) for value in graph.mean_rgb()],
    ).strip()


def _detector(model: PlainModel) -> Any:
    """Build the detector with its weights.

    Raises:
        BadSettings: it does not end as RTMDet-Ins does.
    """
    from mmengine.config import Config

    detector: Any = build_model(Config({"model": dict(model.model)}).model)
    from mmdet.models.dense_heads import RTMDetInsHead

    head = getattr(detector, "bbox_head", None)
    if not isinstance(head, RTMDetInsHead):
        kind = model.model["type"]
        why = (
            "its second stage looks at as many regions as the first one finds, with mmcv's own RoIAlign and NMS, which "
            "are no operators of ONNX"
            if hasattr(detector, "roi_head")
            else "what follows its head differs from model to model, and is written down for RTMDet-Ins only"
        )
        raise BadSettings(
            f"ONNX: a {kind} cannot be written as one graph: {why}. Config and checkpoint can: leave --onnx"
        )
    detector.load_state_dict(model.state)
    return detector.eval().requires_grad_(False)


class _Candidates(nn.Module):
    """An RTMDet-Ins from an RGB image to its best candidates.

    Args:
        detector: in evaluation mode.
        most: candidates to give; fewer where there are not so many.
    """

    def __init__(self, detector: Any, most: int) -> None:
        super().__init__()
        self.detector = detector
        self.most = most
        # mmdet has no name for it that others may use: whether the network takes RGB.
        self.takes_rgb = bool(detector.data_preprocessor._channel_conversion)

    def mean_rgb(self) -> list[float]:
        """Return the colour that becomes 0, in 0-255."""
        mean = self.detector.data_preprocessor.mean.flatten().tolist()
        return mean if self.takes_rgb else mean[::-1]

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return scores [k], labels [k], boxes [k, 4] and mask logits [k, h / 8, w / 8] of an image, [1, 3, h, w]."""
        processor, head = self.detector.data_preprocessor, self.detector.bbox_head
        seen = image if self.takes_rgb else image.flip(1)
        features = self.detector.extract_feat((seen - processor.mean) / processor.std)
        scores, distances, kernels, mask_features = head(features)
        sizes = [tuple(level.shape[-2:]) for level in scores]
        priors = torch.cat(head.prior_generator.grid_priors(sizes, device=image.device, with_stride=True))
        n_classes = scores[0].shape[1]
        chances = torch.cat([_rows(level) for level in scores]).sigmoid().flatten()
        best, places = chances.topk(min(self.most, chances.shape[0]))
        chosen = places // n_classes
        around, centres = torch.cat([_rows(level) for level in distances])[chosen], priors[chosen]
        boxes = torch.cat([centres[:, :2] - around[:, :2], centres[:, :2] + around[:, 2:]], dim=1)
        masks = head._mask_predict_by_feat_single(
            mask_features[0], torch.cat([_rows(level) for level in kernels])[chosen], centres
        )
        return best, places % n_classes, boxes, masks


def _rows(level: torch.Tensor) -> torch.Tensor:
    """Return one row a position, [h * w, c], of [1, c, h, w]."""
    return level[0].flatten(1).T
