"""The ledger: every round, step, prediction, request, answer and result, behind typed operations.

SQL stays in this package. Each operation is one transaction; big arrays travel as Arrow tables, masks of whole
videos lie in Parquet files beside the ledger and are named here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from al_core.ledger.campaign.audit_requests import AuditRequestOperations
from al_core.ledger.campaign.audits import AuditOperations
from al_core.ledger.campaign.categories import CategoryOperations
from al_core.ledger.campaign.category_tags import TagOperations
from al_core.ledger.campaign.curation import CurationOperations
from al_core.ledger.campaign.deliveries import DeliveryOperations
from al_core.ledger.campaign.loop_state import Round, RoundOperations, Step
from al_core.ledger.campaign.predicted import PredictionOperations
from al_core.ledger.campaign.purging import PurgeOperations
from al_core.ledger.campaign.shot_cuts import ShotOperations
from al_core.ledger.campaign.steering import SteeringOperations
from al_core.ledger.campaign.videos import VideoOperations
from al_core.ledger.file.connection import Connector
from al_core.ledger.file.copies import CopyOperations
from al_core.ledger.file.ledger_clock import Clock, system_time
from al_core.ledger.labelling.answers_given import GivenOperations
from al_core.ledger.labelling.holdouts import HoldoutOperations
from al_core.ledger.labelling.imports import ImportOperations
from al_core.ledger.labelling.labels import LabelOperations
from al_core.ledger.labelling.notes import NoteOperations
from al_core.ledger.labelling.people import PeopleOperations
from al_core.ledger.labelling.queue import QueueOperations
from al_core.ledger.labelling.reviews import ReviewOperations
from al_core.ledger.labelling.revisions import RevisionOperations
from al_core.ledger.labelling.tracked import TrackedOperations
from al_core.ledger.labelling.withdrawals import WithdrawalOperations

__all__ = ["Ledger", "Round", "Step"]


class Ledger(
    VideoOperations,
    CategoryOperations,
    CurationOperations,
    PurgeOperations,
    ShotOperations,
    TagOperations,
    RoundOperations,
    SteeringOperations,
    PredictionOperations,
    LabelOperations,
    HoldoutOperations,
    ImportOperations,
    QueueOperations,
    RevisionOperations,
    ReviewOperations,
    NoteOperations,
    TrackedOperations,
    WithdrawalOperations,
    GivenOperations,
    AuditRequestOperations,
    PeopleOperations,
    DeliveryOperations,
    AuditOperations,
    CopyOperations,
):
    """Typed operations over one ledger file.

    Args:
        path: the DuckDB file; made when it is not there.
        patience: seconds to wait for another process that holds the file.
        on_wait: called now and then while that lasts; what it raises ends the wait.
        clock: gives the time that operations go by, UTC without zone.
    """

    def __init__(
        self, path: Path, patience: float = 60.0, on_wait: Callable[[], None] | None = None, clock: Clock = system_time
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connector = Connector(path, patience, on_wait, clock)
        self.path = path

    @property
    def is_at_hand(self) -> bool:
        """Tell whether this process owns the file, so that what is small is read without waiting for anybody."""
        return self._connector.is_at_hand

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the file open over several operations, which saves opening it for each; other processes wait."""
        with self._connector.session():
            yield

    @contextmanager
    def lingering(self) -> Iterator[None]:
        """Keep the file open for a moment after each operation of the block, for one that follows closely."""
        with self._connector.lingering():
            yield

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Own the file until the block ends: other processes cannot open it, threads of this one read side by side.

        Raises:
            LedgerBusy: another process has the file.
        """
        with self._connector.owned():
            yield
