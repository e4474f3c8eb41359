import pytest

from al_core.errors import BadSettings
from tasks.project.changes import parse_changes


def test_values_are_toml_or_plain_text():
    given = ["seed=3", "teachers.decays=[0.5, 0.9]", "selection.strategy=random", "notify.url=http://a/b=c", "a=true"]
    assert parse_changes(given) == {
        "seed": 3,
        "teachers.decays": [0.5, 0.9],
        "selection.strategy": "random",
        "notify.url": "http://a/b=c",
        "a": True,
    }


def test_a_change_without_a_value_is_refused():
    with pytest.raises(BadSettings, match="NAME=VALUE, got 'seed'"):
        parse_changes(["seed"])
