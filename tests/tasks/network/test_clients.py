import os

import pytest

from al_core.errors import ToolUnreachable
from tasks.network.clients import web_client
from tasks.network.loopback import reach_loopback_directly
from tests.toys.web.webhook import webhook

BROKEN = {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9", "SSL_CERT_FILE": "/not/there.pem"}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """An environment in which every connection of a careless client fails."""
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    monkeypatch.setattr(os, "environ", clean | BROKEN)


def test_this_machine_is_asked_directly():
    with webhook() as told, web_client(told.url) as client:
        assert client.post("", json={"a": 1}).status_code == 200


@pytest.mark.parametrize("prepared", [False, True])
def test_another_machine_is_not_asked_past_a_proxy_that_cannot_be_used(prepared):
    if prepared:
        reach_loopback_directly()
    with pytest.raises(ToolUnreachable, match="cannot be asked: ALL_PROXY names a socks5 proxy"):
        web_client("https://labels.example.org")
