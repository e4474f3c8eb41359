import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from al_core.errors import LedgerBusy, LedgerConflict
from al_core.ledger.file.owner import Owner, write_owner
from al_core.ledger.file.signature import Signature
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.ledger.client import at_hand, is_alive, living_owner, open_ledger
from tasks.ledger.remote import RemoteLedger
from tests.toys.ledgers import ledger_with_clip
from tests.toys.web.serving import served


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


@pytest.fixture
def project(tmp_path, ledger):
    return Project.at(tmp_path)


def way(ledger):
    """How an operation would be carried out now."""
    return type(ledger._route())


class TestWhichWay:
    def test_without_an_owner_the_file_is_opened(self, project):
        ledger = open_ledger(project)
        assert way(ledger) is Ledger
        assert ledger.categories() == {1: "object"}
        assert living_owner(project) is None

    def test_a_living_owner_is_asked(self, project):
        ledger = open_ledger(project)
        with served(project) as (_, owner):
            assert living_owner(project) == owner
            assert ledger.add_categories(["car"]) == {"object": 1, "car": 2}
            with ledger.held():
                assert way(ledger) is RemoteLedger
        assert way(ledger) is Ledger
        assert ledger.categories() == {1: "object", 2: "car"}

    def test_an_owner_that_ends_and_comes_back_elsewhere_is_found_again(self, project):
        ledger = open_ledger(project)
        for name in ("car", "dog"):
            with served(project):
                assert name in ledger.add_categories([name])
                assert way(ledger) is RemoteLedger

    def test_who_waits_for_the_file_asks_the_owner_as_soon_as_there_is_one(self, project):
        code = f"from tests.tasks.ledger.test_client import ask; ask({str(project.root)!r})"
        with Ledger(project.ledger_path).owned():
            asking = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
            assert asking.stdout.readline() == "asking\n"
            time.sleep(0.2)
            with served(project):
                assert asking.communicate()[0] == "RemoteLedger {1: 'object'}\n"

    @pytest.mark.parametrize(
        "change",
        [
            {"by": {"pid": 2**22 + 1}},
            {"instance": "somebody else at this address"},
            {"url": "http://127.0.0.1:9"},
            {"url": "no address"},
        ],
        ids=["dead", "another server", "nobody listens", "damaged"],
    )
    def test_a_note_that_a_dead_owner_left_is_recognised(self, project, change):
        with served(project) as (_, owner):
            assert is_alive(owner)
            change = change | {"by": replace(owner.by, **change.get("by", {}))}
            assert not is_alive(replace(owner, **change))
        write_owner(project.ledger_path, replace(owner, **change))
        assert open_ledger(project).categories() == {1: "object"}

    def test_another_process_with_the_number_of_the_dead_one_is_not_the_owner(self, project):
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            by = replace(Signature.of(project.ledger_path), pid=os.getppid())
            write_owner(project.ledger_path, Owner(by, url, "secret", "one"))
            assert living_owner(project) is None

    def test_an_owner_that_is_busy_is_not_taken_for_dead_and_people_are_told(self, tmp_path, caplog):
        with socket.create_server(("127.0.0.1", 0)) as busy:
            owner = Owner(Signature.of(tmp_path), f"http://127.0.0.1:{busy.getsockname()[1]}", "secret", "one")
            assert is_alive(owner, seconds=0.1)
        assert f"process {os.getpid()}, which serves this project at {owner.url}, lives but does not" in caplog.text

    def test_the_owner_is_never_asked_through_a_proxy(self, project, monkeypatch):
        with served(project) as (_, owner):
            for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, "http://127.0.0.1:9")
            assert is_alive(owner)
            assert open_ledger(project).categories() == {1: "object"}

    def test_what_it_waits_for_is_said_and_the_wait_ends(self, project, caplog, monkeypatch):
        monkeypatch.setattr("tasks.ledger.client._SILENT_SECONDS", 0.1)
        monkeypatch.setattr("tasks.ledger.client.is_alive", lambda _: True)
        by = Signature.of(project.ledger_path)
        write_owner(project.ledger_path, Owner(by, "http://127.0.0.1:9", "secret", "one"))
        with pytest.raises(LedgerBusy, match=r"http://127.0.0.1:9\) does not answer"):
            open_ledger(project, patience=0.3).categories()
        assert "does not answer" in caplog.text
        assert "waiting for it, up to 0.3 s" in caplog.text

    def test_a_handle_does_not_survive_fork(self, project):
        with served(project):
            ledger = open_ledger(project)
            ledger.categories()
            ledger._remote._pid = -1
            with pytest.raises(LedgerConflict, match="does not survive fork"):
                ledger.categories()


def ask(root):
    """Ask for the categories, in a process of its own; prints how that was done and what came."""
    ledger = open_ledger(Project.at(root))
    print("asking", flush=True)
    categories = ledger.categories()
    print(way(ledger).__name__, categories)


def test_a_ledger_at_hand_is_the_same_for_all_who_open_it(tmp_path):
    project, other = Project.at(ledger_with_clip(tmp_path / "one").path.parent), Project.at(tmp_path / "two")
    with at_hand(project):
        ledger = open_ledger(project)
        assert open_ledger(project) is ledger
        assert open_ledger(other) is not ledger
        assert len(ledger.videos()) == 1
    assert open_ledger(project) is not ledger


def test_a_ledger_at_hand_asks_who_came_to_own_it(project):
    with at_hand(project):
        ledger = open_ledger(project)
        assert ledger.categories() == {1: "object"}
        with served(project):
            assert way(ledger) is RemoteLedger
            assert ledger.add_categories(["car"]) == {"object": 1, "car": 2}
        assert ledger.categories() == {1: "object", 2: "car"}
