"""What tests share: the folder of real test data, and toys small enough to check by eye."""

import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests.toys.prefect.shared import prefect_beside
from tests.toys.processes.together import together
from tests.toys.web.browser import needs_chromium

# Threads that wait by spinning starve each other on a busy machine; it must be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The command line sets it too, also where a test calls it in this process.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# A third of Hypothesis's own number, for every change; --hypothesis-profile=default takes all 100.
settings.register_profile("each change", max_examples=33)
settings.load_profile("each change")

ONE_PROCESS = (
    "al_core/ledger/campaign/",
    "al_core/ledger/labelling/",
    "flows/cli/content/",
    "flows/cli/people/",
    "flows/cli/quality/",
    "tasks/auditing/",
    "tasks/backends/",
    "tasks/certificates/",
    "tasks/curation/",
    "tasks/discovery/",
    "tasks/imports/",
    "tasks/models/",
    "tasks/preflight/",
    "tasks/project/",
    "tasks/report/",
    "tasks/reviews/",
    "tasks/steps/",
)
"""Rooms whose tests open ledgers as the product does only, and in no other process."""
FROM_OUTSIDE = (
    "tasks/backends/test_page.py",
    "tasks/imports/test_storing",
    "tasks/project/test_doctor",
    "tasks/report/test_tables",
    "tasks/steps/test_table",
)
"""Files of these rooms that look into the ledger's file themselves, or by another process."""

SHARED = ("multiprocessing.resource_tracker", "multiprocessing.forkserver", "tests.toys.processes.preparing")
"""Children that live as long as the process of the tests."""
VARIABLES = ("FEWFRAMES", "PREFECT", "OMP", "PYTHON", "PYDANTIC", "CUDA", "HOME", "PATH", "TMPDIR", "TZ", "LANG", "SSL")
"""How variables of the environment begin that tests must leave alone; libraries set others while they are loaded."""


@pytest.fixture(autouse=True)
def _ledgers_stay_open(request):
    """Half of what tests of small projects compute is to open the same ledger for each operation."""
    place = request.path.relative_to(Path(__file__).parent).as_posix()
    if not place.startswith(ONE_PROCESS) or place.startswith(FROM_OUTSIDE):
        yield
        return
    from tests.toys.ledgers import kept_open

    with kept_open():
        yield


@pytest.fixture(autouse=True)
def _state_stays():
    """Fail the test that leaves this process other than it was, and not another test that happens to come later."""
    state, numbers, alive = _state(), _numbers_state(), _alive()
    torch, cv2 = sys.modules.get("torch"), sys.modules.get("cv2")
    threads = torch and torch.get_num_threads(), cv2 and cv2.getNumThreads()
    yield
    # A worker takes its share of the cores for good, which many tests let it do in this process.
    if torch and torch.get_num_threads() != threads[0]:
        torch.set_num_threads(threads[0])
    if cv2 and cv2.getNumThreads() != threads[1]:
        cv2.setNumThreads(threads[1])
    assert _state() == state, "this test leaves the process changed: set it back"
    now = _numbers_state()
    assert {name: now[name] for name in numbers} == numbers, "this test leaves a library changed: set it back"
    until = time.monotonic() + 60
    while _alive() - alive and time.monotonic() < until:
        time.sleep(0.01)
    assert not _alive() - alive, "this test leaves threads or processes behind: end them"


def _state() -> dict[str, object]:
    """What tests share in a process; it is asked for twice a test, so it must not take a millisecond."""
    loggers = {name: logging.getLogger(name) for name in ("root", "mmengine", "tasks", "al_core", "flows")}
    levels = {name: (logger.level, logger.disabled, logger.propagate) for name, logger in loggers.items()}
    signals = {number.name: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}
    return {
        **levels,
        **signals,
        **{name: value for name, value in os.environ.items() if name.startswith(VARIABLES)},
        "folder": os.getcwd(),
        "raises": logging.raiseExceptions,
        "below": logging.root.manager.disable,
        "path": list(sys.path),
    }


def _numbers_state() -> dict[str, object]:
    """How libraries compute that are loaded already."""
    state: dict[str, object] = {"numpy": np.geterr()}
    if torch := sys.modules.get("torch"):
        deterministic = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.deterministic
        state["torch"] = torch.get_default_dtype(), torch.is_grad_enabled(), deterministic
    return state


def _alive() -> set[str]:
    """Threads that keep the process from ending, and its children that tests do not share, by number."""
    numbers: set[str] = set()
    # Asked twice a test: thousands of times.
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children", "rb") as file:
            numbers.update(file.read().decode().split())
    commands = {number: _command(number) for number in numbers}
    children = {
        f"{number} {words}" for number, words in commands.items() if words and not any(of in words for of in SHARED)
    }
    return children | {f"{thread.name} {thread.ident}" for thread in threading.enumerate() if not thread.daemon}


def _command(number: str) -> str:
    """What a child is called by; nothing for one that has ended."""
    with contextlib.suppress(OSError):
        return Path("/proc", number, "cmdline").read_text().replace("\0", " ").strip()
    return ""


def pytest_configure() -> None:
    """Make the folder that workers share before there are workers."""
    together()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session):
    """What is collected stays, so collecting garbage meanwhile and looking at it ever after is lost time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole journeys first, then what looks at all of the project, then browsers: they take longest, and side by side
    nobody should wait for them at the end. Journeys and what runs in a browser are tried once more where they fail."""
    here = Path(__file__).parent
    journeys = {item for item in items if item.get_closest_marker("end_to_end")}
    browsers = {item for item in items if needs_chromium.mark in item.iter_markers("skipif")}
    # All of a file stays together: what its tests share is made once.
    files = {item.path for item in browsers}
    items.sort(key=lambda item: (item not in journeys, item.path.parent != here, item.path not in files))
    # Here several processes and a browser race on a busy machine. The closing line says how many were tried again.
    for item in journeys | browsers:
        item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real videos with masks, outside the project; the test is skipped where they are absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FEWFRAMES_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; set FEWFRAMES_TEST_DATA to a folder that holds video_masks/")
    return folder


@pytest.fixture(scope="session")
def prefect_url():
    """A Prefect server for all tests that ask for ``shared_prefect``."""
    return prefect_beside()


@pytest.fixture
def shared_prefect(prefect_url, monkeypatch):
    """Runs use one server, as with ``PREFECT_API_URL`` of a user; test_run.py has runs with servers of their own."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_url)
