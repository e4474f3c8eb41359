"""Which format a file or a folder is of, seen by what is in it."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from al_core.errors import BadLabel
from al_core.exchange.drawn import AskedBy, DrawnFrame, FileContent
from al_core.exchange.json_items import JsonItems, reading_json
from al_core.exchange.readers import LabelSource
from al_core.exchange.readers.coco_json import read_coco
from al_core.exchange.readers.cvat_xml import read_cvat_labels
from al_core.exchange.readers.davis_folder import davis_sources
from al_core.exchange.readers.label_studio_json import read_label_studio
from al_core.exchange.readers.mots_files import mots_sources, read_mots_text
from al_core.exchange.readers.video_json import read_youtube_vis
from al_core.exchange.readers.yolo_folder import yolo_source

_KNOWN = (
    "COCO, YouTube-VIS and Label Studio (.json), CVAT (.xml or .zip), MOTS (folder or .txt), DAVIS (folder of .png), "
    "YOLO-seg (folder with data.yaml)"
)
_MOTS_LINE = re.compile(r"\s*\d+ \d+ \d+ \d+ \d+ \S+\s*")

Read = Callable[[AskedBy, Callable[[float], None] | None], FileContent[DrawnFrame]]


def label_sources(paths: Sequence[Path]) -> list[LabelSource]:
    """Return what can be read in these files and folders, in order.

    Raises:
        BadLabel: there is no such file, or it is of no format that is read.
    """
    return [source for path in paths for source in _sources(path)]


def _sources(path: Path) -> Iterator[LabelSource]:
    if not path.exists():
        raise BadLabel(f"{path}: there is no such file or folder")
    if path.is_dir():
        yield from _folder(path)
        return
    suffix = path.suffix.lower()
    if suffix == ".json":
        yield _json(path)
    elif suffix in (".xml", ".zip"):
        yield LabelSource(path, "cvat", lambda asked_by, _: read_cvat_labels(path, asked_by))
    elif suffix == ".png":
        yield from davis_sources(path)
    elif suffix == ".txt" and _is_mots(path):
        yield LabelSource(path, "mots", lambda asked_by, _: read_mots_text(path, asked_by))
    elif path.name == "data.yaml":
        yield yolo_source(path.parent)
    else:
        raise BadLabel(f"{path}: expected labels, namely {_KNOWN}")


def _folder(path: Path) -> Iterator[LabelSource]:
    """Return what a folder holds: an export of ours, or what others unpack into one."""
    if (path / "data.yaml").is_file():
        yield yolo_source(path)
        return
    found = mots_sources(path) or davis_sources(path)
    if not found:
        files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in (".json", ".xml", ".zip")]
        labels = [file for file in files if file.name not in ("export.json", "categories.json", "classes.json")]
        found = [source for file in labels for source in _sources(file)]
    if not found:
        raise BadLabel(f"{path}: expected labels in this folder, namely {_KNOWN}")
    yield from found


def _json(path: Path) -> LabelSource:
    """Tell the formats in JSON apart by the lists that they hold."""
    items = JsonItems(path)
    with reading_json(path):
        try:
            for _ in items.entries(()):
                pass
        except TypeError:
            return LabelSource(path, "label-studio", lambda asked_by, _: read_label_studio(path, asked_by))
    if "videos" in items.lists and "images" not in items.lists:
        return LabelSource(path, "youtube-vis", partial(read_youtube_vis, path))
    return LabelSource(path, "coco", partial(_coco, path))


def _coco(path: Path, asked_by: AskedBy, on_progress: Callable[[float], None] | None) -> FileContent[DrawnFrame]:
    return read_coco(path, asked_by, None, on_progress)


def _is_mots(path: Path) -> bool:
    with path.open(encoding="ascii", errors="replace") as file:
        return _MOTS_LINE.fullmatch(file.readline(4096)) is not None
