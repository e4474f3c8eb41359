"""Read files of any known format, frame by frame of the project's videos."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnFrame, FrameName
from al_core.exchange.frame_names import Matcher
from al_core.exchange.readers import LabelSource
from al_core.records import FrameRef, Progress


@dataclass(slots=True)
class Read:
    """What files say.

    Attributes:
        frames: what they say of each frame.
        faults: one line for each frame or image that cannot be used, with the reason.
        notes: one line for each thing that was read, but perhaps otherwise than it was meant.
        files: names of the files that say something of a frame.
    """

    frames: dict[FrameRef, DrawnFrame] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


class _Finder:
    """Finds the frame that a name in a file means, and remembers which it was."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self.found: dict[str, FrameRef] = {}

    def __call__(self, name: FrameName) -> Asked:
        video, index = self._matcher(name)
        key = f"{video.name}:{index}"
        self.found[key] = FrameRef(video.video_id, index)
        # Objects without numbers are numbered once all frames of a video are known.
        return Asked(key, video.height, video.width, lasting=False)


def read_all(
    sources: Sequence[LabelSource], matcher: Matcher, on_progress: Callable[[Progress], None] | None = None
) -> Read:
    """Read files; a frame of which two of them say different things is a fault and left out.

    Raises:
        BadLabel: a file cannot be read at all.
    """
    read, told_by, twice = Read(), dict[FrameRef, str](), set[FrameRef]()
    for done, source in enumerate(sources):
        finder = _Finder(matcher)
        try:
            content = source.read(finder, _within(done, len(sources), source.path.name, on_progress))
        except BadLabel as error:
            read.faults.append(str(error))
            continue
        read.faults += content.faults
        read.notes += content.notes
        read.files += [source.path.name] if content.frames else []
        for key, drawn in content.frames.items():
            frame = finder.found[key]
            if read.frames.setdefault(frame, drawn) == drawn:
                told_by.setdefault(frame, source.path.name)
                continue
            twice.add(frame)
            read.faults.append(
                f"{key}: {told_by[frame]} and {source.path.name} say different things of this frame. Give one of them"
            )
    for frame in twice:
        del read.frames[frame]
    return read


def _within(
    done: int, total: int, name: str, on_progress: Callable[[Progress], None] | None
) -> Callable[[float], None] | None:
    """Return what a reader calls with the share of its file that was read, in [0, 1]; progress is told in percent."""
    if on_progress is None:
        return None
    on_progress(Progress(100 * done, 100 * total, name))
    return lambda share: on_progress(Progress(100 * done + round(100 * share), 100 * total, name))


def some(lines: Iterable[str], most: int = 20) -> list[str]:
    """Return the first lines, and how many more there are."""
    lines = list(lines)
    left = len(lines) - most
    return lines if left <= 0 else [*lines[:most], f"... and {left:,} more like these"]
