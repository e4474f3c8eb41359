"""What the selection derived from videos in earlier rounds, for those of which nothing changed that it follows from."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

from al_core.records import FrameLabel, Video, fingerprint_labels
from al_core.stores.kept_by_key import KeptByKey
from al_core.stores.sketches import Sketch, read_sketches, sketches_as_bytes
from tasks.discovery.found_masks import DISCOVERY_ROUND
from tasks.steps.context import Propagated, RoundContext
from tasks.steps.unchanged.made_from import hashed

FILE = "sketches.parquet"

_ROUNDS_KEPT = 2
"""So many sketches are kept for each video, the newest."""


class KeptSketches:
    """The sketches of the videos as the round before left them.

    What is made anew is kept when :meth:`keep` is called.
    """

    def __init__(self, context: RoundContext) -> None:
        self._context = context
        folder = context.project.cache / "selection"
        self._sketches: KeptByKey[Sketch] = KeptByKey(folder, FILE, read_sketches, sketches_as_bytes)

    def of(self, video: Video, make: Callable[[], Sketch], cue: Callable[[], Any] | None = None) -> Sketch:
        """Return the sketch of a video.

        Args:
            make: derives it, where it is not kept.
            cue: tells how much stands out in its frames, where that counts; see :class:`Sketch`.
        """
        key = self._key(video)
        found = self._sketches.get(key)
        if found is not None and (cue is None or len(found.cue)):
            return found
        found = make() if found is None else found
        found = found if cue is None else found._replace(cue=cue())
        self._sketches.put(key, found)
        return found

    def keep(self) -> None:
        """Keep what was made anew, for later rounds."""
        self._sketches.keep(_ROUNDS_KEPT * len(self._delivered))
        self._context.file_hashes.keep()

    @cached_property
    def _delivered(self) -> dict[int, str]:
        """What tells the masks of each video that were delivered, whatever their confidences are."""
        ledger, before = self._context.ledger, self._context.before
        noted = before.result(Propagated)
        hashes: Mapping[str, str] = {} if noted is None else noted.hashes
        made_from, paths = ledger.delivered_from(before.round_id), ledger.delivered_paths(before.round_id)
        return {v: made_from[v][0] or hashes.get(str(v)) or self._hash(paths[v]) for v in paths}

    @cached_property
    def _discovered(self) -> Mapping[int, str]:
        return self._context.ledger.prediction_paths(DISCOVERY_ROUND)

    @cached_property
    def _labels(self) -> dict[int, list[FrameLabel]]:
        found: dict[int, list[FrameLabel]] = {}
        for label in self._context.labels_before:
            found.setdefault(label.frame.video_id, []).append(label)
        return found

    @cached_property
    def _always(self) -> dict[str, Any]:
        """What the sketches of all videos follow from."""
        flow, ended = self._context.settings.propagation, self._context.ledger.ended_categories()
        return {
            "what": "sketch",
            "flow": [flow.flow_long_side, flow.flow_preset],
            "ended": [[str(category), str(ended[category])] for category in sorted(ended)] if self._discovered else [],
        }

    def _key(self, video: Video) -> str:
        found = self._discovered.get(video.video_id)
        accepted: Collection[str] = self._context.frozen_at_first.ids_of(video.video_id)
        return hashed(
            self._context,
            video,
            **self._always,
            delivered=self._delivered.get(video.video_id, ""),
            discovered="" if found is None else self._hash(found),
            accepted=[*accepted, fingerprint_labels(self._labels.get(video.video_id, []))] if accepted else [],
        )

    def _hash(self, path: str) -> str:
        file = self._context.project.absolute(path)
        # Who reads what is not there says so.
        return self._context.file_hashes.of(file) if file.is_file() else ""
