"""A served project, and its ledger from outside."""

import pytest

from al_core.project import Project
from tasks.ledger.remote import RemoteLedger
from tests.toys.operations import used_ledger
from tests.toys.web.serving import served


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The context and the owner of a served project in which a bit of everything happened, and what."""
    project = Project.at(tmp_path_factory.mktemp("served"))
    ledger, found = used_ledger(project.root)
    # A clock that stands still, so that what tells the time can be asked twice.
    stopped = ledger.newest_answer_at(2)
    with served(project, clock=lambda: stopped) as (context, owner):
        yield context, owner, found


@pytest.fixture
def remote(server):
    context, owner, _ = server
    return RemoteLedger(owner, context.ledger.path)
