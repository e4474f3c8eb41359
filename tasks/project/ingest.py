"""Bring videos into a project, and open their frames."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from al_core.errors import BadLabel, FewframesError
from al_core.files import printable
from al_core.footage.discovery import PassedOver, not_taken, nothing_in, survey
from al_core.footage.images import DEEP_BITS
from al_core.footage.mask_folders import with_masks
from al_core.footage.shots import find_shots, small_pictures
from al_core.footage.sources import DEFAULT_CATEGORY, Source, TrueObject
from al_core.footage.video import VideoInfo
from al_core.ledger.campaign.categories import check_category_name
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import (
    IGNORE_CATEGORY,
    ONE_SHOT,
    FrameLabel,
    FrameRef,
    Identities,
    MaskLabel,
    Progress,
    Shots,
    Video,
)
from al_core.settings import FrameSettings
from al_core.stores.file_hashes import FileHashes
from al_core.stores.frames import FrameStore
from al_core.stores.originals import Originals
from tasks.progress import telling
from tasks.report.formatting import shots_told


class Outcome(StrEnum):
    """What became of one source of a batch."""

    STORED = "stored"
    KNOWN = "known"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class IngestedSource:
    """One source of a batch.

    Attributes:
        path: the file or folder.
        message: what to tell the person: size and length, as what it is known, or why it failed.
        video: as the ledger has it now; None when it failed.
    """

    path: Path
    outcome: Outcome
    message: str
    video: Video | None = None

    def describe(self) -> str:
        """Return one line for the person; errors name the file themselves."""
        if self.outcome == Outcome.FAILED:
            return f"{self.outcome.value}: {self.message}"
        name = self.video.name if self.video else self.path.name
        return f"{self.outcome.value}: {name}: {self.message}"


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of a batch, in its order.

    Attributes:
        passed_over: files that are no footage, or that are not taken for it.
    """

    entries: tuple[IngestedSource, ...]
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def failed(self) -> tuple[IngestedSource, ...]:
        """What could not be taken in; the rest was."""
        return tuple(entry for entry in self.entries if entry.outcome == Outcome.FAILED)

    @property
    def not_taken(self) -> tuple[str, ...]:
        """One line for the person about each folder and reason for which files are passed over."""
        return not_taken(self.passed_over)


