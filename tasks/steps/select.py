"""Choose the frames of a round: what is known lies in the ledger and beside it, the choice goes back
there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.campaign.budget import Plan, effective_limits
from al_core.errors import BadSettings, EmptyPool
from al_core.ledger.store import Ledger
from al_core.records import ONE_SHOT, FrameRef, LabelKind, Selected, Shots, fingerprint_labels
from al_core.selection import Frames, Pool, select
from al_core.selection.offers import RIGHT, offers_of
from al_core.selection.pool import Features, Ranked, every_frame, repeated
from al_core.selection.strategies.patch_cycles import PICTURE, patches_of
from al_core.settings import SelectionSettings, Settings
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import read_features
from tasks.auditing.live_gain import gain_in_words, gain_so_far
from tasks.certificates.vouched_frames import VouchedFrames
from tasks.project.outlook import check_simulated
from tasks.steps.asking.frame_worth import frame_worth
from tasks.steps.asking.measured_kinds import MeasuredKinds
from tasks.steps.context import Chosen, Predicted, RoundContext, asking_rounds
from tasks.steps.expected_error import cues_of, outlooks_of
from tasks.steps.model_selection.depth_sight import depth_inputs, depth_sight
from tasks.steps.unchanged.kept_sketches import KeptSketches

MOST_EXPLAINED = 64
"""For more frames than this, looking up the parts of the uncertainty would take as long as the choice itself: they are
left out."""

ASK_KINDS = frozenset({"page", "simulated"})
"""Back-ends that can ask for other kinds of label than whole masks."""

_PREFIXES = (8, 128)
"""The first looks at the order of uncertainty read this many rows per frame that is wanted."""


def select_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what the choice depends on."""
    before = context.before.result(Predicted)
    return {
        "selection": context.stored.part("selection"),
        "seed": context.stored.part("seed"),
        "labels": fingerprint_labels(context.labels_before),
        "predictions": None if before is None else before.sha256,
        **({"accepted": context.frozen_at_first.ids} if context.frozen_at_first.ids else {}),
        **depth_inputs(context),
        **({"shots": {str(video): found.to_json() for video, found in context.shots.items()}} if context.shots else {}),
    }


def select_work(context: RoundContext) -> Chosen:
    """Choose the frames that a human should see; where none is left, the result says so.

    The first round of a project that has imported labels asks nobody: it learns from them, so that the first frames
    that people see are chosen by a model, and shown with masks.
    """
    if learns_first(context):
        context.ledger.put_selection(context.round_id, "none", [])
        return Chosen(learns=True, as_of=context.known_as_of)
    rng = np.random.default_rng([context.settings.seed, context.round_id])
    asked = sum(label.frame not in context.imported for label in context.labels_before)
    n = frames_to_ask(context.settings, context.plan, asked)
    try:
        selected = select_frames(context, rng, n)
    except EmptyPool as error:
        return Chosen(empty=str(error), as_of=context.known_as_of)
    frames = tuple((s.frame.video_id, s.frame.frame_idx) for s in selected)
    return Chosen(frames, control=sum(s.control for s in selected), as_of=context.known_as_of)


def learns_first(context: RoundContext) -> bool:
    """Tell whether a round learns from imported labels before anybody is asked."""
    labels = context.labels_before
    return context.before.round_id == 0 and any(x.objects for x in labels if x.frame in context.imported)


def select_frames(context: RoundContext, rng: np.random.Generator, n: int | None = None) -> list[Selected]:
    """Choose the frames that a round asks for, and store the choice in the place of an earlier one.

    The predictions of the round before tell uncertainty and features; where there are none, frames are told
    apart by their thumbnails. The simulated annotator is only asked for frames whose truth is held back. Frames that
    were asked for ahead stay when somebody answered them or has them in hand; the others give way.

    Args:
        n: how many; as many as a round has when left out.

    Raises:
        EmptyPool: not a single frame may be chosen.
        BadSettings: the annotator is simulated, and there is no truth, or people label here.
    """
    ledger, settings, round_id = context.ledger, context.settings, context.round_id
    check_simulated(ledger, settings)
    wanted = context.plan.per_round if n is None else n
    kept = _kept(ledger, round_id)
    strategy, note = strategy_of(ledger, settings)
    sketches = KeptSketches(context)
    pool = open_pool(context, round_id + 1 if kept else round_id, sketches)
    try:
        left = wanted - len(kept)
        selected = select(strategy, pool, left, planned(settings, context.plan), rng) if left > 0 else []
    except EmptyPool:
        if not kept:
            raise
        selected = []
    sketches.keep()
    if note:
        selected = [s if s.control else replace(s, reason=f"{s.reason}; {note}") for s in selected]
    selected = [replace(s, rank=rank) for rank, s in enumerate([*kept, *_with_repeats(selected, context.shots)])]
    ledger.put_selection(round_id, strategy, selected)
    return selected


