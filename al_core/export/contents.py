"""What all exporters share: which frames and masks go out, where to, and what is said about it."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings, OutputExists, UnknownName
from al_core.files import replaced
from al_core.masks import rle
from al_core.records import DELIVERED, DeliveredMask, Progress, Provenance, Video

MANIFEST = "export.json"
"""Lies in every folder that an export wrote: what went out, and what was lost."""

CERTIFICATES = "certificates.json"
"""Lies beside it where masks go out that a certificate accepted: all of these certificates."""

JPEG_QUALITY = 95

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class ExportClip:
    """One labelled video.

    Attributes:
        masks: iterates over the delivered masks at each call: (frame_idx, masks) rising by frame; frames without
            masks may be left out.
        images: gives RGB uint8 [height, width, 3] of the frames asked for, at full resolution, in rising order.
        human_frames: frames that a person labelled, including those where nothing is there.
        round_id: the round that delivered the masks; None where none did, and only what people labelled is known.
        times_us: presentation time of each frame in microseconds, shape [n_frames]; None when the rate is even.
        unknown_frames: frames of which nothing is known any more, since their answer was taken back.
        split: name of the split that the video belongs to; empty where there are none.
    """

    video: Video
    masks: Callable[[], Iterator[tuple[int, list[DeliveredMask]]]]
    images: Callable[[Sequence[int]], Iterator[tuple[int, NDArray[np.uint8]]]]
    human_frames: frozenset[int] = frozenset()
    round_id: int | None = 0
    times_us: NDArray[np.int64] | None = None
    unknown_frames: frozenset[int] = frozenset()
    split: str = ""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What goes out.

    Attributes:
        provenances: only masks of these; a frame that this leaves without a mask is left out as unlabelled,
            since it is not empty.
        human_frames_only: only the frames that a person labelled.
        min_confidence: in [0, 1]; masks of the machine below it are left out, and so is a frame that this leaves
            without a mask.
        empty: frames that nobody saw and in which the machine found nothing go out as empty frames too. Formats of
            whole videos hold them in any case.
        images: write the frames too, where the format has them.
        certificates: of the accepted masks, as they are stored; they go out with them.
        extra_fields: add what the format itself does not know (track, provenance, confidence), where it can hold it.
        overwrite: replace an earlier export.
        lidar: folder of the scans whose points are labelled, for ``points``.
        calibration: of the lidar to the camera, a file or a folder with one for each frame, for ``points``.
    """

    provenances: frozenset[Provenance] = frozenset(DELIVERED)
    human_frames_only: bool = False
    images: bool = True
    extra_fields: bool = True
    overwrite: bool = False
    min_confidence: float = 0.0
    empty: bool = False
    certificates: tuple[Mapping[str, Any], ...] = ()
    lidar: Path | None = None
    calibration: Path | None = None

    def __post_init__(self) -> None:
        if not self.provenances:
            raise BadSettings("choose at least one provenance of masks")
        if not 0 <= self.min_confidence <= 1:
            raise BadSettings(f"the least confidence is in [0, 1], got {self.min_confidence:g}")


