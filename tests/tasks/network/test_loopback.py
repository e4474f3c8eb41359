import os

import httpx
import pytest

from tasks.network.loopback import (
    LOOPBACK,
    is_bypassed,
    is_loopback,
    is_on_loopback,
    misfits,
    reach_loopback_directly,
    unusable_proxy,
)

OUTSIDE, HERE = "https://hooks.example.org/secret", "http://127.0.0.1:4200/api"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """An environment that names neither proxies nor certificates; what is changed in it is put back."""
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and "CERT" not in k}
    monkeypatch.setattr(os, "environ", clean)
    return clean


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_this_machine_is_added_to_the_hosts_without_proxy(environment, name):
    environment |= {name: "http://proxy.example:3128", "NO_PROXY": ".corp, 10.0.0.0/8"}
    assert not is_bypassed()
    reach_loopback_directly()
    assert is_bypassed()
    assert environment["no_proxy"] == environment["NO_PROXY"] == ".corp,10.0.0.0/8,127.0.0.1,localhost,::1"
    assert environment[name] == "http://proxy.example:3128"


def test_what_is_excepted_already_stays_once(environment):
    environment |= {"http_proxy": "http://p:1", "no_proxy": "localhost,127.0.0.1", "NO_PROXY": "a.example"}
    for _ in range(2):
        reach_loopback_directly()
    assert sorted(environment["no_proxy"].split(",")) == sorted(["a.example", *LOOPBACK])


def test_without_proxies_nothing_is_changed(environment):
    before = dict(environment)
    reach_loopback_directly()
    assert environment == before
    assert is_bypassed()
    assert misfits() == []


@pytest.mark.parametrize("entry", ["[::1]", "[::1]:80", "fe80::/10", "2001:db8::/32", "a.example:80", "*.corp", ""])
def test_hosts_without_proxy_that_clients_would_break_on_are_mended(environment, entry):
    environment |= {"HTTP_PROXY": "http://p:1", "NO_PROXY": entry}
    reach_loopback_directly()
    with httpx.Client() as client:
        assert client.headers
    assert "127.0.0.1" in environment["no_proxy"].split(",")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("socks5://u:s3cret@h:1080", "socks5 proxy, for which a package is missing"),
        ("socks5h://h:1080", "socks5h proxy"),
        ("socks://h:1080", "no address of a proxy that can be used"),
        ("ftp://h", "no address"),
        ("http://h:port", "no address"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_told_and_never_gone_around(environment, caplog, address, problem):
    environment["ALL_PROXY"] = address
    (found,) = misfits()
    assert found.variable == "ALL_PROXY"
    assert problem in found.problem
    reach_loopback_directly()
    assert "ALL_PROXY" not in environment
    assert problem in caplog.text
    assert "s3cret" not in caplog.text
    assert problem in unusable_proxy(OUTSIDE)
    assert unusable_proxy(HERE) == ""
    with httpx.Client() as client:
        assert client.headers


def test_another_proxy_that_can_be_used_serves_its_scheme(environment):
    environment |= {"ALL_PROXY": "socks5://h:1", "HTTPS_PROXY": "http://p:3128"}
    reach_loopback_directly()
    assert unusable_proxy(OUTSIDE) == ""
    assert "ALL_PROXY" in unusable_proxy(OUTSIDE.replace("https", "http"))


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"no certificate", "holds no certificates")])
def test_certificates_that_cannot_be_read_are_told_and_left_out(environment, tmp_path, caplog, content, reason):
    path = tmp_path / "company.pem"
    if content is not None:
        path.write_bytes(content)
    environment["SSL_CERT_FILE"] = str(path)
    reach_loopback_directly()
    assert "SSL_CERT_FILE" not in environment
    assert f"names {path}, which cannot be read ({reason}" in caplog.text
    assert unusable_proxy(OUTSIDE) == ""


def test_certificates_that_can_be_read_stay(environment):
    import certifi

    environment["SSL_CERT_FILE"] = certifi.where()
    reach_loopback_directly()
    assert environment["SSL_CERT_FILE"] == certifi.where()


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("LocalHost", True), ("10.0.0.1", False), ("", False)],
)
def test_what_is_this_machine(host, own):
    assert is_loopback(host) is own
    assert is_on_loopback(f"http://{f'[{host}]' if ':' in host else host}:4200/api") is own


def test_an_address_that_is_none_is_not_this_machine():
    assert not is_on_loopback("http://[")
