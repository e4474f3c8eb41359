"""One family of errors. Every message says what was expected, what came and what to do."""

import errno
import re
import shutil
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path


class FewframesError(Exception):
    """Anything that a person can mend: the command line prints the message without a traceback."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from, each once: chains of errors that were raised again may run in a circle."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" where a known name is close, else nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def first_line(error: BaseException) -> str:
    """Return what an error says in one line of 300 letters at most; its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


_NAMES_TOLD = 20
"""Known names that an error lists at most: 120 settings would bury what the error says."""


class UnknownName(FewframesError):
    """A name that is in no table; the message lists the known ones, where they are given.

    Of many, it lists those of the same section where the name has one ("selection.strategy"), and none beside a close
    one.
    """

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = did_you_mean(name, names)
        told = names
        if len(names) > _NAMES_TOLD:
            section = name.partition(".")[0] + "."
            alike = [other for other in names if other.startswith(section)]
            sections = list(dict.fromkeys(re.sub(r"\..*", ".*", other) for other in names))
            told = [] if close else (alike or sections)[:_NAMES_TOLD]
        listed = f"; known: {', '.join(told)}" if told else ""
        more = f" ({len(names)} in all)" if told and told != names else ""
        super().__init__(f"unknown {what} {name!r}{listed}{more}{'.' if names else ''}{close}")


class BadSettings(FewframesError):
    """A settings file or option that cannot be used; the message names the field."""


class BadVideo(FewframesError):
    """A video or folder of frames that cannot be read whole."""


class BadLabel(FewframesError):
    """A label that does not fit its frame: wrong size, unknown category, no such frame."""


class BadPerson(FewframesError):
    """A person who cannot be added, or may not do what was asked."""


class BadAudit(FewframesError):
    """An audit that cannot be drawn, answered or certified as asked; the message says what is missing."""


class BadRecords(FewframesError):
    """Records of simulated campaigns that cannot be read or compared."""


class EmptyPool(FewframesError):
    """No frame is left to choose from."""


class LedgerConflict(FewframesError):
    """Another process owns the ledger, or a row was changed by someone else first."""


class LedgerBusy(LedgerConflict):
    """Nothing was done, because another process has the ledger or its owner does not answer: trying again is safe."""


class StaleLease(LedgerConflict):
    """A person no longer holds the frame; ``owner`` is who holds it or answered it, None where nobody does.

    Nothing was stored.
    """

    def __init__(self, message: str, owner: str | None = None) -> None:
        super().__init__(message)
        self.owner = owner


class RunLocked(FewframesError):
    """Another process runs the rounds of the project; there is one at a time."""


class LedgerCorrupt(FewframesError):
    """The ledger file cannot be read as one."""


class NewerLedger(FewframesError):
    """A ledger of a later version of fewframes: it may be read as far as this one understands it, and not written."""


class ReadOnly(FewframesError):
    """A project that may be read and cannot be written: on a read-only disk, in an archive, or somebody else's."""

    @classmethod
    def at(cls, folder: Path) -> "ReadOnly":
        """Return the error for the folder of a project."""
        return cls(
            f"{folder} is read-only: status, export, report, sql, versions, diff and backup work on it; to change it, "
            "copy it to a place that can be written, or get the right to write its files"
        )


class DamagedFile(FewframesError):
    """A file that the project made is gone or cannot be read; what it held can be made again from the ledger."""


class NotReady(FewframesError):
    """What was asked for does not exist yet; the message says what makes it."""


class BadQuery(FewframesError):
    """A question to the ledger that cannot be answered."""


class BadBackup(FewframesError):
    """A file that is no whole backup."""


class NoSpace(FewframesError):
    """A file could not be written; what was there before is as it was."""

    @classmethod
    def at(cls, folder: Path, or_what: str = "") -> "NoSpace":
        """Return the error for a folder on a full disk; ``or_what`` is what else it may be."""
        free = shutil.disk_usage(folder).free
        return cls(
            f"the disk of {folder} is full ({free / 1e6:,.1f} MB free){or_what}: nothing was changed; make room, then "
            "give the same command again"
        )

    @classmethod
    def caused_by(cls, error: OSError, folder: Path) -> "NoSpace | None":
        """Return the error where the system says that the disk is full; None for any other error of the system."""
        if error.errno == errno.EFBIG:
            return cls.at(folder, ", or a file grew beyond what the system allows")
        return cls.at(folder) if error.errno in (errno.ENOSPC, errno.EDQUOT) else None


class OutOfMemory(FewframesError):
    """Memory ran out, of the machine, of a container or of a GPU; what to lower stands in the message."""

    @staticmethod
    def seen_in(error: BaseException) -> bool:
        """Tell whether an error, of whichever library, means that there was no memory left."""
        return any(
            isinstance(cause, MemoryError | OutOfMemory)
            or any(part in f"{type(cause).__name__}: {cause}".lower() for part in _NO_MEMORY)
            for cause in causes(error)
        )


_NO_MEMORY = (
    "out of memory",
    "outofmemoryerror",
    "can't allocate memory",
    "cannot allocate memory",
    "unable to allocate",
    "insufficient memory",
    "std::bad_alloc",
    "status_alloc_failed",
)
"""What torch, CUDA, NumPy, OpenCV and the system say when there is no memory left, in lower case."""


class BadAddress(FewframesError):
    """An address that the project cannot be served at."""


class MissingDependency(FewframesError):
    """A package, operator or file that this step needs is not there."""


class OutputExists(FewframesError):
    """Something lies where an output should go, and it must not be replaced."""


class BadCheckpoint(FewframesError):
    """A file of weights that is not there, is damaged, or does not fit the student."""


class TrainingDiverged(FewframesError):
    """The loss is no longer a number."""


class WorkerLost(FewframesError):
    """A worker process ended before its work was done; what others did is kept."""


class VersionsDiffer(FewframesError):
    """A worker of another version: what it makes might differ, so it is given nothing."""


class ToolUnreachable(FewframesError):
    """A labelling tool does not answer, or refuses what it is asked; nothing is lost, trying again is safe."""
