"""The refiner with a trained network: it looks at the frame, then closely at what it found, and cuts by the colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from al_core.interactive.boxes import box_in_frame
from al_core.interactive.clicks import Click, ClickMemory, check_clicks, held_to, mended, refine_with_clicks
from al_core.interactive.closeup import Closeup, check
from al_core.interactive.first_clicks import clicked_parts, mask_from_clicks
from al_core.interactive.learned.prompts import Prompt, network_input
from al_core.interactive.learned.refiner_training import SIDE, read_refiner_network
from al_core.interactive.learned.views import View
from al_core.interactive.refiner import GoingOn, Image, Mask, PlainRefiner, Probability, Refiner, always
from al_core.interactive.scribbles import Stroke, check_strokes, clicks_along, drawn_over
from al_core.interactive.segmenters import grabcut
from al_core.masks.soft import Size, Window
from al_core.networks.unet import UNet

MARGIN = 0.5
"""How far a close-up reaches beyond what was found, as a share of its longer side."""

LONG_SIDE = 224
"""Of the picture in which colours decide, in pixels."""

SURE = 0.95
"""Where the network gives more, or less than the rest to 1, colours decide nothing."""

ITERATIONS = 3

_CLICKED_RADIUS = 2


class Method(StrEnum):
    """How masks are made of gestures: by colours alone, by the network, by the network and then by colours, or by all
    of these together."""

    PLAIN = "plain"
    NETWORK = "network"
    NETWORK_COLOURS = "network_colours"
    MIXED = "mixed"


class LearnedRefiner:
    """Makes masks of gestures with a trained network.

    Args:
        network: in evaluation mode.
        colours: whether GrabCut decides what the network leaves open.
        side: of the square that the network sees, as it was trained with.
    """

    def __init__(self, network: UNet, colours: bool, side: int = SIDE) -> None:
        self._network = network
        self._colours = colours
        self._side = side

    def with_clicks(
        self, image: Image, probability: Probability, clicks: Sequence[Click], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after clicks. A shown mask is mended only around them, and only in their direction."""
        size = check(image, probability)
        check_clicks(clicks, size)
        mask = probability > 0.5
        if not clicks or not (mask.any() or any(click.positive for click in clicks)):
            return held_to(mask, clicks)
        return held_to(self._changed(image, mask, Prompt(clicks=tuple(clicks)), clicks, going_on), clicks)

    def with_scribble(
        self, image: Image, probability: Probability, strokes: Sequence[Stroke], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after strokes, as after clicks."""
        size = check(image, probability)
        check_strokes(strokes, size)
        mask = probability > 0.5
        clicks = [click for stroke in strokes for click in clicks_along(stroke)]
        if mask.any() or any(click.positive for click in clicks):
            mask = self._changed(image, mask, Prompt(strokes=tuple(strokes)), clicks, going_on)
        return drawn_over(mask, strokes)

    def with_box(self, image: Image, probability: Probability, box: Window, going_on: GoingOn = always) -> Mask:
        """Return the object in a box; nothing outside the box is set."""
        size = check(image, probability)
        box = box_in_frame(box, size)
        within = np.zeros(size, bool)
        within[box.slices] = True
        prompt = Prompt(box=box)
        view = View.around(box, size, MARGIN, self._side)
        seen = self._seen(view, image, (probability > 0.5) & within, prompt)
        going_on()
        # What it found helps it to see the outline; its own doubt is judged by the second look.
        seen = self._seen(view, image, (seen > 0.5) & within, prompt)
        going_on()
        found = self._cut(image, seen * within, view.window, ()) & within
        return found if found.any() else within

    def _changed(self, image: Image, mask: Mask, prompt: Prompt, clicks: Sequence[Click], going_on: GoingOn) -> Mask:
        """Return a mask after gestures that count as some clicks; where there was none, the parts that were clicked."""
        size: Size = (int(mask.shape[0]), int(mask.shape[1]))
        known = bool(mask.any())
        present = mask if known else self._seen(View.whole(size, self._side), image, mask, prompt) > 0.5
        going_on()
        if not present.any():
            # It sees no object there: a person does.
            return mask_from_clicks(image, clicks)
        view = View.around(prompt.window(present), size, MARGIN, self._side)
        seen = self._seen(view, image, present, prompt)
        going_on()
        found = self._cut(image, seen, view.window, clicks)
        if known:
            return mended(mask, found[view.window.slices], clicks, view.window)
        return clicked_parts(held_to(found, clicks), clicks)

    @torch.inference_mode()
    def _seen(self, view: View, image: Image, present: Mask, prompt: Prompt) -> NDArray[np.float32]:
        """Return what the network makes of a view, float32 [H, W] in [0, 1] on the whole frame; 0 outside the view."""
        inputs = torch.from_numpy(network_input(view, image, present, prompt))
        found: NDArray[np.float32] = self._network(inputs[None])[0].sigmoid().numpy()
        return view.on_frame(found, (int(present.shape[0]), int(present.shape[1])))

    def _cut(self, image: Image, seen: NDArray[np.float32], window: Window, clicks: Sequence[Click]) -> Mask:
        """Decide by the colours within a window what the network leaves open, bool [H, W]."""
        if not self._colours:
            return seen > 0.5
        size = (int(seen.shape[0]), int(seen.shape[1]))
        closeup = Closeup.around(window, size, 0.0, LONG_SIDE)
        likely = closeup.values(seen)
        states = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        states[likely < 1 - SURE], states[likely > SURE] = cv2.GC_BGD, cv2.GC_FGD
        for click in clicks:
            side = cv2.GC_FGD if click.positive else cv2.GC_BGD
            cv2.circle(states, closeup.point(click.x, click.y), _CLICKED_RADIUS, side, -1)
        found = np.zeros(size, bool)
        cut = grabcut(closeup.image(image), states, ITERATIONS)
        found[closeup.window.slices] = closeup.enlarged(cut.astype(np.float32))
        return found


class MixedRefiner:
    """Makes masks of gestures with and without a trained network: of clicks, what the network makes is proposed beside
    what colours make; of boxes and strokes, each pixel goes with the majority. May be used from several threads.

    Args:
        learned: the refiners with the network, two of them.
    """

    def __init__(self, learned: Sequence[Refiner]) -> None:
        self._learned = learned
        self._all = (PlainRefiner(), *learned)
        self._memory = ClickMemory()

    def with_clicks(
        self, image: Image, probability: Probability, clicks: Sequence[Click], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after clicks."""

        def propose(made: Sequence[Click]) -> list[Mask]:
            return [refiner.with_clicks(image, probability, made, going_on) for refiner in self._learned]

        return refine_with_clicks(image, probability, clicks, self._memory, going_on, propose)

    def with_scribble(
        self, image: Image, probability: Probability, strokes: Sequence[Stroke], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after strokes."""
        return _majority([r.with_scribble(image, probability, strokes, going_on) for r in self._all])

    def with_box(self, image: Image, probability: Probability, box: Window, going_on: GoingOn = always) -> Mask:
        """Return the object in a box; the plain refiner's where the others agree on nothing."""
        found = [refiner.with_box(image, probability, box, going_on) for refiner in self._all]
        agreed = _majority(found)
        return agreed if agreed.any() else found[0]


def _majority(masks: Sequence[Mask]) -> Mask:
    return np.asarray(2 * np.sum(masks, axis=0, dtype=np.int32) > len(masks), bool)


@dataclass(frozen=True, slots=True)
class ChosenRefiner:
    """The refiner that the page uses: for each gesture the one that was better on labels that were held out.

    Attributes:
        first_click: for the first click where nothing is known.
        clicks: for more clicks there, and strokes.
        first_correction: for the first click on a shown mask.
        corrections: for more clicks on it, and strokes.
        box: for boxes.
    """

    first_click: Refiner
    clicks: Refiner
    first_correction: Refiner
    corrections: Refiner
    box: Refiner

    def with_clicks(
        self, image: Image, probability: Probability, clicks: Sequence[Click], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after clicks."""
        if len(clicks) > 1:
            return self._for(probability).with_clicks(image, probability, clicks, going_on)
        refiner = self.first_correction if (probability > 0.5).any() else self.first_click
        return refiner.with_clicks(image, probability, clicks, going_on)

    def with_scribble(
        self, image: Image, probability: Probability, strokes: Sequence[Stroke], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after strokes."""
        return self._for(probability).with_scribble(image, probability, strokes, going_on)

    def with_box(self, image: Image, probability: Probability, box: Window, going_on: GoingOn = always) -> Mask:
        """Return the object in a box."""
        return self.box.with_box(image, probability, box, going_on)

    def _for(self, probability: Probability) -> Refiner:
        return self.corrections if (probability > 0.5).any() else self.clicks


GESTURES = tuple(field.name for field in fields(ChosenRefiner))


def refiners(network: UNet, side: int = SIDE) -> dict[Method, Refiner]:
    """Return every way to make masks that a network gives, and the one without it."""
    learned: dict[Method, Refiner] = {
        Method.NETWORK: LearnedRefiner(network, colours=False, side=side),
        Method.NETWORK_COLOURS: LearnedRefiner(network, colours=True, side=side),
    }
    return {Method.PLAIN: PlainRefiner(), **learned, Method.MIXED: MixedRefiner([*learned.values()])}


def chosen_refiner(path: Path, methods: Mapping[str, str]) -> ChosenRefiner:
    """Read a refiner as the ledger names it.

    Args:
        path: file of the network.
        methods: of each gesture (the attributes of :class:`ChosenRefiner`), as the values of :class:`Method`; what is
            unknown to this version, or not named, is done without the network. First clicks that an earlier version
            does not tell from the others are done like these.

    Raises:
        BadCheckpoint: the file is not there, is damaged, or holds another network.
    """
    known = refiners(read_refiner_network(path))
    by_name = {method.value: refiner for method, refiner in known.items()}
    alike = {"first_click": "clicks", "first_correction": "corrections"}
    named = {gesture: methods.get(gesture, methods.get(alike.get(gesture, ""), "")) for gesture in GESTURES}
    return ChosenRefiner(**{gesture: by_name.get(name, known[Method.PLAIN]) for gesture, name in named.items()})