def parse_provenances(text: str | None) -> frozenset[Provenance]:
    """Parse names separated by commas; None stands for all.

    Raises:
        UnknownName: no such provenance.
    """
    known = {p.value: p for p in DELIVERED}
    names = text.split(",") if text else []
    for name in names:
        if name not in known:
            raise UnknownName("provenance", name, known)
    return frozenset(known[name] for name in names) or frozenset(DELIVERED)


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One frame of a video as it goes out.

    Attributes:
        labelled: False when nothing is known of the frame, or what is known was not chosen; then it has no masks.
        human: a person labelled it.
        regions: where neither object nor background counts.
    """

    frame_idx: int
    masks: tuple[DeliveredMask, ...]
    labelled: bool
    human: bool
    regions: tuple[DeliveredMask, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        files: number of files written.
        frames: frames that went out with their labels, empty ones included.
        empty_frames: those of them without any object.
        unseen_empty: those of the empty ones that nobody saw: the machine found nothing in them.
        unseen_left_out: frames that nobody saw and in which the machine found nothing, left out for that.
        lossy_pixels: mask pixels that the format could not keep, or had to add.
        mask_pixels: all mask pixels before the export, to compare with.
        warnings: what was lost or may surprise, one sentence each.
        notes: what did not go out and how to have it, one sentence each.
    """

    format: str
    out: Path
    files: int
    videos: int
    frames: int
    empty_frames: int
    masks: int
    masks_by_provenance: dict[str, int]
    lossy_pixels: int
    mask_pixels: int
    unseen_empty: int = 0
    unseen_left_out: int = 0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say what was written, for the person who asked; every warning is a line of its own."""
        by = ", ".join(f"{count:,} {name}" for name, count in self.masks_by_provenance.items())
        lost = f"{self.lossy_pixels:,} of {self.mask_pixels:,} mask pixels lost" if self.lossy_pixels else "lossless"
        if self.format == "overlay-mp4":
            lost = "to look at"
        lines = [
            f"{self.out}: {self.format}, {_many(self.videos, 'video')}, {_many(self.frames, 'frame')} "
            f"({self._empty()}), {_many(self.masks, 'mask')} ({by or 'none'}), {_many(self.files, 'file')}, {lost}"
        ]
        lines += [f"warning: {warning}" for warning in self.warnings]
        if self.unseen_left_out:
            lines.append(
                f"note: {self.unseen_left_out:,} frames are left out: nobody saw them and the machine found nothing "
                "in them; --empty takes them as empty"
            )
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _empty(self) -> str:
        if not self.unseen_empty:
            return f"{self.empty_frames:,} empty"
        human = self.empty_frames - self.unseen_empty
        return f"{human:,} empty by a person's word, {self.unseen_empty:,} where the machine found nothing"


@dataclass(slots=True)
class Tally:
    """Counts while an export runs."""

    total: int
    on_progress: OnProgress | None = None
    files: int = 0
    videos: int = 0
    frames: int = 0
    empty_frames: int = 0
    unseen_empty: int = 0
    unseen_left_out: int = 0
    lossy_pixels: int = 0
    mask_pixels: int = 0
    done: int = 0
    provenances: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    def note(self, text: str, count: int = 1) -> None:
        """Count an event; in the end it becomes the warning ``text`` with its count in place of ``{n}``."""
        self.notes[text] += count

    def tick(self, note: str) -> None:
        """Count one more unit of work as done."""
        self.done += 1
        if self.on_progress is not None:
            self.on_progress(Progress(self.done, max(self.total, self.done), note))

    def skip(self, count: int) -> None:
        """Count units of work that turned out to be none."""
        if count:
            self.done += count - 1
            self.tick("")

    def count(self, frame: LabelledFrame) -> None:
        """Count one more frame that goes out."""
        self.frames += 1
        self.empty_frames += not frame.masks
        self.unseen_empty += not frame.masks and not frame.human
        self.provenances.update(m.provenance.value for m in frame.masks)
        self.mask_pixels += sum(rle.area(m.rle) for m in frame.masks)

    def report(self, format_name: str, out: Path, notes: Sequence[str] = ()) -> ExportReport:
        """Return the finished report; ``notes`` are what was known before the export."""
        said = [text.replace("{n}", str(n)) for text, n in self.notes.items() if n]
        return ExportReport(
            format=format_name,
            out=out,
            files=self.files,
            videos=self.videos,
            frames=self.frames,
            empty_frames=self.empty_frames,
            masks=sum(self.provenances.values()),
            masks_by_provenance=dict(sorted(self.provenances.items())),
            lossy_pixels=self.lossy_pixels,
            mask_pixels=self.mask_pixels,
            unseen_empty=self.unseen_empty,
            unseen_left_out=self.unseen_left_out,
            warnings=(*self.warnings, *said),
            notes=tuple(notes),
        )


def labelled_frames(
    clip: ExportClip,
    options: ExportOptions,
    tally: Tally | None = None,
    *,
    whole_video: bool = False,
    with_regions: bool = False,
) -> Iterator[LabelledFrame]:
    """Yield every frame of a video in order, with the masks that go out.

    A frame without any delivered mask says "nothing is here". It goes out when the one who says so is chosen: a person
    for a frame that a person labelled, the machine for any other. A frame that nobody saw and in which the machine
    found nothing is weak evidence, and goes out where ``options.empty`` asks for it or the format needs it.

    Args:
        whole_video: the format holds videos, not single frames.
        with_regions: the format holds regions to ignore too.
    """
    tally = tally if tally is not None else Tally(0)
    empty_too = whole_video or options.empty
    delivered = clip.masks()
    upcoming = next(delivered, None)
    for index in range(clip.video.n_frames):
        given: list[DeliveredMask] = []
        regions: list[DeliveredMask] = []
        if upcoming is not None and upcoming[0] == index:
            given, regions = _objects(upcoming[1], tally, with_regions)
            upcoming = next(delivered, None)
        if index in clip.unknown_frames or (clip.round_id is None and index not in clip.human_frames):
            yield LabelledFrame(index, (), False, False)
        else:
            frame = _chosen(index, given, regions, index in clip.human_frames, options, tally)
            unseen = frame.labelled and not frame.masks and not frame.human
            tally.unseen_left_out += unseen and not empty_too
            yield LabelledFrame(index, (), False, False) if unseen and not empty_too else frame
        tally.tick(clip.video.name)


def write_frames(clip: ExportClip, paths: Mapping[int, Path], tally: Tally) -> None:
    """Write frames as JPEG files.

    A JPEG of the source is copied byte for byte; anything else is encoded at quality 95 without colour subsampling.

    Args:
        paths: by frame number, rising; folders are made where they are not there.
    """
    for folder in {path.parent for path in paths.values()}:
        folder.mkdir(parents=True, exist_ok=True)
    rest = [index for index, path in paths.items() if not _copy_jpeg(clip.video, index, path, tally)]
    for index, image in clip.images(rest) if rest else ():
        write_jpeg(paths[index], image)
        tally.files += 1
        tally.tick(clip.video.name)
    tally.skip(clip.video.n_frames - len(paths))


def frame_paths(clip: ExportClip, indices: Iterable[int], folder: Path) -> dict[int, Path]:
    """Return where frames go: ``folder/<number>.jpg``."""
    return {index: folder / f"{frame_name(clip.video, index)}.jpg" for index in indices}


def write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image of shape [h, w, 3]."""
    from PIL import Image

    Image.fromarray(image).save(path, "JPEG", quality=JPEG_QUALITY, subsampling=0)


