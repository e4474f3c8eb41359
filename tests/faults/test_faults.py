"""The short form: one or two faults of each family (``make test-faults`` injects some hundreds)."""

import random

import pytest

from tests.faults.families import FAMILIES
from tests.faults.framework import Family, Loss, Tally, in_turn
from tests.faults.lab import Lab
from tests.faults.table import fault_table


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A campaign of one round, made when the first family asks for it."""
    return Lab(tmp_path_factory.mktemp("lab"), rounds=1)


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.short])
def test_nothing_is_lost(name, lab, tmp_path):
    family = FAMILIES[name](tmp_path / name, lab)
    try:
        for number in range(family.short):
            injection = family.once(random.Random(f"short {name} {number}"))
            assert not injection.loss, f"{injection.where}: {injection.loss}"
    finally:
        family.close()


class Careless(Family):
    """Loses something every second time."""

    name, fault, times = "careless", "nothing in particular", 4

    def inject(self, rng, folder):
        if self._made % 2:
            raise Loss("it fell down")
        return "here", "fine"


class Rare(Careless):
    """Is injected less often."""

    name, times = "rare", 1


def test_every_family_gets_its_share_and_losses_are_counted(tmp_path):
    families = [kind(tmp_path / kind.name, None) for kind in (Careless, Rare)]
    tally = Tally(list(in_turn(families, seed=0, seconds=60)))
    assert [i.family for i in tally.injections] == ["careless", "careless", "careless", "careless", "rare"]
    assert [i.loss for i in tally.injections] == ["it fell down", "", "it fell down", "", "it fell down"]
    assert fault_table(families, tally).row_count == 3


def test_when_time_is_over_it_ends(tmp_path):
    assert list(in_turn([Careless(tmp_path, None)], seed=0, seconds=-1)) == []