def select_ahead(context: RoundContext, rng: np.random.Generator) -> list[Selected]:
    """Choose frames for the round after this one by what is known now, and store the choice; empty where that round
    will not be, or was asked ahead before.

    Raises:
        BadSettings: as :func:`select_frames`.
    """
    ledger, settings, round_id = context.ledger, context.settings, context.round_id
    plan = context.plan
    limits = effective_limits(settings.stopping, plan)
    last = limits.max_rounds and len(asking_rounds(ledger)) >= int(limits.max_rounds)
    asked = len(ledger.asked_frames(round_id + 1)["video_id"]) - len(context.imported)
    n = 0 if last else min(plan.ahead, frames_to_ask(settings, plan, asked))
    if not n or ledger.requests(round_id + 1):
        return []
    strategy, _ = strategy_of(ledger, settings)
    sketches = KeptSketches(context)
    pool = open_pool(context, round_id + 1, sketches)
    try:
        chosen = select(strategy, pool, n, planned(settings, plan), rng)
    except EmptyPool:
        return []
    sketches.keep()
    chosen = [
        replace(s, reason=f"{s.reason}; asked ahead of round {round_id + 1}")
        for s in _with_repeats(chosen, context.shots)
    ]
    ledger.put_selection(round_id + 1, strategy, chosen)
    return chosen


def frames_to_ask(settings: Settings, plan: Plan, human_frames: int) -> int:
    """Return how many frames the next round asks for: its own share, but no more than the budget still allows."""
    budget = effective_limits(settings.stopping, plan).max_human_frames
    return min(plan.per_round, max(budget - human_frames, 0)) if budget else plan.per_round


def _kept(ledger: Ledger, round_id: int) -> list[Selected]:
    """Return what was chosen ahead and stays."""
    ahead = ledger.selection(round_id)
    stays = {request.frame for request in ledger.replace_requests(round_id)} if ahead else set()
    return [s for s in ahead if s.frame in stays]


def _with_repeats(selected: Sequence[Selected], shots: Mapping[int, Shots]) -> list[Selected]:
    """Return the same choice; where other frames show the same, the reason says so."""
    told = []
    for choice in selected:
        video, index = choice.frame.video_id, choice.frame.frame_idx
        same = next((r for r in shots.get(video, ONE_SHOT).repeats if index in r), None)
        words = "" if same is None else f"; frames {same.start} to {same[-1]} show the same, and only one is asked for"
        told.append(replace(choice, reason=choice.reason + words))
    return told


def planned(settings: Settings, plan: Plan) -> SelectionSettings:
    """Return the settings of the selection, with the campaign's frames where its limits tell how many there will be."""
    frames = settings.selection.planned_frames or plan.frames or 0
    return settings.selection.model_copy(update={"planned_frames": frames})


def strategy_of(ledger: Ledger, settings: Settings) -> tuple[str, str]:
    """Return the strategy of the next round, and a note where it is not that of the settings.

    When choosing gains nothing over drawing at random, frames are spread evenly.
    """
    named = settings.selection.strategy
    gain = gain_so_far(ledger)
    if named in ("random", "uniform") or gain is None or gain.value > 1:
        return named, ""
    return "uniform", f"instead of {named!r}, which gains nothing so far: {gain_in_words(gain)}"


