"""Tags: what people say of a category in a stretch of a video ("a dog, no car"), without drawing anything.

Rows are only added; of what was said of a category in a frame, the newest holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import duckdb
import numpy as np

from al_core.errors import BadLabel, UnknownName
from al_core.ledger.campaign.categories import GONE, stands_for
from al_core.ledger.labelling.labels import known_labels
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now_after_answers, reads, writes
from al_core.records import CategoryTag, FrameLabel

Tags = dict[int, tuple[CategoryTag, ...]]


class TagOperations(Operations):
    """What people say without drawing."""

    @writes
    def put_category_tags(self, tags: Sequence[CategoryTag], who: str, seconds: float | None = None) -> int:
        """Keep what somebody said at once, all or nothing; returns how many of the tags say something new.

        Args:
            seconds: that it took the person; None where nobody knows.

        Raises:
            UnknownName: no such video or category.
            BadLabel: a stretch beyond the end of its video, tags that contradict each other, or masks that people drew.
        """
        with self._connector.transaction() as connection:
            _check(connection, tags)
            known = _said(connection, None)
            new = [tag for tag in tags if not _says(known.get(tag.video_id, ()), tag)]
            at = now_after_answers(connection)
            for number, tag in enumerate(new):
                row = [tag.video_id, tag.first_frame, tag.last_frame, tag.category_id, tag.present, who]
                connection.execute(_INSERT, [*row, None if number else seconds, at])
            for video in sorted({tag.video_id for tag in new}):
                log(connection, who, "tag", f"video {video}", f"{sum(tag.video_id == video for tag in new)} stretches")
            return len(new)

    @reads
    def category_tags(self, as_of: datetime | None = None) -> dict[int, tuple[CategoryTag, ...]]:
        """Return what is said of the frames of each video: stretches by category and frame that do not overlap; videos
        without any are left out.

        Where a category was merged into another one, what showed it shows the other one; that none of it was there says
        nothing of the other one. Removed categories are left out.

        Args:
            as_of: what was known at that time (UTC without zone); None for now.
        """
        with self._connector.session() as connection:
            return _said(connection, as_of)

    @reads
    def newest_tag_at(self) -> datetime | None:
        """Return when somebody last tagged, in UTC without zone; None where nobody has."""
        ((newest,),) = self._rows("SELECT max(said_at) FROM category_tag")
        return None if newest is None else datetime.fromisoformat(newest.isoformat())


def stretches(frames: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each run of numbers that follow each other; they come rising."""
    values = np.fromiter(frames, np.int64)
    if not values.size:
        return
    ends = np.flatnonzero(np.diff(values) != 1)
    for first, last in zip([0, *(ends + 1)], [*ends, values.size - 1], strict=True):
        yield int(values[first]), int(values[last])


def _said(connection: duckdb.DuckDBPyConnection, as_of: datetime | None) -> Tags:
    ended = stands_for(connection, as_of)
    lengths = dict(connection.execute("SELECT video_id, n_frames FROM video").fetchall())
    known: defaultdict[tuple[int, int], dict[int, bool]] = defaultdict(dict)
    for video, first, last, category, present in connection.execute(_ROWS, [as_of]).fetchall():
        told = known[video, category]
        for frame in range(first, min(last + 1, lengths.get(video, 0))):
            told.pop(frame, None) if present is None else told.__setitem__(frame, present)
    found: defaultdict[int, list[CategoryTag]] = defaultdict(list)
    for (video, category), said in _standing(known, ended).items():
        for present in (True, False):
            frames = sorted(frame for frame, value in said.items() if value is present)
            found[video] += [CategoryTag(video, *ends, category, present) for ends in stretches(frames)]
    return {video: tuple(sorted(tags, key=_order)) for video, tags in sorted(found.items()) if tags}


def _standing(
    known: Mapping[tuple[int, int], Mapping[int, bool]], ended: Mapping[int, int]
) -> dict[tuple[int, int], dict[int, bool]]:
    """Return what is said of categories that stand: an object of one that was merged is one of what it is now."""
    found = {key: dict(said) for key, said in known.items() if key[1] not in ended}
    for (video, category), said in known.items():
        if ended.get(category, GONE) != GONE:
            shown = {frame: True for frame, present in said.items() if present}
            found[video, ended[category]] = found.get((video, ended[category]), {}) | shown
    return found


