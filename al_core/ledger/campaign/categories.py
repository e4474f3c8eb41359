"""Categories: what they are called and look like, and what becomes of labels when they are merged or removed.

No row of a label is ever changed. A category that was merged or removed has a row that says since when, and masks are
read with what their category stands for at the time that is asked for: a round that is taken up again sees the
categories that its answers were complete with.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import duckdb

from al_core.errors import BadSettings, UnknownName
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, reads, writes
from al_core.records import IGNORE_CATEGORY, DeliveredMask, MaskLabel

KEYS = tuple("123456789")
LONGEST_NAME = 80
LONGEST_TEXT = 2_000
LARGEST_EXAMPLE = 512 * 1024
"""Bytes of an example picture."""

GONE = IGNORE_CATEGORY
"""What a category stands for that was removed."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_M = TypeVar("_M", MaskLabel, DeliveredMask)


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of object, as people are shown it.

    Attributes:
        colour: ``#rrggbb``, or empty.
        key: digit that chooses it on the page, 1 to 9, or empty.
        has_example: whether there is a picture of one.
    """

    category_id: int
    name: str
    colour: str = ""
    description: str = ""
    key: str = ""
    has_example: bool = False

    def check(self) -> None:
        """Refuse what people cannot be shown.

        Raises:
            BadSettings: a colour, key or description that is none.
        """
        if self.colour and not _COLOUR.fullmatch(self.colour):
            raise BadSettings(f"expected a colour such as #3366cc, got {self.colour!r}")
        if self.key and self.key not in KEYS:
            raise BadSettings(f"the key of a category is a digit from 1 to 9, got {self.key!r}")
        if len(self.description) > LONGEST_TEXT:
            raise BadSettings(f"a description has at most {LONGEST_TEXT} letters, got {len(self.description)}")


@dataclass(frozen=True, slots=True)
class CategoryUse:
    """What has a category: masks that people drew, and frames with such a mask."""

    masks: int
    frames: int


class CategoryOperations(Operations):
    """Categories are added and changed while rounds go on; a round works with those of its own time."""

    @writes
    def set_category(
        self,
        name: str,
        who: str,
        colour: str | None = None,
        description: str | None = None,
        key: str | None = None,
        example: bytes | None = None,
    ) -> Category:
        """Add a category, or change what is said of one that is there; what is None stays as it is.

        Args:
            example: a picture file (JPEG or PNG) of at most ``LARGEST_EXAMPLE`` bytes.

        Raises:
            BadSettings: a name, colour, key or picture that cannot be used, or that another category has.
        """
        check_category_name(name)
        if example is not None and len(example) > LARGEST_EXAMPLE:
            raise BadSettings(f"an example picture has at most {LARGEST_EXAMPLE:,} bytes, got {len(example):,}")
        with self._connector.transaction() as connection:
            _refuse_alike(connection, name)
            known = {c.name: c for c in _described(connection)}
            new = name not in known
            category = known.get(name, Category(known_categories(connection, [name])[name], name))
            changed = replace(
                category,
                colour=category.colour if colour is None else colour,
                description=category.description if description is None else description,
                key=category.key if key is None else key,
            )
            changed.check()
            taken = [c.name for c in known.values() if c.key and c.key == changed.key and c.name != name]
            if taken:
                raise BadSettings(f"the key {changed.key} is that of {taken[0]!r}; choose another one")
            connection.execute(
                "INSERT INTO category_detail VALUES ($id, $colour, $description, $key, $example) ON CONFLICT DO UPDATE "
                "SET colour = excluded.colour, description = excluded.description, key = excluded.key, "
                "example = coalesce(excluded.example, example)",
                {
                    "id": changed.category_id, "colour": changed.colour, "description": changed.description,
                    "key": changed.key, "example": example,
                },
            )  # fmt: skip
            log(connection, who, "add category" if new else "change category", name)
        return replace(changed, has_example=changed.has_example or example is not None)

    @writes
    def rename_category(self, name: str, new: str, who: str) -> None:
        """Call a category otherwise; its labels, and what the student knows of it, stay.

        Raises:
            UnknownName: there is no such category.
            BadSettings: the new name cannot be used, or is or was another category's.
        """
        check_category_name(new)
        with self._connector.transaction() as connection:
            number = _standing_id(connection, name)
            _refuse_alike(connection, new, but=name)
            if connection.execute("SELECT 1 FROM category WHERE name = ?", [new]).fetchone():
                raise BadSettings(
                    f"there is or was a category {new!r}; merge into it with: fewframes category merge, or choose "
                    "another name"
                )
            connection.execute("UPDATE category SET name = ? WHERE category_id = ?", [new, number])
            log(connection, who, "rename category", name, f"to {new}")

    @writes
    def merge_category(self, name: str, into: str, who: str) -> CategoryUse:
        """Let a category be another one from now on, with all its labels; returns what had it.

        Raises:
            UnknownName: there is no such category.
            BadSettings: both are the same.
        """
        with self._connector.transaction() as connection:
            number, target = _standing_id(connection, name), _standing_id(connection, into)
            if number == target:
                raise BadSettings(f"a category is merged into another one, got {name!r} twice")
            used = _use(connection, number)
            _end(connection, number, target, who)
            log(connection, who, "merge category", name, f"into {into}")
        return used

    @writes
    def remove_category(self, name: str, who: str) -> CategoryUse:
        """Offer a category no more; masks of it stay stored and count as background. Returns what has it.

        Raises:
            UnknownName: there is no such category.
            BadSettings: it is the only one.
        """
        with self._connector.transaction() as connection:
            number = _standing_id(connection, name)
            if len(_described(connection)) == 1:
                raise BadSettings(f"{name!r} is the only category; add another one first, or rename it")
            used = _use(connection, number)
            _end(connection, number, None, who)
            log(connection, who, "remove category", name, f"{used.masks} masks stay stored")
        return used

    @reads
    def described_categories(self) -> list[Category]:
        """Return the categories that stand with all that people are shown of them, by id."""
        with self._connector.session() as connection:
            return _described(connection)

    @reads
    def category_names(self) -> dict[int, str]:
        """Return the names of all categories there ever were, by id: for what was delivered with them."""
        return dict(self._rows("SELECT category_id, name FROM category ORDER BY 1"))

    @reads
    def category_ids(self) -> dict[str, int]:
        """Return the number that each name means in an answer: names of categories that stand, and of those that were
        merged into one, which somebody may still have in hand."""
        with self._connector.session() as connection:
            return known_categories(connection, ())

    @reads
    def category_uses(self) -> dict[int, CategoryUse]:
        """Count the masks that people drew, by what their category stands for."""
        with self._connector.session() as connection:
            return {c.category_id: _use(connection, c.category_id) for c in _described(connection)}

    @reads
    def category_example(self, category_id: int) -> bytes | None:
        """Return the example picture of a category, a JPEG or PNG file, or None."""
        rows = self._rows("SELECT example FROM category_detail WHERE category_id = ?", [category_id])
        return rows[0][0] if rows else None

    @reads
    def ended_categories(self, as_of: datetime | None = None) -> dict[int, int]:
        """Return what each category that was merged or removed stands for, ``GONE`` for nothing; see
        :func:`standing`."""
        with self._connector.session() as connection:
            return stands_for(connection, as_of)

    # ---- the guide

    @writes
    def put_guide(self, text: str, who: str) -> None:
        """Keep the instruction that people read on the page, in the place of the one before; empty for none."""
        with self._connector.transaction() as connection:
            connection.execute(
                "INSERT INTO guide SELECT coalesce(max(guide_id), 0) + 1, ?, ?, ? FROM guide", [text, who, now()]
            )
            log(connection, who, "guide", detail=f"{len(text)} letters")

    @reads
    def guide(self) -> str:
        """Return the instruction that people read on the page, as it was written; empty where there is none."""
        rows = self._rows("SELECT text FROM guide ORDER BY guide_id DESC LIMIT 1")
        return rows[0][0] if rows else ""


def check_category_name(name: str) -> None:
    """Refuse what is no name of one category.

    Raises:
        BadSettings: it is empty, a list, has spaces around it, cannot be printed, is too long, or means regions to
            ignore.
    """
    if not name.strip() or "," in name or name != name.strip() or not name.isprintable():
        raise BadSettings(f"expected the name of one category, e.g. 'car', got {name!r}")
    if len(name) > LONGEST_NAME:
        raise BadSettings(f"the name of a category has at most {LONGEST_NAME} letters, got {len(name)}")
    if name.lower() == "ignore":
        # The page would offer the word twice, for an object and for what is none.
        raise BadSettings(
            f"{name!r} is what the page calls regions that nobody can tell; give the category another name"
        )


def stands_for(connection: duckdb.DuckDBPyConnection, as_of: datetime | None = None) -> dict[int, int]:
    """Return what each category that was merged or removed by a time (None: now) stands for, chains followed."""
    rows = connection.execute(
        "SELECT category_id, coalesce(into_id, 0) FROM category_end WHERE ($1 IS NULL OR ended_at <= $1) "
        "AND (revived_at IS NULL OR revived_at > $1)",
        [as_of],
    ).fetchall()
    into: dict[int, int] = dict(rows)

    def end_of(number: int) -> int:
        while number in into:
            number = into[number]
        return number

    return {number: end_of(number) for number in into}


def standing(masks: Iterable[_M], ended: Mapping[int, int]) -> Sequence[_M]:
    """Return masks with the categories that theirs stand for; those whose category was removed are left out."""
    if not ended:
        return tuple(masks)
    known = [(mask, ended.get(mask.category_id, mask.category_id)) for mask in masks]
    return tuple(
        mask if number == mask.category_id else replace(mask, category_id=number)
        for mask, number in known
        if number != GONE or mask.category_id == IGNORE_CATEGORY
    )


def known_categories(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, int]:
    """Make sure that every name has an id, within a transaction; returns all of them.

    A name that was merged has the id of what it was merged into; one that was removed stands again.
    """
    known: dict[str, int] = dict(connection.execute("SELECT name, category_id FROM category").fetchall())
    ended = stands_for(connection)
    for name in names:
        if name not in known:
            known[name] = max(known.values(), default=0) + 1
            connection.execute("INSERT INTO category VALUES (?, ?)", [known[name], name])
        elif ended.get(known[name]) == GONE:
            connection.execute(
                "UPDATE category_end SET revived_at = ? WHERE category_id = ? AND revived_at IS NULL",
                [now(), known[name]],
            )
            ended = stands_for(connection)
    return {name: ended.get(number, number) for name, number in known.items() if ended.get(number) != GONE}


def _described(connection: duckdb.DuckDBPyConnection) -> list[Category]:
    ended = stands_for(connection)
    rows = connection.execute(
        "SELECT category_id, name, coalesce(colour, ''), coalesce(description, ''), coalesce(key, ''), "
        "example IS NOT NULL FROM category LEFT JOIN category_detail USING (category_id) ORDER BY 1"
    ).fetchall()
    return [Category(*row) for row in rows if row[0] not in ended]


def _standing_id(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    known = {category.name: category.category_id for category in _described(connection)}
    if name not in known:
        raise UnknownName("category", name, known)
    return known[name]


def _refuse_alike(connection: duckdb.DuckDBPyConnection, name: str, but: str = "") -> None:
    """Refuse a new name that differs from another one by capital letters only, or that was merged away."""
    ended = stands_for(connection)
    for number, known in connection.execute("SELECT category_id, name FROM category").fetchall():
        if known == name and ended.get(number, GONE) != GONE:
            raise BadSettings(f"the category {name!r} was merged into another one; choose another name")
        if known not in (name, but) and known.casefold() == name.casefold() and number not in ended:
            raise BadSettings(f"there is a category {known!r} already, which differs from {name!r} by capital letters")


def _end(connection: duckdb.DuckDBPyConnection, number: int, into: int | None, who: str) -> None:
    connection.execute("INSERT INTO category_end VALUES (?, ?, ?, ?, NULL)", [number, into, who, now()])
    connection.execute("UPDATE category_detail SET key = '' WHERE category_id = ?", [number])
    target = "DELETE FROM video_category WHERE category_id = $old" if into is None else _TAKE_OVER
    connection.execute(target, {"old": number} if into is None else {"old": number, "new": into})


_TAKE_OVER = "UPDATE video_category SET category_id = $new WHERE category_id = $old"


def _use(connection: duckdb.DuckDBPyConnection, number: int) -> CategoryUse:
    ended = stands_for(connection)
    mine = [number, *(old for old, now_is in ended.items() if now_is == number)]
    row = connection.execute(
        "SELECT count(*), count(DISTINCT (l.video_id, l.frame_idx)) FROM label l JOIN answer_current USING (answer_id) "
        "WHERE category_id IN (SELECT unnest(?::INTEGER[]))",
        [mine],
    ).fetchall()[0]
    return CategoryUse(*row)