def open_pool(context: RoundContext, asked_before: int | None = None, sketches: KeptSketches | None = None) -> Pool:
    """Return what a round may choose from; nothing costly is read until a strategy asks for it.

    A label costs what people took so far.

    Args:
        asked_before: frames that rounds before this one asked for are left out; ``round_id`` when left out.
        sketches: see :func:`~tasks.steps.expected_error.outlooks_of`.
    """
    ledger, round_id, annotator = context.ledger, context.round_id, context.settings.annotator
    asked_before = round_id if asked_before is None else asked_before
    answerable = _with_truth(ledger) if annotator.backend == "simulated" else None
    before = context.before.round_id
    paths = ledger.prediction_paths(before)
    files = {video: context.project.absolute(path) for video, path in paths.items()}
    if set(files) >= set(ledger.pool_lengths()):
        features = by_video(lambda video, indices: predicted_features(files[video], indices))
    else:
        features = by_video(lambda video, indices: context.frames.thumbnails(video, indices.tolist()))
    vouched = _vouched(context)
    pool = pool_from_ledger(
        ledger, asked_before, before if files else None, features, answerable, context.shots, vouched
    )
    measured = MeasuredKinds(context.project, ledger, annotator)
    kinds = frozenset(map(LabelKind, annotator.kinds if annotator.backend in ASK_KINDS else ("mask",)))
    return replace(
        pool,
        kinds=kinds,
        offers=offers_of(kinds, measured.prices, measured.leaves),
        right=measured.right if LabelKind.ACCEPT in kinds else RIGHT,
        outlooks=outlooks_of(context, asked_before, cache(partial(frame_worth, context)), sketches),
        cues=cues_of(context),
        depth=depth_sight(context),
        patches=by_video(lambda video, indices: _patches(context.frames, video, indices)),
    )


def pool_from_ledger(
    ledger: Ledger,
    round_id: int,
    predicted_round: int | None = None,
    features: Features | None = None,
    answerable: Frames | None = None,
    shots: Mapping[int, Shots] | None = None,
    vouched: Frames | None = None,
) -> Pool:
    """Return the frames that round ``round_id`` may ask for, read from the ledger only as far as a strategy asks.

    Frames that are held out, and those of excluded videos, are not among them, nor those that show the same as one that
    is held out, or that people are or were asked for.

    Args:
        predicted_round: the round whose predictions tell the uncertainty; None when there are none yet.
        answerable: only these frames can be answered; None for all.
        shots: cuts and still stretches by video.
        vouched: frames that are left out, since certificates vouch for all their masks.
    """
    shots, vouched = shots or {}, Frames.of([], []) if vouched is None else vouched
    with ledger.held():
        lengths, whole = ledger.pool_lengths(), len(ledger.video_lengths())
        held_out, asked = _frames_of(ledger.holdout_frames()), _frames_of(ledger.asked_frames(round_id))
    if len(held_out) or len(vouched) or len(lengths) < whole:
        possible = every_frame(lengths) if answerable is None else answerable
        answerable = possible[np.isin(possible.video_id, list(lengths))].without(held_out)
        lengths = {video: lengths[video] for video in np.unique(answerable.video_id).tolist()}
        answerable = answerable.without(vouched)
    labelled = asked[np.isin(asked.video_id, list(lengths))]
    if any(found.stills for found in shots.values()):
        possible = every_frame(lengths) if answerable is None else answerable.ordered()
        answerable = possible.without(repeated(possible, labelled.and_those(held_out), shots))

    def load() -> Frames:
        return (every_frame(lengths) if answerable is None else answerable.ordered()).without(labelled)

    if predicted_round is None:
        return Pool(lengths, labelled, load, None, features, shots=shots, n_vouched=len(vouched))
    ranking = _LedgerRanking(ledger, predicted_round, lengths, answerable)
    return Pool(lengths, labelled, load, ranking, features, ranking.explain, shots=shots, n_vouched=len(vouched))


def _vouched(context: RoundContext) -> Frames:
    """Return the frames that certificates and people vouch for, as they were delivered before."""
    found = [(video, frame) for video, frame, _ in VouchedFrames(context, context.frozen_at_first).accepted()]
    return Frames.of([video for video, _ in found], [frame for _, frame in found])


def _frames_of(columns: Mapping[str, NDArray[Any]]) -> Frames:
    return Frames.of(columns["video_id"], columns["frame_idx"])


