"""The kinds of fault, by name."""

from tests.faults.framework import Family
from tests.faults.kinds.backends import Inbox
from tests.faults.kinds.clock import JumpingClock
from tests.faults.kinds.disk import FullDisk
from tests.faults.kinds.engines import DisturbedEngine
from tests.faults.kinds.files import DamagedFile, KilledCheckpoint
from tests.faults.kinds.hangs import Hanging
from tests.faults.kinds.kills import KilledStep
from tests.faults.kinds.ledger_file import CutLedger, LockedLedger, ReplacedLedger, TornLog
from tests.faults.kinds.runs import KilledRun
from tests.faults.kinds.server import KilledServer
from tests.faults.kinds.server_disk import FullServer

FAMILIES: dict[str, type[Family]] = {
    family.name: family
    for family in (
        KilledStep,
        KilledRun,
        KilledCheckpoint,
        KilledServer,
        Inbox,
        FullDisk,
        FullServer,
        LockedLedger,
        CutLedger,
        ReplacedLedger,
        TornLog,
        JumpingClock,
        DamagedFile,
        Hanging,
        DisturbedEngine,
    )
}
