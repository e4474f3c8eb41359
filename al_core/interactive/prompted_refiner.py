"""The refiner with SAM 2's network, for people who have its weights (see :mod:`al_core.networks.segment_anything`): a
frame is looked at once, and gestures are answered from what was seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from al_core.interactive.boxes import box_in_frame
from al_core.interactive.clicks import Click, check_clicks, held_to, mended
from al_core.interactive.closeup import check
from al_core.interactive.refiner import GoingOn, Image, Mask, PlainRefiner, Probability, always
from al_core.interactive.scribbles import Stroke, check_strokes, clicks_along, drawn_over
from al_core.masks.soft import Size, Window
from al_core.networks.segment_anything import SegmentAnything

Embedding = tuple[Tensor, ...]
"""What the network sees in a frame: float16 [1, c, h, w] from fine to coarse; 8 MB for a square of 1,024 pixels."""

KNOWN = 10.0
"""Logit of what a shown mask says, as the network itself takes a mask that was drawn."""


def embedding_bytes(embedding: Embedding) -> int:
    """Return what an embedding takes in memory."""
    return sum(part.nbytes for part in embedding)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A gesture: clicks in pixels (x, y), a box, and the mask that was shown, float32 [h, w] in [0, 1]."""

    clicks: Sequence[Click] = ()
    box: Window | None = None
    shown: Probability | None = None

    @property
    def ambiguous(self) -> bool:
        """Whether it may mean a part as well as the whole: then the network gives several masks."""
        return len(self.clicks) == 1 and self.box is None and self.shown is None


@torch.inference_mode()
def embed(model: SegmentAnything, image: Image) -> Embedding:
    """Look at a frame, RGB uint8 [h, w, 3]: seconds on a CPU for real weights."""
    seen = model.network.get_image_embeddings(model.picture(image)[None])
    return tuple(part.half() for part in seen)


@torch.inference_mode()
def prompted(model: SegmentAnything, embedding: Embedding, size: Size, prompt: Prompt) -> Mask:
    """Return the mask of a gesture, bool [h, w], in a frame of (height, width) ``size``: of several that it may mean,
    the one that the network thinks best of."""
    output = model.network(
        image_embeddings=[part.float() for part in embedding],
        multimask_output=prompt.ambiguous,
        **_prompt(model, size, prompt),
    )
    best = int(output.iou_scores[0, 0].argmax())
    logits = output.pred_masks[:, 0, best][None].float()
    shown = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)[0, 0]
    found: Mask = (shown > 0).cpu().numpy()
    return found


def _prompt(model: SegmentAnything, size: Size, prompt: Prompt) -> dict[str, Tensor]:
    """Return a gesture as the network takes it, in pixels of its square."""
    device, (height, width) = model.device, size
    scale = torch.tensor([model.side / width, model.side / height], device=device)
    given: dict[str, Tensor] = {}
    if prompt.clicks:
        places = torch.tensor([[click.x, click.y] for click in prompt.clicks], dtype=torch.float32, device=device)
        given["input_points"] = (places * scale)[None, None]
        sides = [int(click.positive) for click in prompt.clicks]
        given["input_labels"] = torch.tensor(sides, dtype=torch.int32, device=device)[None, None]
    if prompt.box is not None:
        corners = torch.tensor(prompt.box, dtype=torch.float32, device=device)
        given["input_boxes"] = (corners * scale.repeat(2))[None, None]
    if prompt.shown is not None:
        side = int(model.network.prompt_encoder.mask_input_size[0])
        shown = torch.from_numpy(np.ascontiguousarray(prompt.shown, np.float32))[None, None].to(device)
        small = torch.nn.functional.interpolate(
            shown, (side, side), mode="bilinear", align_corners=False, antialias=True
        )
        given["input_masks"] = small * 2 * KNOWN - KNOWN
    return given


@dataclass(frozen=True, eq=False)
class PromptedRefiner:
    """Makes masks of gestures in one frame.

    Attributes:
        embedding: gives what the network sees in the frame; it may take a while where nobody looked yet.
    """

    model: SegmentAnything
    embedding: Callable[[], Embedding]

    def with_clicks(
        self, image: Image, probability: Probability, clicks: Sequence[Click], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after clicks. A shown mask is mended only around them, and only in their direction."""
        size = check(image, probability)
        check_clicks(clicks, size)
        return self._clicked(image, probability, clicks, going_on)

    def with_scribble(
        self, image: Image, probability: Probability, strokes: Sequence[Stroke], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after strokes, as after clicks."""
        check_strokes(strokes, check(image, probability))
        clicks = [click for stroke in strokes for click in clicks_along(stroke)]
        return drawn_over(self._clicked(image, probability, clicks, going_on), strokes)

    def with_box(self, image: Image, probability: Probability, box: Window, going_on: GoingOn = always) -> Mask:
        """Return the object in a box; nothing outside the box is set."""
        size = check(image, probability)
        box = box_in_frame(box, size)
        within = np.zeros(size, bool)
        within[box.slices] = self._found(size, Prompt(box=box), going_on)[box.slices]
        return within if within.any() else PlainRefiner().with_box(image, probability, box, going_on)

    def _clicked(self, image: Image, probability: Probability, clicks: Sequence[Click], going_on: GoingOn) -> Mask:
        mask = probability > 0.5
        size: Size = (int(mask.shape[0]), int(mask.shape[1]))
        known = bool(mask.any())
        if not clicks or not (known or any(click.positive for click in clicks)):
            return held_to(mask, clicks)
        found = self._found(size, Prompt(clicks, shown=probability if known else None), going_on)
        if known:
            found = mended(mask, found, clicks, Window(0, 0, size[1], size[0]))
        if np.array_equal(found, mask):
            # It sees no object there, or nothing to mend: a person does.
            return PlainRefiner().with_clicks(image, probability, clicks, going_on)
        return held_to(found, clicks)

    def _found(self, size: Size, prompt: Prompt, going_on: GoingOn) -> Mask:
        embedding = self.embedding()
        going_on()
        return prompted(self.model, embedding, size, prompt)
