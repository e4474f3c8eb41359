"""Write what a round delivered in a format that others read."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings, NotReady, UnknownName
from al_core.export import HOLDS_SPLITS
from al_core.export.contents import ExportClip, ExportOptions, ExportReport, OnProgress, check_free
from al_core.export.exporters import EXPORTERS, write_export
from al_core.export.splits import Leak, leaks, sampled, split_videos
from al_core.files import check_spared
from al_core.footage.video import decode
from al_core.ledger.campaign.categories import standing
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import DeliveredMask, FrameLabel, FrameRef, Provenance, Video
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.human_masks import human_masks, with_human
from tasks.certificates.frozen_masks import FrozenMasks, with_frozen
from tasks.project.label_versions import abandoned_note
from tasks.steps.context import Collected

USUAL_SHARES = {"train": 0.8, "val": 0.2}
"""Where a format is nothing without splits and none are named."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which labels of a project go out.

    Attributes:
        round_id: masks as that round delivered them; None takes the newest ones.
        videos: names; None takes all that have masks.
        fresh: answers that came after that round stand in for what it delivered, in their own frames.
        held_out: instead of all that, what people said of held-out frames, from which no round learns.

    Raises:
        BadSettings: held-out frames, and masks of a round too.
    """

    round_id: int | None = None
    videos: Sequence[str] | None = None
    fresh: bool = False
    held_out: bool = False

    def __post_init__(self) -> None:
        if self.held_out and (self.fresh or self.round_id is not None):
            raise BadSettings(
                "held-out frames hold what people said, and belong to no round: leave --round and --fresh out"
            )


def export_project(
    project: Project,
    ledger: Ledger,
    frames: FrameStore,
    format: str,
    out: Path,
    options: ExportOptions | None = None,
    choice: Choice | None = None,
    on_progress: OnProgress | None = None,
) -> ExportReport:
    """Export the masks that a round delivered.

    A format that is trained on with splits gets a ``train`` and a ``val`` of whole videos where there are several.

    Args:
        format: a key of ``al_core.export.FORMATS``.
        out: a folder, or a file where the format is one (see ``al_core.export.exporters.write_export``).

    Raises:
        UnknownName: no such format, video or round.
        NotReady: nothing was delivered yet.
        OutputExists: ``out`` is there and must not be replaced.
    """
    EXPORTERS.check(format)
    _spare_footage(project, ledger, out, options)
    clips, frozen, notes = _gathered(project, ledger, frames, choice or Choice())
    options = _vouched(options or ExportOptions(), frozen)
    if format in HOLDS_SPLITS and len(clips) > 1:
        splits = _split(clips, USUAL_SHARES, 0, options)
        listed = "; ".join(f"{split} {', '.join(names)}" for split, names in splits.items())
        notes = [*notes, f"whole videos make the splits: {listed}; --split NAME=SHARE,... makes others"]
        notes += [_leak_in_words(leak) for leak in _leaks(frames, clips, splits)]
        clips = _placed(clips, splits)
    return write_export(format, clips, ledger.categories(), out, options, on_progress, notes)


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What an export in splits wrote.

    Attributes:
        reports: by split; one report of all of them where one folder holds them.
        leaks: videos of different splits that show the same.
    """

    reports: dict[str, ExportReport]
    videos: dict[str, list[str]]
    leaks: tuple[Leak, ...]

    def describe(self) -> str:
        """Say what was written, for the person who asked; every leak is a line of its own."""
        lines = [f"{name}: {report.describe()}" for name, report in self.reports.items()]
        return "\n".join([*lines, *(f"warning: {_leak_in_words(leak)}" for leak in self.leaks)])


