"""Commands for people who belong to several projects: one link that opens each."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from al_core.errors import FewframesError, first_line
from al_core.project import Project
from flows.cli.annotator import DEFAULT_URL, ROLES, url_option
from flows.cli.options import existing, plain_table, terminal

if TYPE_CHECKING:
    from al_core.ledger.labelling.people import Annotator
    from al_core.ledger.store import Ledger

places_argument = click.argument(
    "places", metavar="PROJECT...", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path)
)


@click.group()
def people() -> None:
    """Let people into several projects by one link; each PROJECT is one, or a folder of projects.

    Each project keeps its own people: whoever was let into one is in no other.
    """


@people.command()
@click.argument("name")
@places_argument
@click.option("--role", type=click.Choice(ROLES), default=ROLES[0], show_default=True)
@url_option
def add(name: str, places: tuple[Path, ...], role: str, url: str | None) -> None:
    """Add a person to each project and print the link that opens all of them, which is shown only now.

    Where the person is already, the role stays and the earlier link ends.
    """
    from al_core.ledger.labelling.people import Role, made_key

    key = made_key()

    def let_in(ledger: "Ledger", known: "Annotator | None") -> str:
        if known is None:
            ledger.add_annotator(name, Role(role))
        ledger.share_link(name, key)
        if known is None:
            return f"added as {role}"
        return f"{known.role} already; the earlier link and its sessions ended"

    _tell_link(name, key, url, _each(name, places, let_in))


@people.command()
@click.argument("name")
@places_argument
@url_option
def link(name: str, places: tuple[Path, ...], url: str | None) -> None:
    """Make one new link that opens each of the projects that the person is in; the earlier ones end there."""
    from al_core.ledger.labelling.people import made_key

    key = made_key()

    def renew(ledger: "Ledger", known: "Annotator | None") -> str:
        if known is None:
            return ""
        ledger.share_link(name, key)
        return "the new link opens it"

    _tell_link(name, key, url, _each(name, places, renew))


@people.command()
@click.argument("name")
@places_argument
def revoke(name: str, places: tuple[Path, ...]) -> None:
    """End a person's access to each of the projects at once; what they labelled stays."""

    def end(ledger: "Ledger", known: "Annotator | None") -> str:
        if known is None:
            return ""
        ledger.revoke_annotator(name)
        return "no longer has access; what they labelled stays"

    _each(name, places, end)


@people.command("list")
@places_argument
def list_people(places: tuple[Path, ...]) -> None:
    """Show who is in which project, and as what."""
    roles: dict[str, dict[str, str]] = {}

    def note(project: Project, ledger: "Ledger") -> None:
        for person in _people(ledger):
            roles.setdefault(person.name, {})[project.root.name] = str(person.role)

    projects, failed = _visited(places, note)
    table = plain_table("person", *(project.root.name for project in projects))
    for name in sorted(roles):
        table.add_row(name, *(roles[name].get(project.root.name, "") for project in projects))
    terminal().print(table)
    sys.exit(1 if failed else 0)


def _each(name: str, places: tuple[Path, ...], act: "Callable[[Ledger, Annotator | None], str]") -> list[Project]:
    """Do something for a person in each project, and tell what; returns the projects in which it was done.

    Args:
        act: gets a ledger and the person in it, None where there is nobody of the name; "" where nothing was done.

    Raises:
        click.ClickException: it was done in none.
    """
    done: list[Project] = []

    def visit(project: Project, ledger: "Ledger") -> None:
        said = act(ledger, next((person for person in _people(ledger) if person.name == name), None))
        click.echo(f"{project.root.name}: {said or f'{name} is not in it'}", err=True)
        if said:
            done.append(project)

    _, failed = _visited(places, visit)
    if not done:
        raise click.ClickException(f"nothing was done for {name} in any of these projects")
    if failed:
        # The link that follows opens the others.
        context = click.get_current_context()
        context.call_on_close(lambda: sys.exit(1))
    return done


def _visited(places: tuple[Path, ...], visit: "Callable[[Project, Ledger], None]") -> tuple[list[Project], bool]:
    """Visit each project; the trouble of one is told and stops no other. Returns those that were, and whether any
    was not."""
    from tasks.ledger.client import open_ledger
    from tasks.web.several.project_servers import found_projects

    visited, failed = [], False
    for project in found_projects(places):
        try:
            visit(project, open_ledger(existing(project.root)))
        except FewframesError as error:
            failed = True
            click.echo(f"{project.root.name}: {first_line(error)}", err=True)
        else:
            visited.append(project)
    return visited, failed


def _people(ledger: "Ledger") -> "list[Annotator]":
    return [person for person in ledger.annotators() if not person.revoked]


def _tell_link(name: str, key: str, url: str | None, projects: list[Project]) -> None:
    from tasks.ledger.client import living_owner

    owners = (living_owner(project) for project in projects)
    address = url or next((owner.links_to or owner.url for owner in owners if owner is not None), DEFAULT_URL)
    click.echo(f"{address.rstrip('/')}/enter#{key}")
    among = ", ".join(project.root.name for project in projects)
    click.echo(f"This link signs {name} in to {among}; it is shown only now, and is for nobody else.", err=True)
