"""What a project has reached, for people: one HTML page, and tables for the terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from al_core.ledger.store import Ledger
    from al_core.project import Project
    from al_core.records import Progress
    from al_core.stores.frames import FrameStore

__all__ = ["write_report"]


def write_report(
    project: "Project",
    ledger: "Ledger",
    frames: "FrameStore",
    out: Path,
    on_progress: "Callable[[Progress], None] | None" = None,
) -> Path:
    """Write one self-contained HTML page that opens without a network; an older page is replaced whole.

    Args:
        on_progress: told the videos looked at so far.

    Returns:
        ``out``.
    """
    from al_core.files import write_whole
    from tasks.report.content import gather
    from tasks.report.pages import report_page

    write_whole(out, report_page.render(gather(project, ledger, frames, on_progress)).encode())
    return out