def _order(tag: CategoryTag) -> tuple[int, int]:
    return tag.category_id, tag.first_frame


def _says(known: Sequence[CategoryTag], tag: CategoryTag) -> bool:
    """Tell whether a tag says nothing that is not known."""
    mine = [one for one in known if one.category_id == tag.category_id]
    if tag.present is None:
        return not any(one.first_frame <= tag.last_frame and tag.first_frame <= one.last_frame for one in mine)
    alike = (one for one in mine if one.present is tag.present)
    return any(one.first_frame <= tag.first_frame and tag.last_frame <= one.last_frame for one in alike)


def _check(connection: duckdb.DuckDBPyConnection, tags: Sequence[CategoryTag]) -> None:
    videos = {row[0]: row[1:] for row in connection.execute("SELECT video_id, name, n_frames FROM video").fetchall()}
    ended = stands_for(connection)
    rows = connection.execute("SELECT category_id, name FROM category").fetchall()
    names = {number: name for number, name in rows if number not in ended}
    for tag in tags:
        if tag.video_id not in videos:
            raise UnknownName("video", str(tag.video_id), map(str, videos))
        if tag.category_id not in names:
            known = [f"{number} ({name})" for number, name in names.items()]
            raise UnknownName("category", str(tag.category_id), known)
        name, n_frames = videos[tag.video_id]
        if tag.last_frame >= n_frames:
            raise BadLabel(
                f"{name!r} has the frames 0 to {n_frames - 1}, and a tag of {names[tag.category_id]!r} goes to frame "
                f"{tag.last_frame}; let it end earlier"
            )
    for fault in contradictions(tags, names):
        raise BadLabel(f"{videos[fault[0]][0]!r}: {fault[1]}")
    for video in sorted({tag.video_id for tag in tags if tag.present is not None}):
        mine = [tag for tag in tags if tag.video_id == video]
        for words in against_labels(mine, known_labels(connection, video), names):
            raise BadLabel(f"{videos[video][0]!r}: {words}")


def contradictions(tags: Sequence[CategoryTag], names: Mapping[int, str]) -> Iterator[tuple[int, str]]:
    """Yield (video, words) of each two tags that say opposite things of one frame.

    Args:
        names: of the categories, by number.
    """
    told: dict[tuple[int, int], list[CategoryTag]] = {}
    for tag in (tag for tag in tags if tag.present is not None):
        mine = told.setdefault((tag.video_id, tag.category_id), [])
        for other in (other for other in mine if other.present is not tag.present):
            first, last = max(tag.first_frame, other.first_frame), min(tag.last_frame, other.last_frame)
            if first <= last:
                name = names[tag.category_id]
                yield tag.video_id, f"frame {first} is said both to show {name!r} and not to; keep one of the two"
        mine.append(tag)


def against_labels(
    tags: Sequence[CategoryTag], labels: Sequence[FrameLabel], names: Mapping[int, str]
) -> Iterator[str]:
    """Yield in words what tags of a video say against what people drew in it, the first frame of each tag.

    Args:
        names: of the categories, by number.
    """
    drawn = {label.frame.frame_idx: label for label in labels}
    for tag in tags:
        for frame in (frame for frame in sorted(drawn) if frame in tag.frames):
            shows = any(mask.category_id == tag.category_id for mask in drawn[frame].objects)
            name = names[tag.category_id]
            if tag.present is False and shows:
                yield (
                    f"frames {tag.first_frame} to {tag.last_frame} are said to show no {name!r}, and somebody drew one "
                    f"in frame {frame}; leave that frame out, or correct its label"
                )
                break
            if tag.present and drawn[frame].complete and not shows:
                yield (
                    f"frames {tag.first_frame} to {tag.last_frame} are said to show {name!r}, and whoever labelled "
                    f"frame {frame} drew none; leave that frame out, or correct its label"
                )
                break


_INSERT = "INSERT INTO category_tag SELECT coalesce(max(tag_id), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ? FROM category_tag"

_ROWS = """
SELECT video_id, first_frame, last_frame, category_id, present FROM category_tag
WHERE $1 IS NULL OR said_at <= $1 ORDER BY tag_id
"""