def frame_name(video: Video, frame_idx: int) -> str:
    """Return the number of a frame as its file's stem: five digits, more for a video that needs them."""
    return f"{frame_idx:0{max(5, len(str(video.n_frames - 1)))}d}"


def one_category(categories: Counter[int], track_id: int, video: Video, tally: Tally) -> int:
    """Return the category of a track: its most frequent one, ties to the lower id; several give a warning."""
    chosen = min(categories, key=lambda c: (-categories[c], c))
    if len(categories) > 1:
        tally.warnings.append(
            f"{video.name}: object {track_id} has {len(categories)} categories over time; the format holds "
            f"one, the most frequent was taken"
        )
    return chosen


@contextmanager
def replacing(out: Path, overwrite: bool) -> Iterator[Path]:
    """Yield a path to write to, which takes the place of ``out`` when the block ends well (see :func:`replaced`).

    Only a file, an empty folder or the folder of an earlier export is ever replaced.

    Raises:
        OutputExists: ``out`` is there and must not be replaced.
    """
    check_free(out, overwrite)
    with replaced(out) as unfinished:
        yield unfinished


def write_manifest(folder: Path, report: ExportReport, options: ExportOptions, rounds: dict[str, int | None]) -> None:
    """Write what an export did into its folder; the same export writes the same bytes."""
    content = {
        "made_by": "fewframes",
        "format": report.format,
        "provenances": sorted(p.value for p in options.provenances),
        "human_frames_only": options.human_frames_only,
        "min_confidence": options.min_confidence,
        "rounds": rounds,
        "frames": report.frames,
        "empty_frames": report.empty_frames,
        "unseen_empty_frames": report.unseen_empty,
        "unseen_frames_left_out": report.unseen_left_out,
        "masks": report.masks,
        "masks_by_provenance": report.masks_by_provenance,
        "mask_pixels": report.mask_pixels,
        "lossy_pixels": report.lossy_pixels,
        "warnings": list(report.warnings),
    }
    if options.certificates:
        content["certificates"] = [certificate["certificate_id"] for certificate in options.certificates]
        text = json.dumps(list(options.certificates), indent=2) + "\n"
        (folder / CERTIFICATES).write_text(text, encoding="utf-8")
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _objects(
    masks: Sequence[DeliveredMask], tally: Tally, with_regions: bool
) -> tuple[list[DeliveredMask], list[DeliveredMask]]:
    kept = [m for m in masks if m.track_id > 0 and m.category_id > 0 and rle.area(m.rle) > 0]
    regions = [m for m in masks if m.track_id == 0 or m.category_id == 0]
    if not with_regions:
        tally.note("{n} ignore regions are left out: the format holds objects only", len(regions))
    tally.note("{n} masks without a single pixel are left out", len(masks) - len(kept) - len(regions))
    return kept, regions


