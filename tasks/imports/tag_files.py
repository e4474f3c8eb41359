"""Tags from a small table: what is in stretches of videos, said without drawing anything.

A row says of a category that every frame of a stretch shows it (1) or that none does (0):

    video,first,last,category,present
    street,0,119,car,0
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from al_core.errors import BadLabel, UnknownName
from al_core.ledger.campaign.category_tags import against_labels, contradictions
from al_core.ledger.store import Ledger
from al_core.records import CategoryTag, Video

COLUMNS = ("video", "first", "last", "category", "present")
PRESENT: Mapping[str, bool] = {"1": True, "0": False}


@dataclass
class TagPlan:
    """What files of tags say.

    Attributes:
        faults: one line for each thing that cannot be taken.
    """

    tags: list[CategoryTag] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def counts(self) -> dict[int, tuple[int, int]]:
        """Return the number of stretches of each video that show something, and of those that do not."""
        found: dict[int, tuple[int, int]] = {}
        for tag in self.tags:
            here, gone = found.get(tag.video_id, (0, 0))
            found[tag.video_id] = (here + bool(tag.present), gone + (not tag.present))
        return found


def plan_tags(ledger: Ledger, paths: Sequence[Path]) -> TagPlan:
    """Read files of tags, and hold them against each other and against what people drew; nothing is stored.

    Raises:
        BadLabel: a file that is no table of tags.
    """
    plan = TagPlan()
    videos = {video.name: video for video in ledger.videos()}
    categories = {name: number for number, name in ledger.categories().items()}
    for path in paths:
        for line, row in _rows(path):
            try:
                plan.tags.append(_tag(row, videos, categories))
            except (BadLabel, UnknownName) as error:
                plan.faults.append(f"{path.name}, line {line}: {error}")
    names = {number: name for name, number in categories.items()}
    titles = {video.video_id: video.name for video in videos.values()}
    plan.faults += [f"{titles[video]}: {words}" for video, words in contradictions(plan.tags, names)]
    for video in sorted({tag.video_id for tag in plan.tags}):
        mine, drawn = [tag for tag in plan.tags if tag.video_id == video], ledger.human_labels(video)
        plan.faults += [f"{titles[video]}: {words}" for words in against_labels(mine, drawn, names)]
    return plan


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each line and what stands in its columns."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            found = tuple(name.strip() for name in rows.fieldnames or ())
            if set(COLUMNS) - set(found):
                raise BadLabel(f"{path}: expected a table with the columns {','.join(COLUMNS)}, got {','.join(found)}")
            rows.fieldnames = list(found)
            for row in rows:
                yield rows.line_num, {name: (row[name] or "").strip() for name in COLUMNS}
    except FileNotFoundError:
        raise BadLabel(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadLabel(f"{path}: expected a table of tags as text (UTF-8), it cannot be read ({error})") from None


def _tag(row: Mapping[str, str], videos: Mapping[str, Video], categories: Mapping[str, int]) -> CategoryTag:
    """Return the tag of a row.

    Raises:
        UnknownName: no such video or category. BadLabel: numbers that are none, or beyond the end.
    """
    if row["video"] not in videos:
        raise UnknownName("video", row["video"], videos)
    if row["category"] not in categories:
        raise UnknownName("category", row["category"], categories)
    video = videos[row["video"]]
    first, last = _frame(row["first"]), _frame(row["last"] or row["first"])
    if last >= video.n_frames:
        raise BadLabel(f"{video.name!r} has the frames 0 to {video.n_frames - 1}, got {last}; end the stretch there")
    if row["present"] not in PRESENT:
        raise BadLabel(f"present is 1 (every frame shows it) or 0 (none does), got {row['present']!r}")
    return CategoryTag(video.video_id, first, last, categories[row["category"]], PRESENT[row["present"]])


def _frame(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadLabel(f"frames are whole numbers from 0, got {text!r}") from None