def export_splits(
    project: Project,
    ledger: Ledger,
    frames: FrameStore,
    format: str,
    out: Path,
    shares: Mapping[str, float],
    seed: int,
    options: ExportOptions | None = None,
    choice: Choice | None = None,
    on_progress: OnProgress | None = None,
) -> SplitReport:
    """Export in splits, videos whole, and look for frames that are the same on both sides.

    Each split is a folder, unless the format holds all of them in one.

    Args:
        shares: of the frames, by name of the split, adding up to 1.

    The other arguments are as for :func:`export_project`.

    Raises:
        BadSettings: fewer videos than splits.
        OutputExists: one of the folders is there; nothing is written then.
    """
    EXPORTERS.check(format)
    _spare_footage(project, ledger, out, options)
    clips, frozen, notes = _gathered(project, ledger, frames, choice or Choice())
    options = _vouched(options or ExportOptions(), frozen)
    splits, categories = _split(clips, shares, seed, options), ledger.categories()
    if format in HOLDS_SPLITS:
        whole = write_export(format, _placed(clips, splits), categories, out, options, on_progress, notes)
        reports = {", ".join(splits): whole}
    else:
        for split in splits:
            check_free(out / split, options.overwrite)
        reports = {}
        for split, names in splits.items():
            members = [clip for clip in clips if clip.video.name in names]
            reports[split] = write_export(format, members, categories, out / split, options, on_progress, notes)
            notes = []
    return SplitReport(reports, splits, tuple(_leaks(frames, clips, splits)))


def _spare_footage(project: Project, ledger: Ledger, out: Path, options: ExportOptions | None) -> None:
    """Check that an earlier export that is to be replaced is no footage of the project, and not the project."""
    if options is not None and options.overwrite and out.exists():
        check_spared(out, [project.ledger_path, *(Path(video.uri) for video in ledger.videos())])


def _vouched(options: ExportOptions, frozen: FrozenMasks) -> ExportOptions:
    """Return the options with the certificates of the accepted masks, where these go out."""
    if Provenance.ACCEPTED not in options.provenances:
        return options
    return replace(options, certificates=tuple(c.to_json() for c in frozen.certificates))


