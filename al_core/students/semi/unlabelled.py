"""Frames that nobody labelled as a stream of augmented training items, beside the stream of labelled ones.

What is known of such a frame is believed, not said by a person: some objects, and nothing of the rest of the frame.
Frames are drawn by how wrong what is known of them is expected to be. Item ``n`` is a function of ``(seed, n)`` alone,
as that of a labelled frame is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from al_core.fingerprint import fingerprint
from al_core.records import FrameRef, MaskLabel
from al_core.students.dataset import CACHED_FRAMES, LabelledFrames, TrainingSample
from al_core.students.semi.mixing import Mix, Nearness, Shown, mixed

UNLABELLED = "unlabelled"
"""Key of a batch under which the items of unlabelled frames are; each also tells the progress of the training."""

PROGRESS = "progress"

LEAST_WEIGHT = 0.01
"""Weight of a frame of which nothing is expected to be wrong, so that such frames are drawn too."""


@dataclass(frozen=True, slots=True)
class UnlabelledSample:
    """One frame that nobody labelled.

    Attributes:
        masks: objects that are believed to be there, at any resolution; what else the frame shows is not known.
        weight: how often it is drawn beside others: the error, in [0, 1], that what is known of it is expected to have.
    """

    frame: FrameRef
    masks: tuple[MaskLabel, ...] = ()
    weight: float = 1.0


class UnlabelledFrames(LabelledFrames):
    """The stream of items of frames that nobody labelled: all that is not a believed object is an ignore region.

    Args:
        samples: at least one; the other arguments are those of :class:`~al_core.students.dataset.LabelledFrames`.
        mix: how an item takes pixels of another frame; None: it does not.
        nearness: of the frames, for ways to mix that need it.

    Raises:
        BadLabel: no sample, or a mask of a category that is not in ``category_ids``.
    """

    def __init__(
        self,
        samples: Sequence[UnlabelledSample],
        category_ids: Sequence[int],
        read_image: Callable[[FrameRef], NDArray[np.uint8]],
        long_side: int,
        pipeline: Sequence[Mapping[str, Any]],
        seed: int,
        length: int,
        *,
        mix: Mix | None = None,
        nearness: Nearness | None = None,
    ) -> None:
        known = [TrainingSample(sample.frame, sample.masks) for sample in samples]
        super().__init__(known, category_ids, read_image, long_side, pipeline, _own_seed(seed), length)
        weight = {sample.frame: max(sample.weight, LEAST_WEIGHT) for sample in samples}
        weights = np.array([weight[sample.frame] for sample in self._samples])
        self._shares = weights / weights.sum()
        self._mix = mix
        shows = [any(not mask.ignore for mask in sample.masks) for sample in self._samples]
        self._givers = [i for i, one in enumerate(shows) if one or not (mix and mix.by_objects)]
        reads = nearness.read if nearness is not None and mix is not None and mix.by_nearness else None
        self._nearness = lru_cache(maxsize=CACHED_FRAMES)(lambda index: reads and reads(self._samples[index].frame))

    def sample_of(self, item: int) -> int:
        """Return the index of the frame that an item shows, drawn by the weights."""
        return int(np.random.default_rng([self._seed, 0, item]).choice(len(self._shares), p=self._shares))

    @property
    def n_drawn(self) -> int:
        """How many different frames the items show."""
        return len({self.sample_of(item) for item in range(len(self))})

    def shown(self, item: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[int]]:
        """Return the frame of an item, mixed with another one where frames are mixed, with what is believed of it and
        the ignore region."""
        index, rng = self.sample_of(item), np.random.default_rng([self._seed, 3, item])
        shown = self._known(index)
        givers = [i for i in self._givers if i != index]
        if self._mix is not None and givers:
            shown = mixed(shown, self._known(int(rng.choice(givers))), self._mix.stays, rng)
        unknown = (shown.masks.sum(axis=0, keepdims=True) == 0).astype(np.uint8)
        return shown.image, np.concatenate([shown.masks, unknown]), [*shown.classes, -1]

    def _known(self, index: int) -> Shown:
        return Shown(self._samples[index].frame, *self._frame(index), self._nearness(index))


class PairedFrames(Dataset):
    """Items of labelled frames, each with the unlabelled one of the same number and the progress of the training.

    Progress is the share of all items that came before, in [0, 1).
    """

    def __init__(self, labelled: LabelledFrames, unlabelled: UnlabelledFrames) -> None:
        self._labelled, self._unlabelled = labelled, unlabelled

    def __len__(self) -> int:
        return len(self._labelled)

    def __getitem__(self, item: int) -> dict[str, Any]:
        """Return a labelled item with the unlabelled one under a key of its own."""
        return {
            **self._labelled[item],
            UNLABELLED: {**self._unlabelled[item], PROGRESS: item / len(self)},
        }


def fingerprint_unlabelled(samples: Sequence[UnlabelledSample]) -> str:
    """Return a hash of frames, masks and weights, whatever their order."""
    ordered = sorted(samples, key=lambda sample: sample.frame)
    parts = [[*astuple(s.frame), [m.to_json() for m in s.masks], float(s.weight)] for s in ordered]
    return fingerprint(parts)


def _own_seed(seed: int) -> int:
    """Return a seed for the unlabelled stream, which is not to be drawn as the labelled one is."""
    return int(np.random.SeedSequence([seed, 5]).generate_state(1)[0])
