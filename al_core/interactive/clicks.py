"""Clicks: a pixel that is wrong, and with it the wrong region that it lies in.

Clicks are read in the order in which they were made, each beside the mask that the one before had left: several masks
are proposed, and the likeliest is taken (:mod:`~al_core.interactive.proposals`). One of them corrects what was there.
Around a click the prediction is trusted less, the farther it lies from the present outline the wider: people click at
the middle of what is wrong. The random walker finds how far the click's label reaches. Where a mask was shown, only the
region that hangs together with the click is taken from any proposal, and only in the click's direction, so that a click
mends what it was meant for and touches nothing else.
"""

import threading
from collections.abc import Callable, Sequence
from hashlib import blake2b

import cv2
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.interactive.closeup import Closeup, check, depth, window_of
from al_core.interactive.first_clicks import Click, clicked_parts, mask_from_clicks
from al_core.interactive.proposals.click_masks import from_nothing
from al_core.interactive.proposals.mask_choice import likeliest
from al_core.interactive.segmenters import random_walk
from al_core.masks.soft import Size, Window, union

LONG_SIDE = 160
"""Of the small picture in pixels."""

MARGIN = 0.3
PRIOR_TRUST = 0.03
"""Less lets clicks spill."""

DOUBTED = 1.5
"""The prediction is doubted within this multiple of the click's distance from the present outline."""

CLICKED = 0.5
"""Within this share of the distance the click's label is taken to hold."""

WIDEST = 0.5
"""No click is taken to mean more than this share of the object's radius (of the disk of the same area)."""

WALKED_SIDE = 120
WALKED_MARGIN = 0.4
"""Of the small picture in which all clicks are certain."""

FIRST = 3
"""Of clicks that are taken all at once, so many begin a mask from nothing; those that follow correct it."""

REMEMBERED = 64
"""Masks that a memory holds."""

ELSEWHERE = 1.0
"""A first click on the object that lies so far from a shown mask, in radii of the disk of the mask's area, says that
the object is elsewhere. Of 40 shown masks of DAVIS's training half that such a click came nearer to, 6 had an IoU with
the object below .15; of 27 that it did not, all."""

_SHORTEST = 2.0
_CERTAIN = 10.0
_NEAR = 2
"""Pixels: a changed region so near to a click is the click's."""


Proposals = Callable[[Sequence[Click]], Sequence[NDArray[np.bool_]]]
"""Further masks, bool [h, w], that clicks may mean."""


