"""Two small projects that are served, and what stands before them."""

from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from tasks.network.forwarded import trusted_networks
from tasks.web.several.project_list import Front, create_front
from tests.toys.web.desk import ADDRESS, CHANGING, desk
from tests.toys.web.serving import served

TRUSTED = trusted_networks(["127.0.0.1"])


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """Name -> the ledger of a served project, and what the front knows of its server."""
    found, tmp_path = {}, tmp_path_factory.mktemp("projects")
    with desk(tmp_path / "first") as first, desk(tmp_path / "second") as second:
        first.ask(1, 2)
        second.ask(3)
    with (
        served(first.project, proxies=TRUSTED) as (one, first_owner),
        served(second.project, proxies=TRUSTED) as (other, second_owner),
    ):
        for name, context, owner in (("alpha", one, first_owner), ("beta", other, second_owner)):
            server = SimpleNamespace(name=name, project=context.project, owner=owner, trouble=None)
            found[name] = SimpleNamespace(ledger=context.ledger, server=server)
        yield found


@pytest.fixture
def front(projects):
    """A browser at the front of both."""
    app = create_front(Front({name: each.server for name, each in projects.items()}))
    with TestClient(app, base_url=ADDRESS, headers=CHANGING) as browser:
        yield browser
