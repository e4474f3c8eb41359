"""Serve several projects at one address: a server for each, and one in front of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from al_core.errors import BadAddress
from al_core.project import Project
from tasks.network.forwarded import checked_prefix, trusted_networks
from tasks.network.loopback import reach_loopback_directly
from tasks.report.formatting import many
from tasks.web.several.project_list import Front, create_front
from tasks.web.several.project_servers import ProjectServer, kept
from tasks.web.transport.listening import Address, ended_by_signals, listening, server_of


def serve_several(
    projects: Sequence[Project], address: Address, command: Callable[[Project, str], Sequence[str]], console: Console
) -> None:
    """Serve projects until Ctrl-C or SIGTERM; the trouble of one never stops another.

    Args:
        command: what serves one project, on loopback and at any free port; links of people lead to the URL.

    Raises:
        BadAddress: the address cannot be had.
    """
    reach_loopback_directly()
    prefix = checked_prefix(address.prefix)
    if prefix.split("/")[1:2] == ["p"]:
        raise BadAddress("--prefix: the projects themselves are below /p; take another path, e.g. /videos")

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    with TemporaryDirectory(prefix="fewframes-") as folder, listening(address) as listener:
        url = f"{address.url(listener.getsockname()[1])}{prefix}"
        links = address.links_to or url
        servers = [ProjectServer(p, command(p, links), Path(folder) / f"{p.root.name}.log", say) for p in projects]
        by_name = {server.name: server for server in servers}
        front = Front(by_name, address.certificate is not None)
        app = create_front(front, address.names, prefix, trusted_networks(address.proxies))
        server = server_of(app, address)
        with kept(servers), ended_by_signals(server):
            say(f"{many(len(servers), 'project')} at {url}/; Ctrl-C ends serving.")
            for name in by_name:
                say(f"  {url}/p/{name}/")
            server.run(sockets=[listener])
            say("ending: runs that are under way stop, and go on when their projects are served or run again.")
