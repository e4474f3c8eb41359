"""Read, plan and store an import."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from al_core.exchange.frame_names import Matcher, Template
from al_core.exchange.readers.detection import label_sources
from al_core.ledger.labelling.imports import frame_columns, mask_columns
from al_core.ledger.store import Ledger
from al_core.records import IGNORE_TRACK, LabelKind, Progress
from tasks.imports.import_plan import ImportPlan, Wish, plan_import
from tasks.imports.reading import read_all


def plan_files(
    ledger: Ledger,
    paths: Sequence[Path],
    wish: Wish,
    template: Template | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ImportPlan:
    """Read files and work out what an import of them would store; nothing is stored.

    Raises:
        BadLabel: a file cannot be read at all, or the template does not fit the project.
        UnknownName: a category is to be renamed that no file has.
    """
    matcher = Matcher(ledger.videos(), lambda video: ledger.frame_times_us(video).tolist(), template)
    return plan_import(ledger, read_all(label_sources(paths), matcher, on_progress), wish)


def store(ledger: Ledger, plan: ImportPlan) -> None:
    """Store what was planned, in one transaction; nothing happens where nothing is new.

    Raises:
        LedgerConflict: somebody labelled one of the frames since it was planned; nothing is stored.
    """
    if not plan.frames:
        return
    wish = plan.wish
    categories = plan.new_categories
    ledger.put_import(wish.purpose, wish.author, plan.files, _frames(plan), _masks(plan), categories, plan.unnumbered)


def _frames(plan: ImportPlan) -> pa.Table:
    kinds = [(LabelKind.MASK if drawn.masks else LabelKind.ABSENT).value for drawn in plan.frames.values()]
    columns = [[frame.video_id for frame in plan.frames], [frame.frame_idx for frame in plan.frames], kinds]
    return pa.table(columns, schema=frame_columns())


def _masks(plan: ImportPlan) -> pa.Table:
    batches = [pa.RecordBatch.from_pylist(rows, schema=mask_columns()) for rows in _rows(plan)]
    return pa.Table.from_batches(batches, schema=mask_columns())


def _rows(plan: ImportPlan, at_once: int = 10_000) -> Iterator[list[dict[str, object]]]:
    """Yield the masks as rows, so many at a time, so that they are not held twice."""
    rows: list[dict[str, object]] = []
    for frame, drawn in plan.frames.items():
        rows += [
            {
                "video_id": frame.video_id,
                "frame_idx": frame.frame_idx,
                "track_id": mask.track_id,
                "category": None if mask.track_id == IGNORE_TRACK else mask.category,
                "rle_counts": mask.rle.counts.encode("ascii"),
                "attributes": list(mask.attributes) or None,
            }
            for mask in drawn.masks
        ]
        if len(rows) >= at_once:
            yield rows
            rows = []
    if rows:
        yield rows
