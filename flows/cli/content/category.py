"""Commands on categories, and on the instruction that people read while they label."""

from pathlib import Path

import click

from flows.cli.options import opened, plain_table, project_option, readable_project_option, terminal
from tasks.processes.surroundings import user_name


@click.group()
def category() -> None:
    """Add, change and remove what objects may be called; labels stay."""


@category.command("add")
@click.argument("name")
@project_option
@click.option("--colour", help="As #rrggbb.")
@click.option("--description", help="What belongs to it and what does not, in a sentence or two.")
@click.option("--key", help="Digit that chooses it on the page, 1 to 9.")
@click.option("--example", type=click.Path(path_type=Path), help="A picture of one.")
def add(
    name: str, root: Path, colour: str | None, description: str | None, key: str | None, example: Path | None
) -> None:
    """Add a category, or change what people are shown of one that is there."""
    from tasks.curation.example_pictures import example_picture

    _, ledger = opened(root)
    picture = None if example is None else example_picture(example)
    found = ledger.set_category(name, user_name(), colour, description, key, picture)
    click.echo(f"{found.name}: category {found.category_id}; it can be chosen at once, and the next round learns it")


@category.command("rename")
@click.argument("name")
@click.argument("new")
@project_option
def rename(name: str, new: str, root: Path) -> None:
    """Call a category otherwise; labels and what the student knows of it stay."""
    _, ledger = opened(root)
    ledger.rename_category(name, new, user_name())
    click.echo(f"{name} is called {new} now")


@category.command("merge")
@click.argument("name")
@click.argument("into")
@project_option
def merge(name: str, into: str, root: Path) -> None:
    """Let a category be another one, with all its labels."""
    from tasks.report.formatting import many

    _, ledger = opened(root)
    used = ledger.merge_category(name, into, user_name())
    click.echo(f"{name} is {into} now, with {many(used.masks, 'mask')} in {many(used.frames, 'labelled frame')}")


@category.command("remove")
@click.argument("name")
@project_option
def remove(name: str, root: Path) -> None:
    """Offer a category no more. Masks of it stay stored and count as background; adding it again brings them back."""
    from tasks.report.formatting import many

    project, ledger = opened(root)
    used = ledger.remove_category(name, user_name())
    stays = f"{many(used.masks, 'mask')} in {many(used.frames, 'labelled frame')} stay stored and count as background"
    click.echo(f"{name} is removed; {stays}. It comes back with: fewframes category add {name!r} {project.option}")


@category.command("list")
@readable_project_option
def list_categories(root: Path) -> None:
    """List the categories, and how many masks people drew of each."""
    _, ledger = opened(root)
    with ledger.held():
        uses, found = ledger.category_uses(), ledger.described_categories()
    table = plain_table("category", "key", "colour", "masks", "frames", "example", "description")
    for this in found:
        used = uses[this.category_id]
        example = "yes" if this.has_example else ""
        table.add_row(
            this.name, this.key, this.colour, f"{used.masks:,}", f"{used.frames:,}", example, this.description
        )
    terminal().print(table)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@project_option
@click.option("--remove", is_flag=True, help="Show none.")
def guide(file: Path | None, root: Path, remove: bool) -> None:
    """Show people an instruction on the page, a text file in Markdown; without FILE, print the one there is."""
    from tasks.curation.example_pictures import guide_text

    if file is not None and remove:
        raise click.UsageError("name a file to show, or give --remove to show none, not both")
    _, ledger = opened(root)
    if file is None and not remove:
        click.echo(ledger.guide() or "There is no guide yet; show one with: fewframes guide FILE")
        return
    text = "" if file is None else guide_text(file)
    ledger.put_guide(text, user_name())
    click.echo(f"people see {file} on the page now" if text else "people see no guide any more")
