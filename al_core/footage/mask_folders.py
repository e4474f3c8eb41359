"""Find the masks of each video in a separate folder."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from al_core.errors import BadLabel
from al_core.footage.discovery import IS_LABELS, holds_labels
from al_core.footage.images import MASK_SUFFIXES
from al_core.footage.sources import FRAMES_FOLDER, MASKS_FOLDER, Source, either, folders, listed

_LAYOUT_FOLDER = re.compile(rf"{FRAMES_FOLDER}|{MASKS_FOLDER}|\d+p|Full-Resolution")
_TELL_APART = "Put the masks of each video into folders named as those above the video"


def with_masks(sources: Sequence[Source], masks: str | Path) -> list[Source]:
    """Give sources the masks of a separate folder.

    Args:
        masks: a folder of masks when there is one source; otherwise a folder that holds, perhaps below ``Annotations``
            and a resolution, a folder of masks named as each source. Where several sources or several folders of masks
            have one name, the folders above it tell them apart. Sources without masks stay as they are.

    Raises:
        BadLabel: there is no such folder, it holds masks for none of the sources, or it cannot be told whose they are.
    """
    folder = Path(masks).absolute()
    if not folder.is_dir():
        hint = f"it {IS_LABELS}" if folder.is_file() and holds_labels(folder) else "there is no such folder of masks"
        raise BadLabel(f"{folder}: {hint}")
    if listed(folder, MASK_SUFFIXES):
        readable = [source for source in sources if not source.problem]
        if len(readable) > 1:
            raise BadLabel(
                f"{folder}: holds the masks of one video, got {len(readable)} videos. "
                "Put the masks of each video into a folder with the video's name"
            )
        return [source if source.problem else replace(source, masks=folder) for source in sources]
    chosen = _matched_masks(sources, folder, _folders_below(folder))
    if not chosen:
        raise BadLabel(
            f"{folder}: holds no masks for {', '.join(s.name for s in sources)}; expected a folder with such "
            f"a name and {either(MASK_SUFFIXES)} images in it"
        )
    return [replace(source, masks=chosen.get(i, source.masks)) for i, source in enumerate(sources)]


def _matched_masks(sources: Sequence[Source], root: Path, below: Sequence[Path]) -> dict[int, Path]:
    """Return the folder of masks of each source that has one, by the source's position.

    A folder at the same place below ``root`` as the source below the folder of all sources is surely its own; then come
    those whose place agrees as far as it goes.
    """
    top = Path(os.path.commonpath([source.path.parent for source in sources]))
    above = {folder: _place(folder.relative_to(root))[:-1] for folder in below}
    twins = Counter(source.name for source in sources)
    places = [_place(source.path.relative_to(top).parent) for source in sources]
    chosen: dict[int, Path] = {}
    for i, source in enumerate(sources):
        _choose(chosen, i, source, [folder for folder in _named(source, below) if above[folder] == places[i]])
    taken = set(chosen.values())
    for i, source in enumerate(sources):
        if i not in chosen:
            named = [folder for folder in _named(source, below) if folder not in taken]
            alone = len(named) == twins[source.name] == 1
            _choose(chosen, i, source, _agreeing(source, places[i], named, above) or (named if alone else []))
    for folder, count in Counter(chosen.values()).items():
        if count > 1:
            owners = " or ".join(str(sources[i].path) for i, other in chosen.items() if other == folder)
            raise BadLabel(f"{folder}: these masks may belong to {owners}. {_TELL_APART}")
    return chosen


def _named(source: Source, below: Sequence[Path]) -> list[Path]:
    """Return the folders that are called like a source's file or, where there are none, like the source."""
    return [f for f in below if f.name == source.path.name] or [f for f in below if f.name == source.name]


def _choose(chosen: dict[int, Path], i: int, source: Source, fitting: Sequence[Path]) -> None:
    if len(fitting) > 1:
        raise BadLabel(f"{source.path}: several folders of masks fit: {', '.join(map(str, fitting))}. {_TELL_APART}")
    if fitting:
        chosen[i] = fitting[0]


def _agreeing(
    source: Source, mine: Sequence[str], named: Sequence[Path], above: Mapping[Path, Sequence[str]]
) -> list[Path]:
    """Return the folders whose place does not contradict the source's, those that agree with most of its path."""
    fitting = [f for f in named if _agreement(above[f], mine) == min(len(above[f]), len(mine))]
    whole = [_agreement(above[folder], _place(source.path.parent)) for folder in fitting]
    return [folder for folder, agreed in zip(fitting, whole, strict=True) if agreed == max(whole)]


def _place(path: Path) -> tuple[str, ...]:
    """Return the folders of a path without those of a layout."""
    return tuple(part for part in path.parts if not _LAYOUT_FOLDER.fullmatch(part))


def _agreement(a: Sequence[str], b: Sequence[str]) -> int:
    """Return how many parts two paths have in common, from their ends."""
    pairs = list(zip(reversed(a), reversed(b), strict=False))
    return next((n for n, (x, y) in enumerate(pairs) if x != y), len(pairs))


def _folders_below(folder: Path) -> list[Path]:
    """List a folder and all below it, those first that lie higher."""
    found, position = [folder], 0
    while position < len(found):
        found += [child for child in folders(found[position]) if not child.is_symlink()]
        position += 1
    return found
