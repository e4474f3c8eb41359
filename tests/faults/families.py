"""The kinds of fault, by name."""

from tests.faults.backends import Inbox
from tests.faults.clock import JumpingClock
from tests.faults.disk import FullDisk
from tests.faults.files import DamagedFile, KilledCheckpoint
from tests.faults.framework import Family
from tests.faults.hangs import Hanging
from tests.faults.kills import KilledStep
from tests.faults.ledger_file import CutLedger, LockedLedger, ReplacedLedger, TornLog
from tests.faults.runs import KilledRun
from tests.faults.server import KilledServer
from tests.faults.server_disk import FullServer

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
    )
}
