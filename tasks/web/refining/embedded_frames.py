"""SAM 2 on the page, where the settings name its weights: frames are looked at before anybody has them in hand."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from al_core.errors import FewframesError
from al_core.records import FrameRef
from tasks.processes.supervisor import PeriodicThread

if TYPE_CHECKING:
    from al_core.interactive.prompted_refiner import Embedding, PromptedRefiner
    from al_core.networks.segment_anything import SegmentAnything

_log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0

NICENESS = 10
"""Of the thread that looks ahead: people's requests come first."""

MAX_BYTES = 500_000_000
"""Of embeddings: 60 frames of 1,024 pixels."""


class EmbeddedFrames:
    """The network of the page and what it sees in frames that wait, as far as that fits into memory. What was used last
    goes last.

    While the block lasts, a thread looks at frames as they enter the queue. May be used from several threads.

    Args:
        weights: gives the folder that the newest settings name; empty for none.
        waiting: gives the frames that people will get, the next one first.
        read: gives a frame, RGB uint8 [h, w, 3].
        max_bytes: that embeddings may take.
    """

    def __init__(
        self,
        weights: Callable[[], str],
        waiting: Callable[[], Iterable[FrameRef]],
        read: Callable[[FrameRef], NDArray[np.uint8]],
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._weights = weights
        self._waiting = waiting
        self._read = read
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._folder = ""
        self._model: SegmentAnything | None = None
        self._kept: LRUCache[FrameRef, Embedding] = LRUCache(max_bytes)
        self._making: dict[tuple[SegmentAnything, FrameRef], Future[Embedding]] = {}
        self._ending = threading.Event()
        self._thread = PeriodicThread("frames that wait", LOOK_SECONDS, self._look_beside)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.__exit__(*error)

    @property
    def n_bytes(self) -> int:
        """Bytes that embeddings take."""
        with self._lock:
            return int(self._kept.currsize)

    def __contains__(self, frame: FrameRef) -> bool:
        with self._lock:
            return frame in self._kept

    def refiner(self, frame: FrameRef) -> "PromptedRefiner | None":
        """Return what makes masks of gestures in a frame; None where there is no network."""
        with self._lock:
            model = self._model
        if model is None:
            return None
        from al_core.interactive.prompted_refiner import PromptedRefiner

        return PromptedRefiner(model, lambda: self._embedding(model, frame))

    def look(self) -> None:
        """Read the network that the settings name, or let go of it, and look at the frames that wait.

        A network that cannot be read is told once, and done without.
        """
        folder = self._weights()
        if folder != self._folder:
            self._exchange(folder)
        if self._model is not None:
            self._look_ahead(self._model)

    def _look_beside(self) -> None:
        """Look with what others leave of the processor; only on Linux has a thread a priority of its own."""
        if sys.platform == "linux":
            mine = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, mine, max(NICENESS, os.getpriority(os.PRIO_PROCESS, mine)))
        self.look()

    def _exchange(self, folder: str) -> None:
        self._let_go(folder)
        if not folder:
            return
        # A server whose page uses no network starts without torch.
        from al_core.interactive.prompted_refiner import embedding_bytes
        from al_core.networks.segment_anything import load_network

        try:
            model = load_network(folder, "image")
        except FewframesError as error:
            _log.warning("clicks and boxes are done without SAM 2: %s", error)
            return
        with self._lock:
            self._model = model
            self._kept = LRUCache(self._max_bytes, getsizeof=embedding_bytes)

    def _let_go(self, folder: str) -> None:
        """Forget the network of before, and what it saw."""
        with self._lock:
            self._folder, self._model = folder, None
            self._kept = LRUCache(self._max_bytes)

    def _look_ahead(self, model: "SegmentAnything") -> None:
        from al_core.interactive.prompted_refiner import embedding_bytes

        room = self._max_bytes
        for frame in self._waiting():
            if self._ending.is_set():
                return
            try:
                size = embedding_bytes(self._embedding(model, frame))
            except FewframesError:
                # Who gets the frame is told.
                continue
            room -= size
            if room < size:
                return

    def _embedding(self, model: "SegmentAnything", frame: FrameRef) -> "Embedding":
        """Return what the network sees in a frame; two who ask at once wait for one look."""
        with self._lock:
            kept = self._kept.get(frame) if self._model is model else None
            if kept is not None:
                return kept
            making = self._making.get((model, frame))
            if making is None:
                mine: Future[Embedding] = Future()
                self._making[model, frame] = mine
        return making.result() if making is not None else self._seen(model, frame, mine)

    def _seen(self, model: "SegmentAnything", frame: FrameRef, mine: "Future[Embedding]") -> "Embedding":
        from al_core.interactive.prompted_refiner import embed, embedding_bytes

        try:
            embedding = embed(model, self._read(frame))
        except BaseException as error:
            mine.set_exception(error)
            with self._lock:
                del self._making[model, frame]
            raise
        mine.set_result(embedding)
        with self._lock:
            del self._making[model, frame]
            if self._model is model and embedding_bytes(embedding) <= self._max_bytes:
                self._kept[frame] = embedding
        return embedding
