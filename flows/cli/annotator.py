"""Commands for the people who label: who they are, and their personal links."""

from pathlib import Path

import click

from al_core.project import Project
from flows.cli.options import opened, project_option, readable_project_option, terminal

ROLES = ("annotator", "viewer", "reviewer", "lead")
DEFAULT_URL = "http://127.0.0.1:8600"


@click.group()
def annotator() -> None:
    """Add the people who label, list what they did, renew or revoke their links."""


url_option = click.option("--url", help="Where people reach the server. Default: where this project is served.")


@annotator.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default=ROLES[0], show_default=True)
@url_option
@project_option
def add(name: str, role: str, url: str | None, root: Path) -> None:
    """Add a person and print the personal link, which is shown only now.

    A viewer reads the dashboard and is given no frames; a reviewer also labels; a lead also gets the frames that others
    flagged.
    """
    from al_core.ledger.labelling.people import Role

    project, ledger = opened(root)
    key = ledger.add_annotator(name, Role(role))
    _tell_link(project, name, key, url)


@annotator.command()
@click.argument("name")
@url_option
@project_option
def link(name: str, url: str | None, root: Path) -> None:
    """Make a new link for a person; the old one no longer works, and who is signed in with it has to sign in again."""
    project, ledger = opened(root)
    _tell_link(project, name, ledger.renew_link(name), url)


@annotator.command()
@click.argument("name")
@project_option
def revoke(name: str, root: Path) -> None:
    """End a person's access at once; what they labelled stays."""
    opened(root)[1].revoke_annotator(name)
    click.echo(f"{name} no longer has access. What they labelled stays.")


@annotator.command()
@click.argument("video")
@click.argument("frames", nargs=-1, required=True, type=click.IntRange(0))
@project_option
def again(video: str, frames: tuple[int, ...], root: Path) -> None:
    """Let somebody else label FRAMES of a VIDEO once more, without masks to start from; the first label stays."""
    from tasks.project.annotator_stats import ask_again
    from tasks.report.formatting import many

    asked = ask_again(opened(root)[1], video, frames)
    click.echo(f"{many(asked, 'frame')} more to be labelled again, by somebody else; see: fewframes annotator list")


@annotator.command("list")
@readable_project_option
def list_people(root: Path) -> None:
    """Show everybody: frames, seconds, and how well their labels hold."""
    from tasks.project.annotator_stats import person_rows
    from tasks.report.formatting import many
    from tasks.report.people_tables import people_table

    project, ledger = opened(root)
    rows = person_rows(project, ledger)
    if not rows:
        click.echo("Nobody may label yet; add somebody with: fewframes annotator add NAME")
        return
    terminal().print(people_table(rows))
    flagged = ledger.flagged()
    if flagged:
        leads = [row.name for row in rows if row.role == "lead" and not row.revoked]
        hint = f"they go to {', '.join(leads)}" if leads else "add one: fewframes annotator add NAME --role lead"
        click.echo(f"{many(flagged, 'flagged frame')} left to a lead: {hint}.")


def _tell_link(project: Project, name: str, key: str, url: str | None) -> None:
    from tasks.ledger.client import living_owner

    owner = living_owner(project)
    address = url or (owner.links_to or owner.url if owner else DEFAULT_URL)
    click.echo(f"{address.rstrip('/')}/enter#{key}")
    click.echo(f"This link signs {name} in; it is shown only now, and is for nobody else.", err=True)
    if owner is None and url is None:
        click.echo(
            f"This project is not served yet: the link works after fewframes serve {project.option}, and with "
            "another --host or --port there, another address stands before /enter.",
            err=True,
        )
