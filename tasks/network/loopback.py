"""Connections to this machine, whatever the environment says about proxies and certificates.

A company's machine often has variables that send every connection through a proxy, which does not reach loopback, or
that name what is not there. Prefect's client, and the libraries below it, believe them all, also for a server that runs
beside them. So the environment of this process, which its children inherit, is put right before Prefect is loaded.
"""

import ipaddress
import logging
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies

_log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
CERTIFICATES = ("SSL_CERT_FILE", "PREFECT_API_SSL_CERT_FILE")
EXCEPTIONS = "no_proxy"

_SET_ASIDE = "FEWFRAMES_PROXY_SET_ASIDE"


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something in the environment that connections would fail at.

    Attributes:
        variable: its name, as it stands there.
        problem: what is wrong, without its value, which may hold a password.
        mend: what to do.
    """

    variable: str
    problem: str
    mend: str


def is_loopback(host: str) -> bool:
    """Tell whether an address or host name is this machine's own, reached without a network."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_on_loopback(url: str) -> bool:
    """Tell whether a URL leads to this machine without a network."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def misfits() -> list[Misfit]:
    """Return what of the environment cannot be used; changes nothing."""
    return [
        *(Misfit(name, *found) for name in _named(*PROXIES) if (found := _proxy_misfit(os.environ[name]))),
        *(Misfit(name, *found) for name in CERTIFICATES if (found := _certificate_misfit(name))),
    ]


def is_bypassed() -> bool:
    """Tell whether connections to this machine go past the proxies of the environment, where there are any."""
    excepted = {entry.strip() for name in _named(EXCEPTIONS) for entry in os.environ[name].split(",")}
    return not any(os.environ[name] for name in _named(*PROXIES)) or "*" in excepted or set(LOOPBACK) <= excepted


def reach_loopback_directly() -> None:
    """Change the environment so that nothing here, and no child, asks a proxy for this machine, or stumbles.

    Loopback is added to the hosts without proxy. A proxy that cannot be used, or a file of certificates that cannot be
    read, is taken out with a line in the log; calls to other machines that would need such a proxy are refused
    (:func:`unusable_proxy`), and never go around it.
    """
    for misfit in misfits():
        _log.warning("%s %s, and is not used; %s", misfit.variable, misfit.problem, misfit.mend)
        if misfit.variable not in CERTIFICATES:
            os.environ[_SET_ASIDE] = f"{misfit.variable} {misfit.problem}; {misfit.mend}"
        del os.environ[misfit.variable]
    # Where the system has proxies of its own, they count only as long as the environment names nothing of the kind.
    for scheme, address in getproxies().items():
        if scheme != "no":
            os.environ.setdefault(f"{scheme}_proxy", address)
    entries = [entry for name in _named(EXCEPTIONS) for text in os.environ[name].split(",") for entry in _entries(text)]
    excepted = ",".join(dict.fromkeys([*entries, *LOOPBACK]))
    if _named(*PROXIES):
        os.environ[EXCEPTIONS] = os.environ[EXCEPTIONS.upper()] = excepted


def unusable_proxy(url: str) -> str:
    """Return why another machine cannot be asked; empty where it can.

    That is so where the environment named a proxy that was set aside, and none that can be used instead.
    """
    proxies = getproxies()
    if is_on_loopback(url) or urlsplit(url).scheme in proxies or "all" in proxies:
        return ""
    return os.environ.get(_SET_ASIDE, "")


def _named(*variables: str) -> list[str]:
    """Return the names that stand in the environment, in whatever case."""
    return [name for name in os.environ if name.lower() in variables]


def _proxy_misfit(address: str) -> tuple[str, str] | None:
    if not address:
        return None
    import httpx

    address = address if "://" in address else f"http://{address}"
    try:
        httpx.HTTPTransport(proxy=address, verify=False).close()
    except ImportError:
        scheme = address.partition("://")[0]
        return f"names a {scheme} proxy, for which a package is missing", "pip install 'httpx[socks]'"
    except (ValueError, httpx.InvalidURL):
        return "is no address of a proxy that can be used", "expected http://host:port or socks5://host:port"
    return None


def _certificate_misfit(name: str) -> tuple[str, str] | None:
    path = os.environ.get(name)
    if not path:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        reason = "holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        return f"names {path}, which cannot be read ({reason})", "let it name a file of certificates (PEM), or unset it"
    return None


def _entries(text: str) -> Iterator[str]:
    """Yield an entry of the hosts without proxy as every client takes it; nothing where none would."""
    entry = text.strip()
    bare = entry.removeprefix("[").removesuffix("]")
    if ":" not in bare or "://" in bare:
        yield from [entry] if entry else []
        return
    host, _, port = bare.rpartition(":")
    # The client that Prefect uses breaks on a range of IPv6 addresses, and on one with a port.
    if (":" not in host and port.isdigit()) or _is_address(bare):
        yield bare


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
