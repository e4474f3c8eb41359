"""Clients of servers that a project works with, on this machine or elsewhere."""

from typing import Any

import httpx

from al_core.errors import ToolUnreachable
from tasks.network.loopback import is_on_loopback, misfits, unusable_proxy


def web_client(url: str, **options: Any) -> httpx.Client:
    """Return a client of one server, which asks this machine directly, and others as the environment says.

    Args:
        url: what paths are added to.
        options: of :class:`httpx.Client`.

    Raises:
        ToolUnreachable: the environment names a proxy, or certificates, that cannot be used; the message says which.
    """
    own = is_on_loopback(url)
    problem = unusable_proxy(url)
    if not problem:
        try:
            return httpx.Client(base_url=url, trust_env=not own, **options)
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            problem = "; ".join(f"{found.variable} {found.problem}; {found.mend}" for found in misfits()) or str(error)
    raise ToolUnreachable(f"{url} cannot be asked: {problem}")
