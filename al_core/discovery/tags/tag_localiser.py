"""Masks of what people only said is in a frame: the way to discover that starts from tags."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Found, FoundObject
from al_core.discovery.given import Given, Hint
from al_core.discovery.linked_objects import Links
from al_core.discovery.tags.backbone import Backbone, Installed, load_backbone
from al_core.discovery.tags.dilated_classifier import (
    RATES,
    STEPS,
    DilatedClassifier,
    TaggedFrame,
    new_classifier,
    train,
)
from al_core.discovery.tags.localisation import normalised, over_ground, present_among, refined
from al_core.errors import NotReady
from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.networks.imagenet_weights import weights_file
from al_core.networks.network_state import Checkpoint, kept_or_trained, load_kept
from al_core.records import Progress
from al_core.stores.disk_cache import DiskCache

MOST_FRAMES = 240
"""Tagged frames that are learnt from, spread evenly."""

LIKELY = 0.7
"""Chance from which a category of which nobody spoke is looked for in a frame."""

CACHE_BYTES = 200_000_000

_FORMAT = "tags1"

Said = Mapping[int, Mapping[int, bool]]
"""Frame -> category -> whether it is there."""


@dataclass(frozen=True, eq=False)
class TagLocaliser(Discoverer):
    """Learns from tags what categories look like, and finds where they are."""

    name = "tags"
    needs = (Hint.TAGS,)

    def check(self, given: Given, clips: Sequence[DiscoveryClip]) -> None:
        """Refuse tags with which nothing can be learnt, and a backbone that cannot be used.

        Raises:
            NotReady: no tags, or none that tell a category from its absence.
            BadCheckpoint: the backbone's file cannot be used, or is not installed.
        """
        super().check(given, clips)
        if not _learnable(given):
            raise NotReady(
                "discovery by 'tags' learns a category from frames that show it and others that do not, and no "
                "category has both; say of some stretches what is not there"
            )
        self._backbone()

    def learn(
        self,
        clips: Sequence[DiscoveryClip],
        given: Given,
        rng: np.random.Generator,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """Learn from tagged frames, and keep what was learnt; a learning that was stopped goes on."""
        backbone, seed = self._backbone(), self.means.seed
        network = self._new(backbone, given)

        def train_on_tags(keep: Checkpoint) -> None:
            train(network, tagged_frames(clips, given, backbone), seed, STEPS, keep, on_progress)

        kept_or_trained(self._disk, self._key(given), network, train_on_tags)
        return STEPS

    def kept(self, given: Given) -> list[Path]:
        """Return the network that learnt from these tags."""
        return [self._disk.path(f"{self._key(given)}.pt")]

    def find(
        self, clip: DiscoveryClip, given: Given, rng: np.random.Generator, on_frame: Callable[[int], None] | None = None
    ) -> Found:
        """Yield every frame with the objects of the categories that are in it, as people said, or as is likely.

        Raises:
            ValueError: nothing was learnt from these tags before.
        """
        backbone = self._backbone()
        classifier = self._learnt(backbone, given)
        categories, said = _learnable(given), said_in(given, clip)
        links = Links()
        for index in range(clip.frames.n_frames):
            image = clip.frames.read(index)
            seen = backbone.see(image)
            chances = classifier.chances(seen)
            told = {c: value for c, value in said.get(index, {}).items() if c in categories}
            here = present_among([told.get(c) for c in categories], chances, LIKELY)
            if not here or index in clip.shots.cuts:
                links.cut()
            found: tuple[FoundObject, ...] = ()
            if here:
                probability = over_ground(refined(image, normalised(classifier.maps(seen)[here])))
                sure = {categories[c]: 1.0 if told.get(categories[c]) else float(chances[c]) for c in here}
                linked = links.add(probability, list(sure), {})
                found = tuple(replace(one, confidence=one.confidence * sure[one.category_id]) for one in linked)
            if on_frame is not None:
                on_frame(index + 1)
            yield index, tuple(sorted(found, key=lambda one: -one.confidence))

    @property
    def _weights(self) -> Path:
        return self.means.backbone or weights_file()

    def _backbone(self) -> Backbone:
        return load_backbone(self.means.backbone) if self.means.backbone is not None else Installed()

    @property
    def _disk(self) -> DiskCache:
        return DiskCache(self.means.cache, CACHE_BYTES)

    def _key(self, given: Given) -> str:
        depends = given.sha256, fingerprint_file(self._weights), list(RATES), STEPS, self.means.seed
        return fingerprint([_FORMAT, *depends])

    def _new(self, backbone: Backbone, given: Given) -> DilatedClassifier:
        return new_classifier(backbone.channels, len(_learnable(given)), self.means.seed)

    def _learnt(self, backbone: Backbone, given: Given) -> DilatedClassifier:
        kept = load_kept(self._disk, f"{self._key(given)}.pt")
        if kept is None:
            raise ValueError("tags are learnt from before anything is looked for")
        network = self._new(backbone, given)
        network.load_state_dict(kept)
        network.eval()
        return network


def said_in(given: Given, clip: DiscoveryClip) -> dict[int, dict[int, bool]]:
    """Return what people said of the frames of a video, by frame: category -> whether it is there. What they drew
    counts before tags; in a frame that they labelled whole, what they did not draw is not there."""
    found: dict[int, dict[int, bool]] = {}
    for tag in given.tags.get(clip.video_id, ()):
        if tag.present is not None:
            for index in tag.frames:
                found.setdefault(index, {})[tag.category_id] = tag.present
    for frame in given.of(clip.video_id):
        drawn = set(frame.categories.values())
        mine = found.setdefault(frame.frame_idx, {})
        mine.update({c: c in drawn for c in given.categories if frame.label.complete or c in drawn})
    return found


def tagged_frames(clips: Sequence[DiscoveryClip], given: Given, backbone: Backbone) -> list[TaggedFrame]:
    """Return what a backbone sees in frames of which something is known, at most ``MOST_FRAMES``, evenly spread."""
    categories = _learnable(given)
    known = [
        (clip, index, told)
        for clip in clips
        for index, told in sorted(said_in(given, clip).items())
        if set(told) & set(categories)
    ]
    some = np.unique(np.linspace(0, len(known) - 1, min(MOST_FRAMES, len(known))).round().astype(int))
    frames = []
    for clip, index, told in (known[place] for place in some):
        present = np.asarray([told.get(c, np.nan) for c in categories], np.float32)
        frames.append(TaggedFrame(backbone.see(clip.frames.read(index)), present))
    return frames


def _learnable(given: Given) -> list[int]:
    """Return the categories of which people said of some frame that they are there, and of another that not."""
    there: set[int] = set()
    gone: set[int] = set()
    for tag in (tag for tags in given.tags.values() for tag in tags):
        (there if tag.present else gone).add(tag.category_id)
    for frame in given:
        drawn = set(frame.categories.values())
        there |= drawn
        gone |= set(given.categories) - drawn if frame.label.complete else set()
    return sorted(there & gone & set(given.categories))
