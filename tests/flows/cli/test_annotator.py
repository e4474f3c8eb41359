import re

import pytest
from click.testing import CliRunner

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.records import LabelRequest
from flows.cli.main import main
from tests.toys.ledgers import chosen, ledger_with_clip
from tests.toys.web.serving import served


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def call(ledger, *arguments):
    return CliRunner().invoke(main, ["annotator", *arguments, "--project", str(ledger.path.parent)])


def key_in(result):
    """The key in the link that was printed."""
    (address,) = re.findall(r"^(http\S+)$", result.stdout, re.MULTILINE)
    return address, address.partition("#")[2]


def test_a_person_is_added_with_a_link_that_works(ledger):
    result = call(ledger, "add", "ada", "--role", "reviewer")
    assert result.exit_code == 0
    address, key = key_in(result)
    assert address.startswith("http://127.0.0.1:8600/enter#")
    assert "shown only now" in result.stderr
    assert f"not served yet: the link works after fewframes serve --project {ledger.path.parent}" in result.stderr
    session = ledger.sign_in(key, 60)
    assert ledger.session_holder(session).role is Role.REVIEWER


def test_the_link_names_the_address_that_people_use(ledger):
    result = call(ledger, "add", "ada", "--url", "https://labels.example.org/")
    assert key_in(result)[0].startswith("https://labels.example.org/enter#")
    assert "not served" not in result.stderr


def test_the_link_names_the_address_where_this_very_project_is_served(ledger):
    with served(Project.at(ledger.path.parent)) as (_, owner):
        result = call(ledger, "add", "ada")
    assert key_in(result)[0].startswith(f"{owner.url}/enter#")
    assert "not served" not in result.stderr


def test_a_new_link_replaces_the_old_one_and_revoking_ends_both(ledger):
    _, old = key_in(call(ledger, "add", "ada"))
    _, new = key_in(call(ledger, "link", "ada"))
    assert ledger.sign_in(old, 60) is None
    assert ledger.sign_in(new, 60)
    assert "no longer has access" in call(ledger, "revoke", "ada").output
    assert ledger.sign_in(new, 60) is None


def test_errors_say_what_to_do(ledger):
    call(ledger, "add", "ada")
    assert "new link: fewframes annotator link ada" in call(ledger, "add", "ada").output
    assert "unknown annotator 'adda'; known: ada. Did you mean 'ada'?" in call(ledger, "revoke", "adda").output


def test_flagged_frames_without_a_lead_are_told(ledger):
    call(ledger, "add", "ada")
    request = LabelRequest.of(1, chosen(3))
    ledger.put_requests([request])
    ledger.flag(request.request_id, "ada", ledger.claim("ada", 60).lease, "is this a car?")
    assert "1 flagged frame left to a lead: add one" in call(ledger, "list").output
    call(ledger, "add", "lea", "--role", "lead")
    assert "left to a lead: they go to lea." in call(ledger, "list").output


def test_everybody_is_listed(ledger):
    assert "add somebody with: fewframes annotator add NAME" in call(ledger, "list").output
    call(ledger, "add", "ada")
    assert "ada" in call(ledger, "list").output
