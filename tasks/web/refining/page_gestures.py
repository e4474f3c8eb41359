"""Which refiner answers a gesture, and whether anybody still waits for the answer."""

import logging
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cachetools import TTLCache

from al_core.errors import FewframesError
from al_core.interactive.refiner import REFINERS, PlainRefiner, Refiner
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import LEARNED
from tasks.models.page_refiner import PageRefiner, newest_refiner, read_page_refiner

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 10.0


class Superseded(Exception):
    """A newer gesture for the same object came: nobody waits for this mask."""


@dataclass(frozen=True, eq=False, slots=True)
class _Gesture:
    made_at: int


class PageGestures:
    """The refiner of the page, read beside the work, and the gestures at work. May be used from several threads.

    Args:
        chosen: gives the name of the refiner that the newest settings ask for.
    """

    def __init__(self, project: Project, ledger: Ledger, chosen: Callable[[], str] = lambda: LEARNED) -> None:
        self._chosen = chosen
        self._named: dict[str, Refiner | None] = {LEARNED: None}
        self._project = project
        self._ledger = ledger
        self._lock = threading.Lock()
        self._newest: TTLCache[str, PageRefiner] = TTLCache(1, _LOOK_SECONDS)
        self._used: Refiner = PlainRefiner()
        self._used_sha256 = ""
        self._reading: threading.Thread | None = None
        self._gestures: dict[Hashable, _Gesture] = {}

    def named(self) -> Refiner | None:
        """Return the refiner that the settings name; None where it is the learned one, or cannot be imported here,
        which is told once in the log."""
        name = self._chosen()
        with self._lock:
            if name not in self._named:
                self._named[name] = None
                try:
                    self._named[name] = REFINERS[name]()
                except FewframesError as error:
                    _log.warning("annotator.refiner: %s; gestures are done with what is learned", error)
            return self._named[name]

    def refiner(self) -> Refiner:
        """Return the refiner that the ledger names; while its network is read, that of before.

        Reading takes seconds the first time, since torch is loaded then. A network that cannot be read is told once in
        the log, and done without.
        """
        with self._lock:
            wanted = self._wanted()
            if wanted.sha256 != self._used_sha256 and self._reading is None:
                self._reading = threading.Thread(target=self._read, args=(wanted,), daemon=True, name="refiner")
                self._reading.start()
            return self._used

    def wait(self, seconds: float) -> None:
        """Wait until nothing is being read any more, so many seconds at most."""
        with self._lock:
            reading = self._reading
        if reading is not None:
            reading.join(seconds)

    @contextmanager
    def at_work(self, subject: Hashable, made_at: int = 0) -> Iterator[Callable[[], None]]:
        """Take on a gesture for an object; an earlier one for it has no meaning any more.

        Args:
            made_at: gestures may overtake each other on their way: one that was made before another that is at work is
                the earlier one. Any clock that all of an object's gestures share.

        Yields:
            What raises :class:`Superseded` once a newer gesture for the same object came.
        """
        mine = _Gesture(made_at)
        with self._lock:
            other = self._gestures.get(subject)
            if other is None or other.made_at <= made_at:
                self._gestures[subject] = mine

        def going_on() -> None:
            with self._lock:
                newest = self._gestures.get(subject)
            if newest is not mine:
                raise Superseded

        try:
            yield going_on
        finally:
            with self._lock:
                if self._gestures.get(subject) is mine:
                    del self._gestures[subject]

    @property
    def n_at_work(self) -> int:
        """How many gestures are at work."""
        with self._lock:
            return len(self._gestures)

    def supersede(self, subject: Hashable) -> None:
        """Let what is at work for a subject have no meaning any more."""
        with self._lock:
            self._gestures.pop(subject, None)

    def _wanted(self) -> PageRefiner:
        found = self._newest.get("")
        if found is None:
            found = newest_refiner(self._ledger)
            # What the page makes without a network needs none.
            found = found if found.learned else PageRefiner()
            self._newest[""] = found
        return found

    def _read(self, wanted: PageRefiner) -> None:
        refiner: Refiner = PlainRefiner()
        try:
            if wanted.learned:
                refiner = read_page_refiner(self._project, wanted)
        except FewframesError as error:
            _log.warning("clicks and boxes are done without learning: %s", error)
        finally:
            with self._lock:
                self._used, self._used_sha256, self._reading = refiner, wanted.sha256, None
