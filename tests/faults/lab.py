"""What the families share: campaigns that nobody disturbed, made once."""

from functools import cached_property
from pathlib import Path

from tasks.ledger.client import open_ledger
from tasks.project.backup import back_up
from tests.faults.campaign import Undisturbed, run_undisturbed
from tests.faults.framework import Loss


class Lab:
    """Makes what is asked for when it is asked for first.

    Args:
        folder: an empty folder.
        rounds: of the undisturbed campaign.
    """

    def __init__(self, folder: Path, rounds: int = 2) -> None:
        self.folder = folder
        self.rounds = rounds

    @cached_property
    def undisturbed(self) -> Undisturbed:
        """A campaign, step by step.

        Raises:
            SystemExit: it did not go through: there is nothing to compare disturbed ones with.
        """
        try:
            return run_undisturbed(self.folder / "undisturbed", self.rounds)
        except Loss as error:
            raise SystemExit(f"the undisturbed campaign did not go through: {error}") from error

    @cached_property
    def backup(self) -> Path:
        """A backup of the finished campaign."""
        project = self.undisturbed.finished(self.folder / "to_back_up")
        return back_up(project, open_ledger(project), self.folder / "backup.tar").path
