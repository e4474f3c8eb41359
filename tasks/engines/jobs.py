"""A piece of a step's work that may be done anywhere, and the one function that does it there."""

import faulthandler
import os
import pickle
import platform
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from al_core.errors import BadVideo, FewframesError, VersionsDiffer
from al_core.fingerprint import code_version
from al_core.records import Video
from al_core.settings import ComputeSettings, FrameSettings
from tasks.engines.shared_folder import Files
from tasks.processes.children import use_threads

if TYPE_CHECKING:
    from al_core.stores.frames import FrameStore

T = TypeVar("T")

OWN_FOLDER = "FEWFRAMES_WORKER_FOLDER"
"""The variable of the environment that tells a worker where to keep decoded frames."""


@dataclass
class Place:
    """Where a job is done: what it finds there.

    Attributes:
        files: the way that files come and go.
        cache: folder for decoded frames and flow, of this machine.
        store: the frames of all videos, where the owner of the project works; else each video has its own.
    """

    files: Files
    cache: Path
    store: "Callable[[], FrameStore] | None" = None
    _kept: tuple[Any, Any] | None = field(default=None, repr=False)

    def frames(self, videos: Sequence[Video], settings: FrameSettings) -> "FrameStore":
        """Return the frames of videos.

        Raises:
            BadVideo: this machine does not see one of them.
        """
        if self.store is not None:
            return self.store()
        for video in videos:
            if Path(video.uri).exists():
                continue
            raise BadVideo(
                f"{video.uri}: {socket.gethostname()} does not see the video {video.name!r}; put it back, or mount the "
                "footage at the same path on every machine that works"
            )
        from al_core.stores.frames import FrameStore

        return FrameStore(self.cache / "frames", videos, settings)

    def kept(self, key: Any, make: Callable[[], T]) -> T:
        """Return what was made for the same key last, or make it: a network serves one video after another."""
        if self._kept is None or self._kept[0] != key:
            self._kept = None
            self._kept = (key, make())
        made: T = self._kept[1]
        return made


class Job(Protocol):
    """A whole video, or a seed: what a step gives away at once.

    Attributes:
        name: for people, e.g. "predict bear".
        key: unlike that of the step's other jobs.
    """

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> int: ...
    def work(self, place: Place) -> Any:
        """Do it; writes nothing but files that are handed over, and returns the rest as a value."""


@dataclass(frozen=True)
class Order:
    """A job as a worker gets it.

    Attributes:
        attempt: from 1; a job that is given away once more has the next.
        threads: of numerical libraries; 0 for as many as the worker likes.
        seconds: after which the worker ends itself, since it hangs; 0 for never.
        versions: of the owner, which the worker's must equal.
    """

    job: Job
    attempt: int
    files: Files
    threads: int
    seconds: float
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Delivered:
    """What came of an order, and who did it."""

    key: int
    attempt: int
    value: Any
    worker: str


def carry_out(packed: bytes) -> bytes:
    """Do an order here; takes it, and returns what was :class:`Delivered`, pickled.

    Raises:
        VersionsDiffer: this worker is not the same program as the owner.
        FewframesError: the job cannot be done, here or anywhere.
    """
    try:
        order: Order = pickle.loads(packed)
        check_versions(order.versions, {name_of_worker(): versions()})
        if order.threads:
            use_threads(order.threads)
        with _ending_after(order.seconds):
            value = order.job.work(_place(order.files))
        return pickle.dumps(Delivered(order.job.key, order.attempt, value, name_of_worker()))
    except Exception as error:
        raise _portable(error) from None


def versions() -> dict[str, str]:
    """Return what has to be the same wherever a round is worked on."""
    import numpy as np
    import torch

    return {
        "Python": platform.python_version().rpartition(".")[0],
        "fewframes": code_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def check_versions(wanted: Mapping[str, str], found: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse workers that are not the same program.

    Args:
        wanted: versions by name, of the owner.
        found: the same of workers, by their name.

    Raises:
        VersionsDiffer: names the first worker that differs, and in what.
    """
    for worker, theirs in found.items():
        differ = [f"{name} {theirs.get(name, 'none')} (here {own})" for name, own in wanted.items()
                  if theirs.get(name) != own]  # fmt: skip
        if differ:
            raise VersionsDiffer(
                f"worker {worker} has {', '.join(differ)}: its masks would not be the same; install the same versions "
                "there, start it again, and give the same command"
            )


def name_of_worker() -> str:
    """Return machine and process, as messages name them."""
    return f"{socket.gethostname()}:{os.getpid()}"


def visible_devices(gpus: Sequence[str], per_task: float) -> list[str]:
    """Return for each process of a machine what CUDA_VISIBLE_DEVICES is in it.

    Args:
        gpus: names of the GPUs, as CUDA_VISIBLE_DEVICES lists them.
        per_task: GPUs of a process; below 1 that many processes share one.

    Returns:
        A process takes whole GPUs that no other has, or a share of one; GPUs that are left over take none.

    Example:
        >>> visible_devices(["0", "1", "2"], 2), visible_devices(["0", "1"], 0.5)
        (['0,1'], ['0', '0', '1', '1'])
    """
    if 0 < per_task < 1:
        return [gpu for gpu in gpus for _ in range(int(1 / per_task + 1e-9))]
    whole = int(per_task)
    return [",".join(gpus[first : first + whole]) for first in range(0, len(gpus) - whole + 1, whole)] if whole else []


def gpus_here() -> list[str]:
    """Return the GPUs of this machine that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        return [name for name in told.split(",") if name.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def gpus_taken(compute: ComputeSettings, device: str) -> list[str]:
    """Return the GPUs of this machine that a round's training takes, as CUDA_VISIBLE_DEVICES names them.

    Args:
        device: as ``student.device`` names it; a number counts among the GPUs that this process may use.
    """
    if compute.engine != "local" or device == "cpu":
        return []
    here = gpus_here()
    if compute.gpus_per_task and len(visible_devices(here, compute.gpus_per_task)) > 1:
        return here
    number = int(device.partition(":")[2] or 0)
    return here[number : number + 1]


_places: dict[Files, Place] = {}


def _place(files: Files) -> Place:
    """Return this process's place of work, which keeps what it loaded from one job to the next."""
    if files not in _places:
        _places.clear()
        usual = Path(tempfile.gettempdir()) / f"fewframes-worker-{os.getuid()}" / "cache"
        _places[files] = Place(files, Path(os.environ.get(OWN_FOLDER) or usual))
    return _places[files]


@contextmanager
def _ending_after(seconds: float) -> Iterator[None]:
    """End this process where the block takes longer, also where it does not listen; its owner gives the job to another
    one."""
    if not seconds:
        yield
        return
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _portable(error: Exception) -> Exception:
    """Return an error that arrives as it is, or one that says the same."""
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:
        pass
    kind = FewframesError if isinstance(error, FewframesError) else RuntimeError
    return kind(str(error))
