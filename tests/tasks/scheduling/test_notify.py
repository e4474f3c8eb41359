import json
import logging
import re

import pytest

from al_core.ledger.file.owner import Owner, write_owner
from al_core.ledger.file.signature import Signature
from al_core.project import Project
from al_core.settings import NotifySettings
from tasks.scheduling.notify import Event, notify, undelivered
from tests.toys.web.webhook import webhook


@pytest.fixture
def hook():
    with webhook() as told:
        yield told


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path / "work")


def tell(project, url, **more):
    """Tell an address of a round."""
    return notify(project, NotifySettings(url=url), Event.ROUND_READY, "Round 1 is ready.", round_id=1, **more)


def test_the_body_says_what_happened_where_and_what_to_do(project, hook):
    assert tell(project, hook.url, counts={"asked": 3}, mend="label them")
    assert hook.heard == [
        {
            "event": "round_ready",
            "project": "work",
            "round": 1,
            "text": "Round 1 is ready.",
            "counts": {"asked": 3},
            "link": "",
            "mend": "label them",
        }
    ]


def test_the_link_is_where_the_project_is_served_unless_the_settings_say_otherwise(project, hook):
    project.root.mkdir()
    project.ledger_path.touch()
    write_owner(
        project.ledger_path, Owner(Signature.of(project.ledger_path), "http://127.0.0.1:8600", "do not tell", "abc")
    )
    tell(project, hook.url)
    outside = NotifySettings(url=hook.url, page_url="https://labels.example.org")
    notify(project, outside, Event.FAILED, "It failed.")
    assert [body["link"] for body in hook.heard] == ["http://127.0.0.1:8600", "https://labels.example.org"]
    assert "do not tell" not in json.dumps(hook.heard)


def test_a_secret_address_comes_from_the_environment(project, hook, monkeypatch):
    monkeypatch.setenv("FEWFRAMES_NOTIFY_URL", hook.url)
    assert tell(project, "")
    assert len(hook.heard) == 1


def test_without_an_address_nobody_is_told(project):
    assert not tell(project, "")


def test_it_is_tried_again_until_somebody_hears(project, hook):
    hook.answers = [503, 429, 200]
    assert tell(project, hook.url)
    assert len(hook.heard) == 3


def test_who_refuses_is_not_asked_again(project, hook, caplog):
    hook.answers = [404]
    assert not tell(project, hook.url)
    assert len(hook.heard) == 1
    assert "it answered 404" in caplog.text


def test_an_address_that_does_not_answer_holds_nobody_up_and_is_told_once_without_its_secret(project, hook, caplog):
    hook.silent = True
    with caplog.at_level(logging.WARNING):
        assert not tell(project, hook.url, budget=0.6)
    assert [record.message for record in caplog.records] == [
        "the message about round_ready was not delivered: it did not answer in time; check notify.url"
    ]


def test_the_last_message_that_nobody_got_is_noted_until_one_comes_through(project, hook):
    assert undelivered(project) is None
    hook.answers = [404]
    tell(project, hook.url)
    missed = undelivered(project)
    assert missed.event == "round_ready"
    assert re.fullmatch(r"the message about round_ready at .* UTC was not delivered: it answered 404", str(missed))
    tell(project, hook.url)
    assert undelivered(project) is None


def test_a_note_that_cannot_be_read_or_written_is_none(project, hook, monkeypatch):
    project.root.mkdir()
    (project.root / "undelivered.json").write_text("[")
    assert undelivered(project) is None
    (project.root / "undelivered.json").unlink()
    (project.root / "undelivered.json").mkdir()
    hook.answers = [404]
    assert not tell(project, hook.url)
    assert tell(project, hook.url)


def test_nothing_of_a_message_ever_fails_a_round(project, hook, caplog):
    unsendable = {"asked": object()}
    assert not tell(project, hook.url, counts=unsendable)
    assert "was not delivered: TypeError" in caplog.text


def test_where_nobody_listens_it_gives_up(project, caplog):
    for budget in (0.3, 5.0, 60.0):  # More where the machine is too busy to get as far as that.
        assert not tell(project, "http://127.0.0.1:9/hook", budget=budget)
        if "ConnectError" in caplog.text:
            break
    assert "ConnectError" in caplog.text
