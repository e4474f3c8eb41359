"""Where a server may listen, and what it is called there; real servers are tested with the command."""

from pathlib import Path

import pytest

from al_core.errors import BadAddress
from tasks.web.transport.listening import Address


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_needs_no_tls(host):
    assert Address(host).names == frozenset()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "labels.example.org", "localhost.example.org"])
def test_other_machines_do_unless_somebody_says_so(host):
    with pytest.raises(BadAddress, match="--certificate FILE and --key FILE, or --without-tls"):
        Address(host)
    assert host in Address(host, without_tls=True).names


def test_the_name_of_a_proxy_counts_too():
    assert Address(other_names=("labels.example.org",)).names == {"labels.example.org"}


@pytest.mark.parametrize("given", [{"prefix": "/api"}, {"prefix": "a b"}, {"proxies": ("nginx",)}])
def test_what_is_no_prefix_or_proxy_is_refused_before_anything_is_served(given):
    with pytest.raises(BadAddress, match="^--(prefix|trusted-proxy)"):
        Address(**given)


def test_one_file_is_not_enough():
    with pytest.raises(BadAddress, match="both"):
        Address("0.0.0.0", certificate=Path("cert.pem"))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("192.168.1.7", "http://192.168.1.7:1"),
    ],
)
def test_where_this_machine_reaches_it(host, url):
    assert Address(host, without_tls=True).url(1) == url