def full_frames(frames: FrameStore, video: Video, indices: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield frames at full resolution, RGB uint8 [height, width, 3], in rising order, decoded in one pass."""
    if video.kind == "file" and Path(video.uri).is_file():
        yield from decode(Path(video.uri), list(indices))
        return
    for index in indices:
        yield index, frames.read_full(FrameRef(video.video_id, index))


def _split(
    clips: Sequence[ExportClip], shares: Mapping[str, float], seed: int, options: ExportOptions
) -> dict[str, list[str]]:
    human = options.human_frames_only
    lengths = {c.video.name: len(c.human_frames) if human else c.video.n_frames for c in clips}
    return split_videos(lengths, shares, np.random.default_rng(seed))


def _placed(clips: Sequence[ExportClip], splits: Mapping[str, Sequence[str]]) -> list[ExportClip]:
    split_of = {name: split for split, names in splits.items() for name in names}
    return [replace(clip, split=split_of[clip.video.name]) for clip in clips]


def _leaks(frames: FrameStore, clips: Sequence[ExportClip], splits: Mapping[str, list[str]]) -> list[Leak]:
    numbers = {clip.video.name: sampled(clip.video.n_frames) for clip in clips}
    thumbnails = {
        clip.video.name: (
            numbers[clip.video.name],
            frames.thumbnails(clip.video.video_id, numbers[clip.video.name].tolist()),
        )
        for clip in clips
    }
    return leaks(splits, thumbnails)


def _leak_in_words(leak: Leak) -> str:
    return (
        f"{leak.first} frame {leak.first_frame} and {leak.second} frame {leak.second_frame} are almost the same and in "
        "different splits; put both videos into one"
    )


@dataclass(frozen=True, slots=True)
class _Answers:
    """What people said of a video: when a round worked on it, and now."""

    used: dict[int, FrameLabel]
    now: dict[int, FrameLabel]

    @property
    def newer(self) -> dict[int, FrameLabel]:
        """Labels that the round did not know yet, or knew otherwise."""
        return {i: label for i, label in self.now.items() if i not in self.used or label != self.used[i]}

    @property
    def taken_back(self) -> frozenset[int]:
        """Frames whose label of then stands no more, and for which there is no other."""
        return frozenset(self.used.keys() - self.now.keys())


def _gathered(
    project: Project, ledger: Ledger, frames: FrameStore, choice: Choice
) -> tuple[list[ExportClip], FrozenMasks, list[str]]:
    """Return the clips, what is accepted of them, and what is to be said of answers and videos that do not go out."""
    if choice.held_out:
        return _held_out(ledger, frames, choice), FrozenMasks(project, (), {}), []
    with ledger.held():
        round_id = _round(project, ledger, choice)
        given_up = round_id and ledger.round(round_id).status == "abandoned"
        paths = ledger.delivered_paths(round_id)
        videos, excluded, ended = ledger.videos(), ledger.excluded_videos(), ledger.ended_categories()
        used, now = labels_of_round(ledger, round_id), ledger.human_labels()
    frozen = FrozenMasks.of(project, ledger, round_id)
    used = [replace(label, masks=tuple(standing(label.masks, ended))) for label in used]
    videos, unwanted = _wanted(videos, excluded, choice)
    answers = {v.video_id: _Answers(_of_video(used, v), _of_video(now, v)) for v in videos}
    known = {v.name: v for v in videos if v.video_id in paths or (choice.fresh and answers[v.video_id].now)}
    chosen = _chosen(known, choice, round_id)
    clips = []
    for video in chosen:
        path, said = paths.get(video.video_id), answers[video.video_id]
        file = None if path is None else project.absolute(path)
        masks = partial(_delivered, file, frozen, video, said.used)
        clip = _clip(ledger, frames, None if path is None else round_id, video, masks, said, choice.fresh)
        clips.append(replace(clip, masks=partial(_standing, clip.masks, ended)) if ended else clip)
    left_out = [] if choice.videos is not None else [video.name for video in videos if video.name not in known]
    return (
        clips,
        frozen,
        [
            *([abandoned_note(round_id)] if given_up else []),
            *_answers_in_words([answers[video.video_id] for video in chosen], round_id, choice.fresh),
            *_left_out_in_words(left_out, [video.name for video in unwanted], round_id),
        ],
    )


def _held_out(ledger: Ledger, frames: FrameStore, choice: Choice) -> list[ExportClip]:
    """Return the held-out frames that people labelled, by video."""
    with ledger.held():
        videos, labels = ledger.videos(), ledger.human_labels(purpose="holdout")
    said = {video.name: (video, found) for video in videos if (found := _of_video(labels, video))}
    if not said:
        raise NotReady(
            "no held-out frame has a label: hold frames out with fewframes holdout add VIDEO --frames ..., or bring "
            "labels along with fewframes import FILES --as holdout"
        )
    for name in choice.videos or ():
        if name not in said:
            raise UnknownName("video with labels of held-out frames", name, said)
    return [
        ExportClip(
            video,
            partial(_as_said, found),
            partial(full_frames, frames, video),
            frozenset(found),
            None,
            ledger.frame_times_us(video.video_id),
        )
        for name, (video, found) in said.items()
        if choice.videos is None or name in choice.videos
    ]


def _as_said(labels: Mapping[int, FrameLabel]) -> Iterator[tuple[int, list[DeliveredMask]]]:
    return ((index, human_masks(labels[index])) for index in sorted(labels))


def _wanted(videos: Sequence[Video], excluded: frozenset[int], choice: Choice) -> tuple[list[Video], list[Video]]:
    """Return the videos that may go out, and those that stay behind because they are excluded and nobody named any."""
    named = choice.videos or ()
    behind = [video for video in videos if video.video_id in excluded and video.name not in named]
    return [video for video in videos if video not in behind], [] if named else behind


def _chosen(known: Mapping[str, Video], choice: Choice, round_id: int) -> list[Video]:
    for name in choice.videos or ():
        if name not in known:
            raise UnknownName(f"video with masks of round {round_id}", name, known)
    return [video for name, video in known.items() if choice.videos is None or name in choice.videos]


def _left_out_in_words(bare: Sequence[str], excluded: Sequence[str], round_id: int) -> Iterator[str]:
    yield from (f"video {name} is left out: round {round_id} delivered no masks for it" for name in bare)
    yield from (f"video {name} is left out: it is excluded; name it to export it" for name in excluded)


def _delivered(
    path: Path | None, frozen: FrozenMasks, video: Video, labels: Mapping[int, FrameLabel]
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield what a round delivered for a video, with the masks that certificates accepted; nothing without a file."""
    return iter(()) if path is None else with_frozen(read_delivered(path), frozen.of_video(video.video_id), labels)


def _clip(
    ledger: Ledger,
    frames: FrameStore,
    round_id: int | None,
    video: Video,
    masks: Callable[[], Iterator[tuple[int, list[DeliveredMask]]]],
    answers: _Answers,
    fresh: bool,
) -> ExportClip:
    said = answers.now if fresh else answers.used
    return ExportClip(
        video,
        partial(_with_answers, masks, answers) if fresh else masks,
        partial(full_frames, frames, video),
        frozenset(i for i, label in said.items() if label.complete and i in answers.now),
        round_id,
        ledger.frame_times_us(video.video_id),
        answers.taken_back if fresh else frozenset(),
    )


def _standing(
    masks: Callable[[], Iterable[tuple[int, list[DeliveredMask]]]], ended: Mapping[int, int]
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield masks with what their categories stand for now."""
    for index, found in masks():
        yield index, list(standing(found, ended))


def _with_answers(
    masks: Callable[[], Iterator[tuple[int, list[DeliveredMask]]]], answers: _Answers
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield delivered masks, and in frames with a newer answer what that says."""
    newer = answers.newer
    kept = ((index, found) for index, found in masks() if index not in answers.taken_back)
    merged = heapq.merge(kept, ((index, []) for index in sorted(newer)), key=itemgetter(0))
    for index, parts in groupby(merged, key=itemgetter(0)):
        found = [mask for _, part in parts for mask in part]
        yield index, with_human(found, newer[index]) if index in newer else found


def _answers_in_words(answers: Sequence[_Answers], round_id: int, fresh: bool) -> Iterator[str]:
    newer = sum(len(a.newer) for a in answers)
    taken_back = sum(len(a.taken_back) for a in answers)
    after = f"after round {round_id} was delivered" if round_id else "and no round has delivered masks yet"
    if newer:
        use = "they stand in for what it delivered in their frames" if fresh else "--fresh uses them"
        yield f"{newer:,} answers came {after}: {use}"
    if taken_back:
        use = "their frames are left out" if fresh else "--fresh leaves their frames out"
        yield f"{taken_back:,} answers were taken back after round {round_id} was delivered: {use}"


def labels_of_round(ledger: Ledger, round_id: int) -> list[FrameLabel]:
    """Return what people had said when a round's answers were complete: what it delivered."""
    if not round_id:
        return []
    step = ledger.step(round_id, Collected.step)
    if step is None or step.finished_at is None:
        return ledger.human_labels(up_to_round=round_id)
    # Rounds of early versions did not note it.
    noted = Collected.from_json(step.result).as_of
    as_of = datetime.fromisoformat(noted) if noted else step.finished_at
    gone = ledger.excluded_videos(as_of)
    labels = ledger.human_labels(up_to_round=round_id, as_of=as_of)
    return [label for label in labels if label.frame.video_id not in gone]


def _of_video(labels: Sequence[FrameLabel], video: Video) -> dict[int, FrameLabel]:
    return {label.frame.frame_idx: label for label in labels if label.frame.video_id == video.video_id}


def _round(project: Project, ledger: Ledger, choice: Choice) -> int:
    """Return the round whose masks go out; 0 where there is none and fresh answers are enough."""
    last = ledger.last_delivered_round()
    if last is None and choice.fresh and choice.round_id is None and ledger.human_labels():
        return 0
    if last is None:
        raise NotReady(f"no round has delivered masks yet; run one first: fewframes run --project {project.root}")
    if choice.round_id is None:
        return last
    if not ledger.delivered_paths(choice.round_id):
        delivered = [str(r.round_id) for r in ledger.rounds() if ledger.delivered_paths(r.round_id)]
        raise UnknownName("round with delivered masks", str(choice.round_id), delivered)
    return choice.round_id
