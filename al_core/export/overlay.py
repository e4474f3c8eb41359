"""A video to look at: the frames with their masks drawn, who says so, and the round.

The encoder is H.264 (libx264) where PyAV's build has it, otherwise MPEG-4 part 2; both come with PyAV and neither is
shipped here. The file has the frame rate of the source exactly, or each frame's own time where the rate varies.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings, MissingDependency
from al_core.export.contents import ExportClip, ExportOptions, LabelledFrame, Tally, labelled_frames
from al_core.export.drawing import chip_size, draw_masks, put_chip
from al_core.export.palette import PROVENANCE_COLOURS, UNLABELLED_COLOUR, track_colour
from al_core.masks import rle
from al_core.records import DeliveredMask, Provenance

CODECS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "20", "preset": "veryfast"},
    "mpeg4": {"qscale": "3"},
}
"""Encoder -> its options, the best one first."""

LABEL_SHARE = 0.1
"""Share of a frame that labels of objects may cover; where whole ones would cover more, numbers stand alone."""

Image = NDArray[np.uint8]


def export(
    clips: Sequence[ExportClip],
    categories: Mapping[int, str],
    out: Path,
    options: ExportOptions,
    tally: Tally,
) -> None:
    """Write ``<video>.mp4`` per video, or one ``.mp4`` file of a single video.

    Raises:
        BadSettings: one file is asked for and there are several videos.
        MissingDependency: PyAV has none of the encoders.
    """
    alone = out.suffix == ".mp4"
    if alone and len(clips) != 1:
        raise BadSettings(f"an mp4 file shows one video, got {len(clips)}: give a folder, or one --video NAME")
    if not alone:
        out.mkdir(parents=True)
    for clip in clips:
        path = out if alone else out / f"{clip.video.name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, _drawn(clip, categories, options, tally), clip.video.fps, _times(clip))
        tally.files += 1


def write_video(
    path: Path, images: Iterator[Image], fps: Fraction, time_us: Callable[[int], int] | None = None
) -> None:
    """Encode RGB images of one size as MP4.

    An odd width or height is filled up by repeating the last column or row, since the colour planes have half the size.

    Args:
        fps: exact frame rate, also of the file.
        time_us: microseconds at which the n-th image is shown, rising; None spaces them evenly.
    """
    import av

    name = _codec()
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream(name, rate=fps, options=dict(CODECS[name]))
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(images):
            padded = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), mode="edge")
            if number == 0:
                stream.height, stream.width = padded.shape[:2]
                _tag_colours(stream.codec_context, time_us)
            frame = av.VideoFrame.from_ndarray(padded, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.time_base = Fraction(1, 1_000_000) if time_us else 1 / fps
            frame.pts = time_us(number) if time_us else number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def draw_frame(image: Image, frame: LabelledFrame, categories: Mapping[int, str], round_id: int | None) -> Image:
    """Draw outlines by object, a label per object and one for the frame, coloured by provenance."""
    height, width = image.shape[:2]
    size = max(10, round(min(height, width) / 28))
    shown = [(m, rle.decode(m.rle)) for m in frame.masks]
    drawn = draw_masks(image, [(p, track_colour(m.track_id)) for m, p in shown], line=max(1, round(size / 7)))
    texts = _object_labels(frame.masks, categories, size, LABEL_SHARE * height * width)
    for text, (mask, pixels) in zip(texts, shown, strict=False):
        _label_object(drawn, mask, pixels, text, size)
    name, colour = _frame_state(frame)
    of_round = "" if round_id is None else f"round {round_id}  "
    put_chip(drawn, f"{of_round}frame {frame.frame_idx}  {name}", 0, 0, colour, size)
    return drawn


def _drawn(clip: ExportClip, categories: Mapping[int, str], options: ExportOptions, tally: Tally) -> Iterator[Image]:
    n = clip.video.n_frames
    frames = labelled_frames(clip, options, tally, whole_video=True)
    for frame, (_, image) in zip(frames, clip.images(range(n)), strict=True):
        if frame.labelled:
            tally.count(frame)
        yield draw_frame(image, frame, categories, clip.round_id)


def _label_object(image: Image, mask: DeliveredMask, pixels: NDArray[np.bool_], text: str, size: int) -> None:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    width, height = chip_size(text, size)
    middle = int(columns[0] + columns[-1]) // 2
    below_the_frames = max(height, int(rows[0]) - height - 2)
    put_chip(image, text, middle - width // 2, below_the_frames, PROVENANCE_COLOURS[mask.provenance], size)


def _object_labels(masks: Sequence[DeliveredMask], categories: Mapping[int, str], size: int, room: float) -> list[str]:
    """Return one text per object, as much as ``room`` (in pixels) allows: everything, the number, or nothing."""
    for texts in ([_whole_label(m, categories) for m in masks], [str(m.track_id) for m in masks]):
        if sum(width * height for width, height in (chip_size(text, size) for text in texts)) <= room:
            return texts
    return []


def _whole_label(mask: DeliveredMask, categories: Mapping[int, str]) -> str:
    name = categories.get(mask.category_id, f"category {mask.category_id}")
    sure = "" if mask.provenance is Provenance.HUMAN else f" {mask.confidence:.2f}"
    return f"{name} {mask.track_id}  {mask.provenance.value}{sure}"


def _frame_state(frame: LabelledFrame) -> tuple[str, str]:
    """Return the frame's label and its colour: the least trusted of its masks counts."""
    if not frame.labelled:
        return "not labelled", UNLABELLED_COLOUR
    if frame.human:
        return Provenance.HUMAN.value, PROVENANCE_COLOURS[Provenance.HUMAN]
    found = {m.provenance.value for m in frame.masks}
    if not found:
        return "nothing found", UNLABELLED_COLOUR
    weakest = [name for name in PROVENANCE_COLOURS if name in found][-1]
    return " + ".join(name for name in PROVENANCE_COLOURS if name in found), PROVENANCE_COLOURS[weakest]


def _times(clip: ExportClip) -> Callable[[int], int] | None:
    times = clip.times_us
    if times is None or not clip.video.variable_fps:
        return None
    return lambda number: int(times[number] - times[0])


def _codec() -> str:
    import av

    for name in CODECS:
        try:
            av.codec.Codec(name, "w")
        except (ValueError, av.FFmpegError):
            continue
        return name
    raise MissingDependency(f"PyAV {av.__version__} has no video encoder of {', '.join(CODECS)}: install PyAV's wheel")


def _tag_colours(context: Any, time_us: Callable[[int], int] | None) -> None:
    bt709, limited = 1, 1  # code points of ISO/IEC 23091-2, and FFmpeg's number for the "TV" range
    context.colorspace = context.color_primaries = context.color_trc = bt709
    context.color_range = limited
    if time_us:
        context.time_base = Fraction(1, 1_000_000)
