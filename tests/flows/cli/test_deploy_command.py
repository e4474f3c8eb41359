import click
import pytest

from flows.cli.deploy import _schedules, _shown
from tasks.scheduling.deployments import FLOWS
from tests.toys.ledgers import ledger_with_clip
from tests.toys.projects import fewframes


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project, and nobody's Prefect."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    ledger_with_clip(tmp_path)
    return tmp_path


def test_a_schedule_is_of_the_rounds_unless_it_names_a_flow():
    given = ("0 6 * * *", "round=0 18 * * *", "report = 0 7 * * 1")
    assert _schedules(given, FLOWS) == {"round": ["0 6 * * *", "0 18 * * *"], "report": ["0 7 * * 1"]}


@pytest.mark.parametrize("given", ["often", "rounds=0 6 * * *", "0 6 * *", "=0 6 * * *"])
def test_what_is_no_schedule_is_refused(given):
    with pytest.raises(click.UsageError, match="minute hour day month weekday"):
        _schedules((given,), FLOWS)


def test_an_address_that_may_be_a_secret_is_no_parameter_that_prefect_shows():
    assert _shown({"notify.url": "https://hooks.example.org/s3cret", "seed": 3}) == {"seed": 3}


@pytest.mark.parametrize("command", ["deploy", "work"])
def test_without_a_server_it_says_where_one_comes_from(root, command):
    done = fewframes(command, "--project", root)
    assert done.returncode == 1
    assert "name one with PREFECT_API_URL" in done.stderr
    assert f"fewframes serve --prefect --project {root}" in done.stderr


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--set", "selection.stratgy=random"), "Did you mean 'selection.strategy'?"),
        (("--answered", "0"), "0<x<=1"),
        (("--export", "coco"), "FORMAT=PATH"),
        (("--export", "xml=labels"), "FORMAT=PATH"),
        (("--cron", "often"), "minute hour day month weekday"),
    ],
)
def test_what_cannot_run_is_refused_before_it_is_registered(root, option, message):
    done = fewframes("deploy", "--project", root, *option)
    assert done.returncode in (1, 2)
    assert message in done.stderr
