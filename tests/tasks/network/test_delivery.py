import os
import socket
import threading

import psutil
import pytest

from tasks.network.delivery import deliver
from tests.toys.web.rude_hooks import drips, leads_elsewhere, never_stops, rude, says_nothing, speaks_otherwise
from tests.toys.web.tls import https_hook
from tests.toys.web.webhook import webhook

BODY = {"event": "round_ready"}


def told(url, problem, asked=(True,)):
    """What is told of an address; more time is given where the machine is too busy to get as far as that."""
    for seconds in (0.5, 5.0, 60.0):
        found = deliver(url, BODY, seconds)
        if problem in found and asked:
            break
    return found


def messages():
    """Threads that are still at a message."""
    return [thread for thread in threading.enumerate() if thread.name == "message"]


def test_a_message_arrives_once_as_json():
    with webhook() as hook:
        assert deliver(hook.url, BODY, 60.0) == ""
        assert hook.heard == [BODY]


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (drips, "it did not answer in time"),
        (says_nothing, "it did not answer in time"),
        (speaks_otherwise, "RemoteProtocolError"),
    ],
)
def test_it_ends_by_the_clock_whatever_the_other_side_does(behaviour, problem):
    with rude(behaviour) as (url, asked):
        assert told(url, problem, asked) == problem
        assert asked
        for thread in messages():
            thread.join(60)
        assert messages() == []


def test_the_body_of_an_answer_is_not_read():
    before = psutil.Process().memory_info().rss
    with rude(never_stops) as (url, asked):
        assert deliver(url, BODY, 60.0) == ""
        assert len(asked) == 1
    assert psutil.Process().memory_info().rss - before < 100e6


def test_who_leads_elsewhere_is_not_followed_and_not_asked_again():
    with rude(leads_elsewhere) as (url, asked):
        assert deliver(url, BODY, 60.0) == "it answered 308: it has moved, give its new address"
        assert len(asked) == 1


def test_a_certificate_of_ones_own_is_told_as_that(tmp_path):
    with https_hook(tmp_path) as (url, heard):
        problem = deliver(url, BODY, 60.0)
        assert problem.startswith("its certificate is not trusted (self-signed certificate")
        assert "SSL_CERT_FILE" in problem
        assert heard == []


@pytest.mark.parametrize(
    ("url", "problem"),
    [("http://[", "ValueError"), ("http://127.0.0.1:9/s3cret", "nothing answers there (ConnectError)"), ("", "Unsupp")],
)
def test_an_address_that_is_none_is_told_without_repeating_it(url, problem):
    found = told(url, problem)
    assert problem in found
    assert "s3cret" not in found


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("ALL_PROXY", "socks5://u:s3cret@127.0.0.1:9", "ALL_PROXY names a socks5 proxy"),
        ("SSL_CERT_FILE", "/not/there.pem", "SSL_CERT_FILE names /not/there.pem"),
    ],
)
def test_an_environment_that_cannot_be_used_is_told_by_its_name(monkeypatch, variable, value, problem):
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    monkeypatch.setattr(os, "environ", clean | {variable: value})
    found = deliver("https://hooks.example.org/secret", BODY, 60.0)
    assert found.startswith(problem)
    assert "s3cret" not in found


def test_a_name_that_is_looked_up_for_ever_holds_nobody_up(monkeypatch):
    asked, over = threading.Event(), threading.Event()

    def hang(*_, **__):
        asked.set()
        over.wait()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    assert deliver("http://hooks.example.org/", BODY, 0.3) == "it did not answer in time"
    assert asked.is_set()
    over.set()