def ingest_paths(
    ledger: Ledger,
    paths: Iterable[str | Path],
    *,
    identities: Identities = Identities.PERSISTENT,
    category: str = DEFAULT_CATEGORY,
    categories: Sequence[str] = (),
    masks: str | Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> IngestReport:
    """Store videos, the time of each frame and the held-back truth of their masks; go on after a failure.

    A source is stored whole or not at all. Content that the ledger knows is not stored again: masks of frames
    that had none are added, a new place is noted when the old one is gone, and masks that contradict the
    stored ones are a failure.

    Args:
        paths: video files, folders of frames, DAVIS layouts, or folders of these.
        identities: whether mask values name the same object in all frames.
        category: of objects that no ``categories.json`` names.
        categories: kinds of objects in these videos, the most frequent first; new ones are added, and the page
            preselects the first in videos without masks. Where they are named, ``category`` is not looked at: objects
            that no ``categories.json`` names have the only one of these; where there are several, masks must name
            theirs.
        masks: a separate folder of masks for these paths.
        on_progress: told the frames read so far of the source that is being read.

    Raises:
        BadSettings: ``category`` or one of ``categories`` is no name of one category.
    """
    wanted = tuple(dict.fromkeys(categories)) or (category,)
    for name in wanted:
        check_category_name(name)
    found, passed_over = [], []
    for path in paths:
        sources, others = _surveyed(Path(path), masks)
        found += sources
        passed_over += others
    if masks is not None:
        try:
            found = with_masks(found, masks)
        except FewframesError as error:
            # Nothing is stored as if there were no masks when some were asked for.
            return IngestReport(tuple(_failure(source.path, error) for source in found), tuple(passed_over))
    entries = tuple(_ingest(ledger, source, identities, wanted, on_progress) for source in found)
    return IngestReport(entries, tuple(passed_over))


def open_frames(
    project: Project, ledger: Ledger, settings: FrameSettings, videos: Sequence[Video] | None = None
) -> FrameStore:
    """Return the frames of some videos of a project, of all when left out, kept in its cache."""
    chosen, known = ledger.videos() if videos is None else videos, originals(project, ledger)
    return FrameStore(project.cache / "frames", chosen, settings, known)


def originals(project: Project, ledger: Ledger) -> Originals:
    """Return what tells whether the videos of a project show what they showed when they were taken in."""
    return Originals(ledger.videos_added(), FileHashes(project.cache / "hashes"))


def open_last_frames(project: Project, ledger: Ledger, videos: Sequence[Video] | None = None) -> FrameStore:
    """Return the frames at the size that the last round worked on; before the first, at the default one."""
    last = ledger.last_round()
    return open_frames(project, ledger, last.settings.frames if last else FrameSettings(), videos)


def search_known(ledger: Ledger, video: Video, on_progress: Callable[[Progress], None] | None = None) -> bool:
    """Look for cuts and still stretches in a stored video that an earlier version took in without; False where it was
    searched before.

    Raises:
        BadVideo: it is not there, or cannot be read.
    """
    if video.video_id in ledger.searched_videos():
        return False
    return ledger.put_shots(video.video_id, search_shots(video, on_progress))


def search_shots(video: Video, on_progress: Callable[[Progress], None] | None = None) -> Shots:
    """Look for cuts and still stretches in a video.

    Raises:
        BadVideo: it is not there, or cannot be read.
    """
    return find_shots(telling(small_pictures(video), video.n_frames, f"cuts of {video.name}", on_progress))


def _surveyed(path: Path, masks: str | Path | None) -> tuple[list[Source], list[PassedOver]]:
    try:
        found = survey(path, without=masks)
        if not found.sources:
            return [Source(path.name, path, problem=str(nothing_in(path)))], found.passed_over
        return found.sources, found.passed_over
    except (FewframesError, OSError) as error:
        return [Source(path.name, path, problem=str(error))], []


def _ingest(
    ledger: Ledger,
    source: Source,
    identities: Identities,
    categories: tuple[str, ...],
    on_progress: Callable[[Progress], None] | None,
) -> IngestedSource:
    category = categories[0]
    try:
        sha256 = source.sha256()
        known = ledger.video_of_content(sha256)
        if known is not None:
            return _recognise(ledger, source, known, identities, categories, on_progress)
        info = source.probe(on_progress)
        labels = _labels(ledger, _named(source, info, categories), category)
        found = source.video(sha256, info, identities)
        # What takes time comes first, so that a call that is cut off leaves nothing half done.
        shots = search_shots(found, on_progress)
        with ledger.held():
            video = ledger.add_video(found, info.times_us, labels)
            if video is None:
                return IngestedSource(source.path, Outcome.KNOWN, "its content was stored by another process meanwhile")
            ledger.put_shots(video.video_id, shots)
            told = ", ".join([_described(video, labels), *shots_told([shots])])
            if categories != (DEFAULT_CATEGORY,) and not labels:
                ledger.set_video_categories(video.video_id, categories)
                told += f", of {', '.join(categories)}"
        return IngestedSource(source.path, Outcome.STORED, told, video)
    except (FewframesError, OSError) as error:
        return _failure(source.path, error)


def _named(source: Source, info: VideoInfo, categories: tuple[str, ...]) -> dict[int, tuple[TrueObject, ...]]:
    """Return the truth of a source, objects that it does not name having the only category.

    Raises:
        BadLabel: there are several categories, and the masks do not say which object has which.
    """
    if len(categories) == 1:
        return source.truth(info, categories[0])
    truth = source.truth(info, "")
    if any(found.category == "" for objects in truth.values() for found in objects):
        raise BadLabel(
            f"{source.masks}: --category names {', '.join(categories)}, and these masks do not say which object is "
            'which; name them by number in a categories.json beside the masks, e.g. {"1": "car", "2": "person"}'
        )
    return truth


def _recognise(
    ledger: Ledger,
    source: Source,
    known: Video,
    identities: Identities,
    categories: tuple[str, ...],
    on_progress: Callable[[Progress], None] | None,
) -> IngestedSource:
    notes = [f"the content of {source.path} is stored already"]
    if not Path(known.uri).exists():
        known = ledger.move_video(known.video_id, str(source.path))
        notes.append("its new place is noted")
    if search_known(ledger, known, on_progress):
        shots = ledger.shots().get(known.video_id, ONE_SHOT)
        notes.append(f"searched for cuts now: {', '.join(shots_told([shots])) or 'none'}")
    stored = ledger.truth(known.video_id)
    new: list[FrameLabel] = []
    if source.masks is not None:
        labels = {label.frame.frame_idx: label for label in _truth_of_known(ledger, source, known, categories)}
        _check_same_truth(source, known, identities, stored, labels)
        new = [labels[index] for index in sorted(labels.keys() - stored.keys())]
        if new:
            ledger.add_truth(known.video_id, new)
            told = _objects_told(known.identities, list(labels.values()))
            notes.append(f"masks of {_many(len(new), 'frame')} added, {told}")
    if categories != (DEFAULT_CATEGORY,) and not new:
        ledger.set_video_categories(known.video_id, categories)
        notes.append(f"its objects are {', '.join(categories)} from now on")
    return IngestedSource(source.path, Outcome.KNOWN, "; ".join(notes), known)


def _truth_of_known(ledger: Ledger, source: Source, known: Video, categories: tuple[str, ...]) -> Sequence[FrameLabel]:
    times_us = ledger.frame_times_us(known.video_id)
    info = VideoInfo(known.fps, known.n_frames, known.height, known.width, known.rotation, known.variable_fps, times_us)
    return _labels(ledger, _named(source, info, categories), categories[0])


def _check_same_truth(
    source: Source,
    known: Video,
    identities: Identities,
    stored: dict[int, FrameLabel],
    labels: dict[int, FrameLabel],
) -> None:
    differing = [i for i in sorted(stored.keys() & labels.keys()) if _content(stored[i]) != _content(labels[i])]
    if differing:
        raise BadLabel(
            f"{source.masks}: video {known.name!r} is known with other masks or categories, first in frame "
            f"{differing[0]}; ingest it into a new project to use these"
        )
    if labels and known.identities != identities:
        raise BadLabel(
            f"{source.masks}: video {known.name!r} is known with {known.identities.value} identities, "
            f"got {identities.value}; ingest it into a new project to change that"
        )


def _content(label: FrameLabel) -> set[tuple[int, int, str]]:
    return {(mask.track_id, mask.category_id, mask.rle.counts) for mask in label.masks}


def _labels(ledger: Ledger, truth: dict[int, tuple[TrueObject, ...]], category: str) -> list[FrameLabel]:
    """Return truth as labels; ``video_id`` 0 stands for the one that the ledger gives."""
    tracks = {o.track_id: o.category for found in truth.values() for o in found if o.category is not None}
    names = [name for _, name in sorted(tracks.items()) if name is not None]
    # Footage without masks needs no name for what nobody named where the project has names already.
    others = () if category == DEFAULT_CATEGORY and ledger.category_ids() else (category,)
    ids = ledger.add_categories(dict.fromkeys(names or others))
    return [FrameLabel(FrameRef(0, index), tuple(_mask_label(o, ids) for o in found)) for index, found in truth.items()]


def _mask_label(found: TrueObject, ids: dict[str, int]) -> MaskLabel:
    category_id = IGNORE_CATEGORY if found.category is None else ids[found.category]
    return MaskLabel(found.track_id, category_id, found.rle)


def _described(video: Video, labels: Sequence[FrameLabel]) -> str:
    rate = f"{float(video.fps):.5g} frames/s{' on average' if video.variable_fps else ''}"
    held = f", truth of {_many(len(labels), 'frame')} held back"
    masks = f"{held}, {_objects_told(video.identities, labels)}" if labels else ""
    depth = "" if video.bits == DEEP_BITS else f", {video.bits} bits in 16-bit images (shown in full brightness)"
    return f"{_many(video.n_frames, 'frame')}, {video.width}x{video.height}, {rate}{depth}{masks}"


def _objects_told(identities: Identities, labels: Sequence[FrameLabel]) -> str:
    """Return how many objects there are, so that people see whether masks were read as they are meant."""
    counts = [len(label.objects) for label in labels]
    low, high = min(counts), max(counts)
    a_frame = f"{low} to {high}" if low < high else f"{high}"
    tracks = len({mask.track_id for label in labels for mask in label.objects})
    lasting = identities == Identities.PERSISTENT
    told = f"{_many(tracks, 'object')}, {a_frame} a frame" if lasting else f"{a_frame} objects a frame"
    bare = sum(bool(label.masks) and not label.objects for label in labels)
    return told + (f", {_many(bare, 'frame')} with nothing but regions to ignore" if bare else "")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _failure(path: Path, error: Exception) -> IngestedSource:
    return IngestedSource(path, Outcome.FAILED, printable(str(error)))
