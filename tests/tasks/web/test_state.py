import httpx
import pytest

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.settings import Settings
from tasks.processes.rounds import RunState
from tasks.web.auth import COOKIE
from tests.toys.ledgers import ledger_with_clip
from tests.toys.web.serving import served

FAILED = RunState(running=False, last_error="exit code 1: Error: no space left in some/folder")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The context and the owner of a served project whose run has failed."""
    project = Project.at(tmp_path_factory.mktemp("state"))
    ledger_with_clip(project.root)
    with served(project, run_state=lambda: FAILED) as both:
        yield both


@pytest.fixture(scope="module", params=[Role.LEAD, Role.ANNOTATOR])
def person(server, request):
    """A role and an HTTP client that is signed in with it."""
    context, owner = server
    key = context.ledger.sign_in(context.ledger.add_annotator(f"some {request.param}", request.param), 100.0)
    with httpx.Client(base_url=owner.url, cookies={COOKIE: key}) as client:
        yield request.param, client


def test_nobody_sees_it_who_is_not_signed_in(server):
    answer = httpx.get(f"{server[1].url}/api/state")
    assert answer.status_code == 401
    assert set(answer.json()) == {"error", "mend"}


def test_why_a_run_ended_early_is_for_the_lead(person):
    role, client = person
    shown = client.get("/api/state").json()["last_error"]
    assert shown == (FAILED.last_error if role is Role.LEAD else "the lead can see why")


def test_the_newest_round_and_its_step(server, person):
    ledger, client = server[0].ledger, person[1]
    if ledger.last_round() is None:
        assert client.get("/api/state").json()["round"] is None
        ledger.begin_round(Settings())
        ledger.begin_step(1, "train", "abc")
    found = client.get("/api/state").json()
    assert {key: found[key] for key in ("round", "step", "open", "running")} == {
        "round": 1,
        "step": "train",
        "open": 0,
        "running": False,
    }