@dataclass(frozen=True)
class _LedgerRanking:
    """Reads the order of uncertainty from the ledger, no further than a selection needs it."""

    ledger: Ledger
    round_id: int
    lengths: Mapping[int, int]
    answerable: Frames | None

    def __call__(self, n: int, quota: int, gap: int) -> Iterator[Ranked]:
        """Yield short prefixes of the whole order, which are mostly enough; then what is enough in theory.

        A chosen frame rules out ``2 * gap - 1`` frames at most, so ``n`` times as many of all, or ``quota``
        times as many of each video, suffice but for frames ruled out by older labels; these are made up for
        by reading four times as much until the order is exhausted.
        """
        reach = max(2 * gap - 1, 1)
        for rows in _PREFIXES[: 2 if quota or reach > _PREFIXES[-1] else 1]:
            prefix = self._prefix(rows * n)
            yield prefix
            if not prefix.lowest:
                return
        limit = (quota or n) * reach
        longest = max(self.lengths.values()) if quota else sum(self.lengths.values())
        while True:
            yield self._per_video(limit) if quota else self._prefix(limit)
            if limit >= longest:
                return
            limit *= 4

    def explain(self, frames: Sequence[FrameRef]) -> Mapping[FrameRef, Mapping[str, float]]:
        return self.ledger.components_of(self.round_id, frames) if len(frames) <= MOST_EXPLAINED else {}

    def _prefix(self, limit: int) -> Ranked:
        rows = self.ledger.least_certain(self.round_id, limit)
        whole = len(rows["video_id"]) < limit
        lowest = {} if whole else dict.fromkeys(self.lengths, float(rows["uncertainty"][-1]))
        return self._ranked(rows, lowest)

    def _per_video(self, limit: int) -> Ranked:
        rows = self.ledger.least_certain_per_video(self.round_id, limit)
        videos, first, counts = np.unique(rows["video_id"], return_index=True, return_counts=True)
        lowest = zip(videos.tolist(), rows["lowest"][first].tolist(), counts.tolist(), strict=True)
        return self._ranked(rows, {v: low for v, low, count in lowest if count < self.lengths.get(v, 0)})

    def _ranked(self, rows: Mapping[str, NDArray[Any]], lowest: Mapping[int, float]) -> Ranked:
        frames = Frames.of(rows["video_id"], rows["frame_idx"])
        if self.answerable is None:
            return Ranked(frames, rows["uncertainty"], lowest)
        kept = np.isin(frames.keys, self.answerable.keys)
        return Ranked(frames[kept], rows["uncertainty"][kept], lowest)


def _patches(frames: FrameStore, video: int, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return patches of small pictures of frames, float32 [n, p, d]."""
    pictures = (frames.read(FrameRef(video, int(i))) for i in indices)
    return np.stack(
        [patches_of(cv2.resize(p, PICTURE, interpolation=cv2.INTER_AREA).astype(np.uint8)) for p in pictures]
    )


def _with_truth(ledger: Ledger) -> Frames:
    known = ledger.truth_frames()
    if not len(known["video_id"]):
        raise BadSettings(
            "annotator.backend is 'simulated', which answers from ground truth, but no video has any: ingest "
            "masks beside the frames, or set annotator.backend to 'page' and let people label"
        )
    return _frames_of(known)


def by_video(
    read: Callable[[int, NDArray[np.int64]], NDArray[np.float32]],
) -> Callable[[Frames], NDArray[np.float32]]:
    """Return a function that reads features of frames of several videos, video by video.

    Args:
        read: (video, rising frame numbers) -> float32 [n, ...].
    """

    def features(frames: Frames) -> NDArray[np.float32]:
        parts: list[NDArray[np.float32]] = []
        rows: list[NDArray[np.int64]] = []
        for video in np.unique(frames.video_id).tolist():
            mine = np.flatnonzero(frames.video_id == video)
            indices, back = np.unique(frames.frame_idx[mine], return_inverse=True)
            parts.append(read(video, indices)[back])
            rows.append(mine)
        if not parts:
            return np.zeros((0, 1), np.float32)
        found = np.empty((len(frames), *parts[0].shape[1:]), np.float32)
        found[np.concatenate(rows)] = np.concatenate(parts)
        return found

    return features


def predicted_features(path: Path, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return pooled teacher features of frames, float32 [n, d]; a frame that was not predicted has its neighbour's."""
    predicted, features = read_features(path)
    return features[nearest(predicted, indices)]


def nearest(known: Sequence[int] | NDArray[np.int32], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position in ``known`` (rising) of the value nearest to each wanted one, the earlier of two."""
    values = np.asarray(known, np.int64)
    after = np.searchsorted(values, wanted).clip(0, len(values) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(values[after] - wanted) < np.abs(values[before] - wanted), after, before)
