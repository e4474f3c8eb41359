"""The fault table."""

from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tests.faults.framework import Family, Tally


def fault_table(families: Sequence[Family], tally: Tally) -> Table:
    """Fault, times injected, outcome, losses; one row a family."""
    table = Table("fault", box=SIMPLE_HEAD, header_style="bold", show_edge=False)
    table.add_column("times", justify="right")
    table.add_column("outcome")
    table.add_column("losses", justify="right")
    for family in families:
        made = tally.of(family)
        outcomes = Counter(i.outcome for i in made).most_common()
        words = "\n".join(f"{n} {outcome}" for outcome, n in outcomes)
        table.add_row(
            f"{family.fault} [dim]({family.name})[/]", str(len(made)), words, str(sum(bool(i.loss) for i in made))
        )
    table.add_row("[bold]all[/]", str(len(tally.injections)), "", str(len(tally.losses)))
    return table
