import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.processes.children import _ASK_TO_DIE_WITH, NICENESS, cpu_seconds, end, kill, start_child

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="what only Linux does, or tells")

OWN = """
import sys
from pathlib import Path
from tasks.processes.children import start_child
output = Path(sys.argv[1]).open("ab")
print(start_child([sys.executable, "-c", "import time; time.sleep(100)"], output).pid, flush=True)
sys.stdin.read()
"""


@on_linux
def test_a_child_ends_with_an_owner_that_is_killed(tmp_path):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWN, str(tmp_path / "out.log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(owner.stdout.readline())
    assert is_alive(child)
    owner.kill()
    owner.communicate()
    deadline = time.monotonic() + 60
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_child_has_its_words_and_its_output(tmp_path):
    with (tmp_path / "out.log").open("wb") as output:
        child = start_child([sys.executable, "-c", "import sys; print(sys.argv[1:])", "two words", "-S"], output)
    assert child.wait(60) == 0
    assert (tmp_path / "out.log").read_text() == "['two words', '-S']\n"


TELL = """
import os
from pathlib import Path
def session_niceness():
    # Some kernels have no such file, some an empty one: both let no session give way.
    try:
        return Path("/proc/self/autogroup").read_text().split()[-1]
    except (OSError, IndexError):
        return "none"
def tell():
    print(os.nice(0), session_niceness())
"""
NICE_OWNER = f"""
import os, sys
from pathlib import Path
from tasks.processes.children import start_child
os.nice(3)
with Path(sys.argv[1]).open("wb") as output:
    sys.exit(start_child([sys.executable, "-c", {TELL + "tell()"!r}], output, niceness=int(sys.argv[2])).wait(60))
"""


@on_linux
@pytest.mark.parametrize("niceness", [0, 7])
def test_a_child_gives_way_to_others_as_far_as_its_owner_and_as_it_is_asked_to(tmp_path, niceness):
    """Its own session gives way by what is asked; what the owner's process gives way counts in its session only."""
    before = os.nice(0)
    before_session = subprocess.check_output([sys.executable, "-c", TELL + "tell()"], text=True).split()[1]
    subprocess.run([sys.executable, "-c", NICE_OWNER, str(tmp_path / "out.log"), str(niceness)], check=True)
    own, session = (tmp_path / "out.log").read_text().split()
    assert int(own) == before + 3 + niceness
    # Who is in no session's share tells none, though a child's session has one; only the latter matters then.
    assert session != "none" or before_session == "none"
    if session != "none":
        assert int(session) == (0 if before_session == "none" else int(before_session)) + niceness


@on_linux
def test_a_child_of_an_owner_in_the_share_of_the_system_gives_way_too():
    """The first process of a system is often in none of its own, and its file is empty then."""
    words = [sys.executable, "-c", f"{_ASK_TO_DIE_WITH}{TELL}tell()", "1", "7", "not reached"]
    own, session = subprocess.check_output(words, text=True, start_new_session=True).split()
    assert int(own) == os.nice(0) + 7
    if session != "none":
        assert int(session) == int(([0, *Path("/proc/1/autogroup").read_text().split()])[-1]) + 7


BEHIND = f"""{TELL}
import sys
from tasks.processes.children import behind
with behind(int(sys.argv[1])):
    tell()
tell()
"""


@on_linux
@pytest.mark.parametrize("own_session", [True, False])
def test_who_works_behind_another_process_gives_way_to_it(own_session):
    # In the session of the other one, the session has to stay as it is.
    words = [sys.executable, "-c", BEHIND, str(os.getpid())]
    told = subprocess.check_output(words, text=True, start_new_session=own_session).splitlines()
    (within, session), (after, session_after) = (line.split() for line in told)
    assert int(within) == int(after) == max(os.nice(0), NICENESS)
    if own_session and session != "none":
        assert (session, session_after) == (str(NICENESS), "0")
    assert own_session or session == session_after


def test_a_program_that_is_not_there_is_told(tmp_path):
    with (tmp_path / "out.log").open("wb") as output, pytest.raises(FileNotFoundError, match="there is no program"):
        start_child(["/no/such/program"], output)


def is_alive(pid):
    """Whether a process runs; one that ended and that nobody has asked after does not."""
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@on_linux
def test_the_processor_time_of_a_process_is_told():
    before = cpu_seconds(os.getpid())
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    assert 0.05 < cpu_seconds(os.getpid()) - before < 10
    assert cpu_seconds(0) == 0.0


@on_linux
def test_a_stopped_process_can_be_killed():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    process.send_signal(signal.SIGSTOP)
    kill(process.pid)
    assert process.wait(10) == -signal.SIGKILL
    kill(process.pid)
    kill(0)


DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize(("code", "ended_by"), [("DEAF", signal.SIGKILL), ("POLITE", signal.SIGTERM)])
def test_a_child_is_ended_politely_first_and_then_by_force(tmp_path, code, ended_by):
    source = DEAF if code == "DEAF" else DEAF.replace("signal.SIG_IGN", "signal.SIG_DFL")
    log = tmp_path / "out.log"
    with log.open("wb") as output:
        child = start_child([sys.executable, "-c", source], output)
    deadline = time.monotonic() + 60
    while "deaf" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    end(child, patience=0.3 if code == "DEAF" else 60.0)
    assert child.returncode == -ended_by
