"""Two projects at one address: somebody labels in both, then the ledger of one is damaged, and the other goes on."""

import os
import re
import signal
import socket
import time

import pytest

from al_core.project import Project
from tasks.ledger.client import living_owner, open_ledger
from tests.toys.processes.prepared import PreparedCommand
from tests.toys.projects import fewframes
from tests.toys.web.browser import browser, needs_chromium
from tests.toys.web.desk import desk
from tests.toys.web.label_page import Person


@pytest.fixture
def projects(tmp_path):
    """A folder of two projects whose rounds wait for people."""
    (tmp_path / "all").mkdir()
    for name in ("cows", "dogs"):
        with desk(tmp_path / name) as made:
            made.ask(1, 2)
        made.project.root.rename(tmp_path / "all" / name)
    return tmp_path / "all"


@pytest.fixture
def front(projects):
    """Where both are served, once they are; ends with the test."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = PreparedCommand("serve", projects, "--port", port)
    until(lambda: all(living_owner(Project.at(projects / name)) for name in ("cows", "dogs")), process)
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    printed, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    assert printed.startswith(f"2 projects at http://127.0.0.1:{port}/; Ctrl-C ends serving.")


def until(condition, process, seconds=300):
    """Wait until something holds, while the server lives."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def label_a_frame(person, name):
    """Go from the list to a project and label the frame that it asks for."""
    address = person.page.url
    person.page.click(f"[data-project={name}] >> text='Label'")
    frame = person.task()["frame"]["frame_idx"]
    assert person.page.url == f"{address}p/{name}/label"
    person.drag((2, 2), (20, 3))
    person.go_on()
    person.next_after(frame)


def row(person, name, text):
    """Wait until a project tells something in the list; returns all that it tells."""
    place = person.page.locator(f"[data-project={name}]", has_text=re.compile(text))
    place.wait_for(timeout=60_000)
    return place.inner_text()


@needs_chromium
@pytest.mark.end_to_end
def test_somebody_labels_in_both_and_when_one_is_damaged_the_other_goes_on(projects, front):
    added = fewframes("people", "add", "ada", projects)
    assert (added.returncode, added.stdout.partition("enter#")[0]) == (0, front)
    lost, dogs = Project.at(projects / "cows"), Project.at(projects / "dogs")
    with browser() as running:
        ada = Person(running, added.stdout.strip())
        assert ada.page.url == front
        for name in ("cows", "dogs"):
            assert "2 frames to label" in row(ada, name, "to label")
            label_a_frame(ada, name)
            ada.page.click("a.brand")
            ada.page.click("text='All projects'")
            ada.page.wait_for_url(front)
        assert [len(open_ledger(project).human_labels()) for project in (lost, dogs)] == [1, 1]

        killed, other = living_owner(lost).pid, living_owner(dogs).pid
        os.kill(killed, signal.SIGKILL)
        os.truncate(lost.ledger_path, lost.ledger_path.stat().st_size // 2)
        ada.page.goto(front)
        told = row(ada, "cows", "fewframes restore")
        assert "ledger.duckdb" in told
        assert str(projects) not in told
        assert "tried again by itself" in told

        label_a_frame(ada, "dogs")
        assert len(open_ledger(dogs).human_labels()) == 2
        assert living_owner(dogs).pid == other
        assert fewframes("people", "list", projects).returncode == 1
