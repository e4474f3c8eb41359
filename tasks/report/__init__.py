"""What a project has reached, for people: one HTML page, and tables for the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from al_core.ledger.store import Ledger
    from al_core.project import Project
    from al_core.stores.frames import FrameStore

__all__ = ["write_report"]


def write_report(project: "Project", ledger: "Ledger", frames: "FrameStore", out: Path) -> Path:
    """Write one self-contained HTML page that opens without a network; an older page is replaced whole.

    Returns:
        ``out``.
    """
    from tasks.report.pages.report_page import write_page

    return write_page(project, ledger, frames, out)