def _chosen(
    index: int,
    given: list[DeliveredMask],
    regions: list[DeliveredMask],
    human: bool,
    options: ExportOptions,
    tally: Tally,
) -> LabelledFrame:
    of_choice = [m for m in given if m.provenance in options.provenances]
    kept = [m for m in of_choice if m.provenance is Provenance.HUMAN or m.confidence >= options.min_confidence]
    machine = options.provenances - {Provenance.HUMAN}
    says_empty = not given and (Provenance.HUMAN in options.provenances if human else bool(machine))
    labelled = (bool(kept) or says_empty) and (human or not options.human_frames_only)
    if not labelled:
        if of_choice and not kept:
            tally.note("{n} frames are left out: all their masks are below the least confidence")
        return LabelledFrame(index, (), False, human)
    missing = len(given) - len(of_choice)
    tally.note("{n} masks of provenances that were not chosen are missing in frames that went out", missing)
    unsure = len(of_choice) - len(kept)
    tally.note("{n} masks below the least confidence are missing in frames that went out", unsure)
    ordered = tuple(sorted(kept, key=lambda m: m.track_id))
    return LabelledFrame(index, ordered, True, human, tuple(regions))


def _copy_jpeg(video: Video, index: int, target: Path, tally: Tally) -> bool:
    if not video.files or Path(video.files[index]).suffix.lower() not in (".jpg", ".jpeg"):
        return False
    source = Path(video.uri) / video.files[index]
    if not source.is_file() or _needs_turning(source):
        return False
    shutil.copyfile(source, target)
    tally.files += 1
    tally.tick(video.name)
    return True


def _needs_turning(source: Path) -> bool:
    from PIL import Image

    orientation = 0x0112  # the Exif tag; readers disagree on it, so such a frame is written upright instead
    with Image.open(source) as image:
        return image.getexif().get(orientation, 1) != 1


def check_free(out: Path, overwrite: bool) -> None:
    """Check that an export may be written to a place.

    Raises:
        OutputExists: ``out`` is there and must not be replaced.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not overwrite:
        raise OutputExists(f"{out} is there already: choose another name, or say that it may be overwritten")
    if out.is_dir() and not (out / MANIFEST).is_file():
        raise OutputExists(f"{out} is a folder that no export wrote ({MANIFEST} is missing): it is not overwritten")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
