"""What a reverse proxy in front of the server says about a request: who asks, how, and below which path people see us.

Anybody can send these headers, so they count only from addresses that were named as proxies; from all others they are
as if they were not there.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from al_core.errors import BadAddress

PREFIX = "fewframes.prefix"
"""Where in an ASGI scope the path stands below which people see the server; "" is the root."""

_PREFIX_FORM = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_OWN = frozenset({"label", "mine", "enter", "api", "static", "dashboard", "ledger", "healthz"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def checked_prefix(text: str) -> str:
    """Return a path as it stands before ours, "/label-tool"; "" where there is none.

    Raises:
        BadAddress: it is no such path, or a page of our own is called so.
    """
    prefix = text.rstrip("/")
    if not prefix:
        return ""
    if not _PREFIX_FORM.fullmatch(prefix) or ".." in prefix.split("/"):
        raise BadAddress(f"--prefix: expected a path like /label-tool, of letters, digits and -._~, got {text!r}")
    first = prefix.split("/")[1]
    if first in _OWN:
        raise BadAddress(f"--prefix: a page of the server is called /{first} itself; take another path, e.g. /videos")
    return prefix


def trusted_networks(addresses: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that proxies are in.

    Args:
        addresses: each one address, or a range as 10.0.0.0/8.

    Raises:
        BadAddress: something is neither.
    """
    found = []
    for text in addresses:
        try:
            found.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise BadAddress(
                f"--trusted-proxy: expected an address like 127.0.0.1, or a range like 10.0.0.0/8, got {text!r}"
            ) from None
    return tuple(found)


class Forwarded:
    """Puts into a request's scope what a trusted proxy says, and takes the prefix off the path.

    Args:
        app: what is behind it.
        prefix: path below which people see the server, also where no header says so; proxies may hand it on or not.
        trusted: networks of the proxies whose headers count.
    """

    def __init__(self, app: ASGIApp, prefix: str = "", trusted: Sequence[Network] = ()) -> None:
        self._app = app
        self._prefix = prefix
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, PREFIX: self._prefix}
        if scope["client"] and self._trusts(scope["client"][0]):
            self._believe(scope, Headers(scope=scope))
        if self._prefix and scope["path"] == self._prefix:
            # Pages name each other from where they are, so the address has to end with a slash.
            await RedirectResponse(f"{self._prefix}/")(scope, receive, send)
            return
        if self._prefix and scope["path"].startswith(f"{self._prefix}/"):
            scope["path"] = scope["path"].removeprefix(self._prefix)
            scope["raw_path"] = scope["path"].encode()
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope, headers: Headers) -> None:
        # Each proxy adds who asked it to the end: the last one that is none of ours is who asks.
        asked = [part.strip() for part in headers.get("x-forwarded-for", "").split(",")]
        others = [address for address in asked if _address(address) and not self._trusts(address)]
        if others:
            scope["client"] = (others[-1], 0)
        scheme = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        prefix = headers.get("x-forwarded-prefix", "").strip().rstrip("/")
        if not self._prefix and _PREFIX_FORM.fullmatch(prefix) and ".." not in prefix.split("/"):
            scope[PREFIX] = prefix

    def _trusts(self, address: str) -> bool:
        found = _address(address)
        return any(found in network for network in self._trusted) if found else False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A server that listens at :: sees addresses of the older kind in this form.
    return getattr(found, "ipv4_mapped", None) or found