class ClickMemory:
    """The newest masks that clicks came to, so that one more click costs no more than the first. May be used from
    several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._masks: LRUCache[tuple[bytes, tuple[Click, ...]], NDArray[np.bool_]] = LRUCache(REMEMBERED)

    def longest(self, subject: bytes, clicks: Sequence[Click]) -> tuple[int, NDArray[np.bool_] | None]:
        """Return of how many of some clicks the mask is known, and that mask, which nobody changes."""
        with self._lock:
            for n in range(len(clicks), 0, -1):
                found = self._masks.get((subject, tuple(clicks[:n])))
                if found is not None:
                    return n, found
        return 0, None

    def keep(self, subject: bytes, clicks: Sequence[Click], mask: NDArray[np.bool_]) -> None:
        """Remember what clicks came to."""
        with self._lock:
            self._masks[subject, tuple(clicks)] = mask


def refine_with_clicks(
    image: NDArray[np.uint8],
    probability: NDArray[np.float32],
    clicks: Sequence[Click],
    memory: ClickMemory | None = None,
    going_on: Callable[[], None] = lambda: None,
    propose: Proposals = lambda clicks: (),
) -> NDArray[np.bool_]:
    """Return the mask after clicks, bool [h, w]: every click is on its side of it, of two on one pixel the later.

    Args:
        image: RGB uint8 [h, w, 3].
        probability: current probability, float32 [h, w]; without clicks the mask is where it is above 0.5.
        clicks: all clicks so far, in the order they were made.
        memory: of what earlier clicks on the same frame came to; without it they are worked out again.
        going_on: called before each click is worked out; it raises where nobody waits for the mask any more.
        propose: makes further masks to choose from, after so many of the clicks; a memory is for the same ones only.

    Raises:
        BadLabel: a click outside the frame, or an image of another size.
    """
    size = check(image, probability)
    check_clicks(clicks, size)
    shown = probability > 0.5
    memory = memory if memory is not None else ClickMemory()
    subject = blake2b(image.tobytes(), digest_size=16)
    subject.update(np.packbits(shown).tobytes())
    done, known = memory.longest(subject.digest(), clicks)
    mask = shown if known is None else known
    for n in range(done + 1, len(clicks) + 1):
        going_on()
        present = probability if n == 1 else mask.astype(np.float32)
        further = propose(clicks[:n]) if shown.any() or any(click.positive for click in clicks[:n]) else ()
        mask = held_to(_clicked(image, present, clicks[:n], bool(shown.any()), further), clicks[:n])
        memory.keep(subject.digest(), clicks[:n], mask)
    return mask.copy()


def starting_from(probability: NDArray[np.float32], clicks: Sequence[Click]) -> NDArray[np.float32]:
    """Return what clicks go on from, float32 [h, w]: a mask that the machine shows, or nothing where the first of them
    says that the object is elsewhere, so that a whole new mask is made.

    Args:
        probability: of the shown mask, float32 [h, w].
        clicks: all clicks so far, inside the frame.
    """
    mask = probability > 0.5
    if not clicks or not clicks[0].positive or not mask.any():
        return probability
    radius = float(np.sqrt(np.count_nonzero(mask) / np.pi))
    away = float(depth(~mask)[clicks[0].y, clicks[0].x])
    return probability if away < ELSEWHERE * radius else np.zeros_like(probability)


def refine_at_once(
    image: NDArray[np.uint8], probability: NDArray[np.float32], clicks: Sequence[Click], prior_trust: float
) -> NDArray[np.bool_]:
    """Return the mask after clicks that are one gesture, as a stroke is, bool [h, w], as :func:`refine_with_clicks`.

    Args:
        prior_trust: how strongly the prediction holds away from clicks, above 0, against 1 for a step between pixels
            of the same colour.

    Raises:
        BadLabel: a click outside the frame, or an image of another size.
    """
    size = check(image, probability)
    check_clicks(clicks, size)
    mask = probability > 0.5
    if not mask.any() and any(c.positive for c in clicks):
        mask = mask_from_clicks(image, clicks[:FIRST])
        corrections, probability = clicks[FIRST:], mask.astype(np.float32)
    else:
        corrections = clicks
    if corrections:
        mask = corrected(image, probability, corrections, prior_trust)
    return held_to(mask, clicks)


def _clicked(
    image: NDArray[np.uint8],
    present: NDArray[np.float32],
    clicks: Sequence[Click],
    shown: bool,
    further: Sequence[NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Return the mask that the newest click means beside the one before it, bool [h, w].

    Args:
        present: float32 [h, w], above 0.5 where the mask before the newest click is.
        shown: whether the first click met a mask.
        further: masks to choose from beside those that are made here.
    """
    before = present > 0.5
    known, begun = bool(before.any()), any(click.positive for click in clicks)
    if not known and not begun:
        return before
    proposed = [*(from_nothing(image, clicks) if begun else ()), *further]
    if known:
        whole = Window(0, 0, before.shape[1], before.shape[0])
        walked = _walked_on(image, before, clicks)
        proposed.append(walked)
        if shown:
            proposed = [mended(before, mask, clicks[-1:], whole) for mask in proposed]
        else:
            proposed.append(mended(before, walked, clicks[-1:], whole))
        proposed.append(corrected(image, present, clicks[-1:]))
    return proposed[likeliest(image, proposed, before, clicks)]


def _walked_on(image: NDArray[np.uint8], before: NDArray[np.bool_], clicks: Sequence[Click]) -> NDArray[np.bool_]:
    """Return what the random walker makes of a mask around the newest click, all clicks being certain, bool [h, w]; a
    click on the object lies in each of its parts, if there is one."""
    size = (int(before.shape[0]), int(before.shape[1]))
    content = union([window_of(before), *(Window(c.x, c.y, c.x + 1, c.y + 1) for c in clicks)])
    closeup = Closeup.around(content, size, WALKED_MARGIN, WALKED_SIDE)
    seeds = [Click(*closeup.point(c.x, c.y), c.positive) for c in clicks]
    prior, trust = _doubted(closeup.values(before), seeds[-1:], PRIOR_TRUST)
    for seed in seeds:
        prior[seed.y, seed.x], trust[seed.y, seed.x] = seed.positive, _CERTAIN
    found = random_walk(closeup.image(image), prior, trust) > 0.5
    if any(seed.positive for seed in seeds):
        found = clicked_parts(found, seeds)
    mask = np.zeros(size, bool)
    mask[closeup.window.slices] = closeup.enlarged(found.astype(np.float32))
    return mask


