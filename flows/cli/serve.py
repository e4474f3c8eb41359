"""The command that serves a project: people label in their browsers while rounds go on."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from al_core.project import Project
from flows.cli.edge import remember_project
from flows.cli.options import existing, project_option, terminal

if TYPE_CHECKING:
    from tasks.web.transport.listening import Address


@click.command()
@click.argument("places", metavar="[PROJECT]...", nargs=-1, type=click.Path(file_okay=False, path_type=Path))
@project_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen at.")
@click.option("--port", default=8600, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM file, for TLS.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM file, for TLS.")
@click.option("--without-tls", is_flag=True, help="Serve other machines without TLS all the same.")
@click.option("--name", "names", multiple=True, help="Another host name that people reach it by, e.g. a proxy's.")
@click.option("--prefix", default="", help="Path below which people see it behind a reverse proxy, e.g. /label-tool.")
@click.option(
    "--trusted-proxy",
    "proxies",
    multiple=True,
    help="Address or range of a reverse proxy whose X-Forwarded-For, -Proto and -Prefix count; may be given again.",
)
@click.option("--links-to", default="", help="URL that links of people lead to.  [default: where it is served]")
@click.option(
    "--prefect", "with_prefect", is_flag=True, help="Keep a Prefect server and a worker for what is deployed."
)
def serve(
    places: tuple[Path, ...],
    root: Path,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    without_tls: bool,
    names: tuple[str, ...],
    prefix: str,
    proxies: tuple[str, ...],
    links_to: str,
    with_prefect: bool,
) -> None:
    """Serve the project: people label in their browsers, and each round goes on by itself when it is answered.

    While it runs it owns the ledger; the other commands work as always and ask it. Several PROJECTs, or a folder of
    projects, are served at one address, each by a process of its own.
    """
    from tasks.web.several.project_servers import is_project
    from tasks.web.transport.listening import Address

    context = click.get_current_context()
    if places and context.get_parameter_source("root") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("expected PROJECT... or --project, got both: name each project once, as PROJECT")
    address = Address(host, port, certificate, key, without_tls, names, prefix, proxies, links_to)
    if places and (len(places) > 1 or not is_project(places[0])):
        _serve_several(places, address, with_prefect)
        return
    from tasks.web.serve import Commands
    from tasks.web.serve import serve as serve_project

    project = existing(remember_project(context, context.command.params[0], *places or [root]))
    commands = Commands(run_command(project.root), work_command(project.root) if with_prefect else None)
    serve_project(project, address, commands, terminal())


def _serve_several(places: tuple[Path, ...], address: "Address", with_prefect: bool) -> None:
    from tasks.web.several.project_servers import found_projects
    from tasks.web.several.serve_several import serve_several

    def command(project: Project, links_to: str) -> list[str]:
        behind = ["--project", str(project.root), "--port", "0", "--trusted-proxy", "127.0.0.1"]
        return [*_fewframes("serve"), *behind, "--links-to", links_to, *(["--prefect"] if with_prefect else [])]

    serve_several(found_projects(places), address, command, terminal())


def run_command(root: Path) -> list[str]:
    """Return the command that takes the rounds of a project on."""
    return [*_fewframes("run"), "--project", str(root)]


def work_command(root: Path) -> list[str]:
    """Return the command that runs what is deployed of a project."""
    return [*_fewframes("work"), "--project", str(root)]


def _fewframes(name: str) -> list[str]:
    return [sys.executable, "-m", "flows.cli.main", name]
