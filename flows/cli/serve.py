"""The command that serves a project: people label in their browsers while rounds go on."""

import sys
from pathlib import Path

import click

from flows.cli.options import existing, project_option, terminal


@click.command()
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
@click.option(
    "--prefect", "with_prefect", is_flag=True, help="Keep a Prefect server and a worker for what is deployed."
)
def serve(
    root: Path,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    without_tls: bool,
    names: tuple[str, ...],
    prefix: str,
    proxies: tuple[str, ...],
    with_prefect: bool,
) -> None:
    """Serve the project: people label in their browsers, and each round goes on by itself when it is answered.

    While it runs it owns the ledger; the other commands work as always and ask it.
    """
    from tasks.web.serve import Address, Commands
    from tasks.web.serve import serve as serve_project

    project = existing(root)
    commands = Commands(run_command(project.root), work_command(project.root) if with_prefect else None)
    address = Address(host, port, certificate, key, without_tls, names, prefix, proxies)
    serve_project(project, address, commands, terminal())


def run_command(root: Path) -> list[str]:
    """Return the command that takes the rounds of a project on."""
    return [sys.executable, "-m", "flows.cli.main", "run", "--project", str(root)]


def work_command(root: Path) -> list[str]:
    """Return the command that runs what is deployed of a project."""
    return [sys.executable, "-m", "flows.cli.main", "work", "--project", str(root)]