def check_clicks(clicks: Sequence[Click], size: Size) -> None:
    """Refuse clicks that do not lie in a frame of (height, width) ``size``.

    Raises:
        BadLabel: a click outside the frame.
    """
    outside = [(c.x, c.y) for c in clicks if not (0 <= c.x < size[1] and 0 <= c.y < size[0])]
    if outside:
        raise BadLabel(f"clicks (x, y) lie inside the frame of {size[1]}x{size[0]} pixels, got {outside}")


def held_to(mask: NDArray[np.bool_], clicks: Sequence[Click]) -> NDArray[np.bool_]:
    """Put the clicked pixels of a mask, bool [h, w], on the side that each click says; the mask itself is changed."""
    for click in clicks:
        mask[click.y, click.x] = click.positive
    return mask


def mended(
    mask: NDArray[np.bool_], found: NDArray[np.bool_], clicks: Sequence[Click], window: Window
) -> NDArray[np.bool_]:
    """Return a mask with what another one says of the regions around clicks, and only in each click's direction.

    Args:
        mask: bool [h, w]; it stays as it is.
        found: the other mask within a window that holds all clicks.
    """
    mask = mask.copy()
    part = mask[window.slices]
    changed = {True: found & ~part, False: part & ~found}
    for click in clicks:
        here = (click.x - window.x0, click.y - window.y0)
        part[_region(changed[click.positive], here)] = click.positive
    return mask


def corrected(
    image: NDArray[np.uint8],
    probability: NDArray[np.float32],
    clicks: Sequence[Click],
    prior_trust: float = PRIOR_TRUST,
    long_side: int = LONG_SIDE,
) -> NDArray[np.bool_]:
    """Return the mask with the regions around clicks mended, bool [h, w].

    Args:
        prior_trust: as for :func:`refine_at_once`.
        long_side: of the small picture in pixels.
    """
    mask = probability > 0.5
    size = (int(mask.shape[0]), int(mask.shape[1]))
    content = union([window_of(mask), *(Window(c.x, c.y, c.x + 1, c.y + 1) for c in clicks)])
    closeup = Closeup.around(content, size, MARGIN, long_side)
    small = [Click(*closeup.point(c.x, c.y), c.positive) for c in clicks]
    prior, trust = _doubted(closeup.values(probability), small, prior_trust)
    walked = closeup.enlarged(random_walk(closeup.image(image), prior, trust))
    return mended(mask, walked, clicks, closeup.window)


def _doubted(
    probability: NDArray[np.float32], clicks: Sequence[Click], prior_trust: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what is known of each pixel, and how strongly: the prediction, less near clicks, and the clicks."""
    mask = probability > 0.5
    radius = float(np.sqrt(max(np.count_nonzero(mask), 25) / np.pi))
    outline = {True: depth(~mask), False: depth(mask)}
    rows, columns = np.indices(mask.shape, np.float32)
    kept = np.ones(mask.shape, np.float32)
    said, agreed = np.zeros(mask.shape, np.float32), np.zeros(mask.shape, np.float32)
    for x, y, positive in clicks:
        reach = float(np.clip(outline[positive][y, x], _SHORTEST, max(_SHORTEST, WIDEST * radius)))
        away = np.hypot(columns - x, rows - y)
        np.minimum(kept, 1 - np.exp(-np.square(away / (DOUBTED * reach))), out=kept)
        strength = (away <= max(1.0, CLICKED * reach)).astype(np.float32)
        strength[y, x] = _CERTAIN
        said += strength
        agreed += strength * positive
    held = prior_trust * kept
    trust = held + said
    return (held * probability + agreed) / trust, trust


def _region(changed: NDArray[np.bool_], here: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the connected part of what changed that a pixel (x, y) lies in or right beside."""
    joined = cv2.circle(changed.astype(np.uint8), here, _NEAR, 1, -1)
    _, parts = cv2.connectedComponents(joined)
    return np.asarray(changed & (parts == parts[here[1], here[0]]), bool)
