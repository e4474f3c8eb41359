"""Coarse masks of gestures, within a tenth of a second: what is seen until the refiner has made its own."""

from collections.abc import Sequence

import numpy as np

from al_core.interactive.boxes import box_by_colour, box_in_frame
from al_core.interactive.clicks import Click, check_clicks, corrected, held_to
from al_core.interactive.closeup import check
from al_core.interactive.proposals.click_masks import by_disks
from al_core.interactive.refiner import GoingOn, Image, Mask, Probability, always
from al_core.interactive.scribbles import Stroke, refine_with_scribble
from al_core.masks.soft import Window

LONG_SIDE = 80
"""Of the small pictures, in pixels."""

MARGIN = 0.25
"""How much of the surroundings of a box is looked at, as a share of its longer side."""


class CoarseRefiner:
    """Makes masks of gestures in one way only, in a picture of half the size at which the page's refiner compares
    several. May be used from several threads."""

    def with_clicks(
        self, image: Image, probability: Probability, clicks: Sequence[Click], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after clicks, all of them at once."""
        check_clicks(clicks, check(image, probability))
        mask = np.asarray(probability > 0.5, bool)
        if mask.any():
            mask = corrected(image, probability, clicks, long_side=LONG_SIDE)
        elif any(click.positive for click in clicks):
            mask = by_disks(image, clicks, LONG_SIDE)
        return held_to(mask, clicks)

    def with_box(self, image: Image, probability: Probability, box: Window, going_on: GoingOn = always) -> Mask:
        """Return the object in a box, whatever is known of it."""
        return box_by_colour(image, None, box_in_frame(box, check(image, probability)), MARGIN, LONG_SIDE)

    def with_scribble(
        self, image: Image, probability: Probability, strokes: Sequence[Stroke], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after strokes, as exactly as the plain refiner: that is made in one way only."""
        return refine_with_scribble(image, probability, strokes)
