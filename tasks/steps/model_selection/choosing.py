"""The propagators of a round, where the settings leave their choice to the labels."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from al_core.evaluation.evidence import Evidence, exactness
from al_core.files import json_bytes
from al_core.fingerprint import fingerprint
from al_core.fusion.choice import Choice, Outcome, choose
from al_core.fusion.gains import SHIPPED, Case, Looks
from al_core.fusion.held_out import HeldOut
from al_core.propagation import Resources
from al_core.records import FrameLabel, Progress, Shots, fingerprint_labels
from al_core.stores.disk_cache import DiskCache
from tasks.steps.context import RoundContext
from tasks.steps.propagate import Decoded, VideoFrames, known_by_frame

CACHE_BYTES = 100_000_000

_FORMAT = "choice3"

Choices = Mapping[int, Choice]
"""By video."""


def choose_propagators(
    context: RoundContext, labels: Sequence[FrameLabel], on_progress: Callable[[Progress], None] | None = None
) -> Choices:
    """Choose propagators for the objects of each video that has labels; nothing where the settings name them.

    Choices are cached, and so is what came of each try: a round that goes on after a crash tries nothing twice, and a
    later one only on videos whose labels changed, though what is chosen depends on the tries on all videos.

    Args:
        labels: all that is known in this round.
    """
    settings = context.settings
    if not settings.propagation.chooses:
        return {}
    disk = DiskCache(context.project.cache / "choices", CACHE_BYTES)
    by_video: dict[int, list[FrameLabel]] = {}
    for label in (label for label in labels if label.complete):
        by_video.setdefault(label.frame.video_id, []).append(label)
    videos = {video.video_id: video for video in context.videos}
    chosen: dict[int, Choice] = {}
    cases = list(SHIPPED)
    # What is tried on videos with many labels tells what to expect of those with few.
    for done, video_id in enumerate(sorted(by_video, key=lambda v: (-len(by_video[v]), v)), start=1):
        clip, shots = VideoFrames(context.frames, videos[video_id]), context.shots_of(video_id)
        resources = Resources(context.propagation, context.project.cache, None, settings.seed, on_progress, shots)
        by_frame = known_by_frame(clip, by_video[video_id], resources)
        depends = _depends(context, clip, list(by_frame.values()), shots)
        choice = chosen[video_id] = _kept_or_chosen(disk, depends, resources, clip, by_frame, cases)
        case = choice.as_case(videos[video_id].name)
        cases += [case] if case is not None else []
        if on_progress is not None:
            on_progress(Progress(done, len(by_video), videos[video_id].name))
    return chosen


def as_json(choices: Choices) -> dict[str, Any]:
    """Return for the ledger, by video number as text, which propagator each object has, and how each did on the labels
    that were left out: [name, mean overlap, objects, seconds]."""
    return {
        str(video): {
            "tracks": {str(track): name for track, name in choice.by_track.items()},
            "tried": [list(outcome) for outcome in choice.outcomes],
        }
        for video, choice in choices.items()
    }


def _kept_or_chosen(
    disk: DiskCache,
    depends: Sequence[Any],
    resources: Resources,
    clip: VideoFrames,
    labels: Mapping[int, FrameLabel],
    cases: Sequence[Case],
) -> Choice:
    key = f"{clip.sha256}/{fingerprint([*depends, cases])}.json"
    kept = disk.use(key)
    if kept is not None:
        try:
            return _read(json.loads(kept.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            # It was dropped or is damaged: it is made again.
            pass
    keep = partial(_kept_or_made, disk, clip.sha256, depends)
    choice = choose(resources, clip, Decoded(labels), cases, Evidence.of(labels.values()), keep=keep)
    kept_parts = {"tracks": choice.by_track, "trust": choice.trust, "rows": choice.rows, "looks": choice.looks}
    disk.put(key, json_bytes({**kept_parts, "tried": choice.outcomes}))
    return choice


def _kept_or_made(disk: DiskCache, video: str, depends: Sequence[Any], name: str, make: Callable[[], Any]) -> Any:
    """Return what came of a try, where it is kept under all that it depends on, or try now."""
    key = f"{video}/{fingerprint([*depends, name])}.json"
    kept = disk.use(key)
    if kept is not None:
        # One that was dropped or is damaged is made again.
        with suppress(OSError, ValueError):
            return json.loads(kept.read_text(encoding="utf-8"))
    made = make()
    disk.put(key, json_bytes(made))
    return made


def _read(kept: Mapping[str, Any]) -> Choice:
    by_track = {int(track): str(name) for track, name in kept["tracks"].items()}
    looks = Looks(*kept["looks"]) if kept["looks"] is not None else None
    tried, rows = tuple(Outcome(*o) for o in kept["tried"]), tuple(HeldOut(*row) for row in kept["rows"])
    trust = {
        int(track): {str(name): float(overlap) for name, overlap in counting.items()}
        for track, counting in kept["trust"].items()
    }
    return Choice(by_track, tried, rows, looks, trust)


def _depends(context: RoundContext, clip: VideoFrames, labels: Sequence[FrameLabel], shots: Shots) -> list[Any]:
    """Return what a try on a video depends on."""
    settings = [context.stored.part("propagation"), context.settings.seed]
    kinds = sorted((*at, kind.value) for at, kind in Evidence.of(labels).kinds.items() if exactness(kind) < 1)
    depends = [_FORMAT, clip.sha256, list(clip.size), fingerprint_labels(labels), *settings, list(shots.cuts)]
    depends += [kinds] if kinds else []
    return [*depends, context.networks_as_inputs] if context.networks_as_inputs else depends
