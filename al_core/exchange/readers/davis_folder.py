"""Read folders of index images, as DAVIS lays them out: one folder of PNG files a video."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from al_core.errors import BadLabel
from al_core.exchange.drawn import AskedBy, DrawnFrame, DrawnMask, FileContent, FrameName
from al_core.exchange.json_items import reading_json
from al_core.exchange.readers import LabelSource
from al_core.exchange.readers.index_images import read_index_image
from al_core.records import IGNORE_TRACK

_CATEGORIES = "categories.json"


def davis_sources(path: Path) -> list[LabelSource]:
    """Return the folders of index images at or below a path, or the single image that it is; frames are passed over."""
    if path.is_file():
        return [_source(path.parent, [path])]
    masks = path / "Annotations"
    root = masks if masks.is_dir() else path
    folders = sorted({file.parent for file in root.rglob("*.png")})
    return [_source(folder, sorted(folder.glob("*.png"))) for folder in folders]


def _source(folder: Path, files: list[Path]) -> LabelSource:
    return LabelSource(folder, "davis", lambda asked_by, _: _read(folder, files, asked_by))


def _read(folder: Path, files: list[Path], asked_by: AskedBy) -> FileContent[DrawnFrame]:
    categories = _categories(folder)
    frames: dict[str, DrawnFrame] = {}
    faults, strange = [], []
    for file in files:
        try:
            asked = asked_by(FrameName(f"{folder.name}/{file.name}"))
        except BadLabel as error:
            strange.append(str(error))
            continue
        try:
            drawn = read_index_image(file, asked)
        except BadLabel as error:
            faults.append(f"{asked.request_id}: {error}")
            continue
        frames[asked.request_id] = replace(drawn, masks=tuple(_named(mask, categories) for mask in drawn.masks))
    if strange:
        more = f" (and {len(strange) - 1:,} like it)" if len(strange) > 1 else ""
        faults.append(strange[0] + more)
    if not frames:
        raise BadLabel("; ".join(faults[:3]))
    return FileContent(frames, tuple(faults))


def _named(mask: DrawnMask, categories: Mapping[str, str]) -> DrawnMask:
    return mask if mask.track_id == IGNORE_TRACK else replace(mask, category=categories.get(str(mask.track_id)))


def _categories(folder: Path) -> dict[str, str]:
    """Return the categories of a video's objects by their numbers, from the nearest ``categories.json`` above it."""
    for above in (folder, *list(folder.resolve().parents)[:3]):
        file = above / _CATEGORIES
        if file.is_file():
            with reading_json(file):
                content: Any = json.loads(file.read_bytes())
            found = content.get(folder.name, content) if isinstance(content, dict) else {}
            return {str(number): str(name) for number, name in found.items() if not isinstance(name, dict)}
    return {}
