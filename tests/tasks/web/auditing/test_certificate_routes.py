"""The dashboard's pages of certificates: a list, a page of each, and the certificate itself."""

import httpx
import pytest

from al_core.audit.audit_records import Certificate
from al_core.ledger.labelling.people import Role
from tasks.certificates.drawing_audits import draw_audit
from tasks.certificates.issuing import Wish, issue
from tests.toys.audits.audited_project import answer_all, audited_project
from tests.toys.web.desk import CHANGING
from tests.toys.web.serving import served


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """(ledger, address, certificate) of a project that has one."""
    project, ledger, _ = audited_project(tmp_path_factory.mktemp("certified"))
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=200, frames=0))
    made = issue(project, ledger, Wish())
    with served(project) as (context, owner):
        yield context.ledger, owner.url, made


def page_of(office, address, role=Role.VIEWER):
    """What somebody of a role is shown."""
    ledger, url, _ = office
    known = {person.name for person in ledger.annotators()}
    token = ledger.renew_link(str(role)) if str(role) in known else ledger.add_annotator(str(role), role)
    with httpx.Client(base_url=url, follow_redirects=True, timeout=60) as client:
        client.post("/enter", json={"token": token}, headers=CHANGING).raise_for_status()
        return client.get(address)


def test_the_list_and_the_quality_page_lead_to_the_page_of_each(office):
    made = office[2]
    for address in ("/dashboard/certificates", "/dashboard/quality"):
        assert f'href="certificates/{made.certificate_id}"' in page_of(office, address).text
    shown = page_of(office, f"/dashboard/certificates/{made.certificate_id}").text
    assert f"{made.accepted_masks:,} of 240 masks of round 1 are accepted" in shown
    assert f'href="{made.certificate_id}.json"' in shown


def test_it_can_be_taken_along_and_verified(office):
    made = office[2]
    taken = page_of(office, f"/dashboard/certificates/{made.certificate_id}.json")
    assert Certificate.from_json(taken.json()) == made
    assert "attachment" in taken.headers["Content-Disposition"]
    shown = page_of(office, f"/dashboard/certificates/{made.certificate_id}?verify=true").text
    assert "ok: they lead to it again" in shown
    assert "FAILS" not in shown


def test_others_are_not_known_and_annotators_may_not_look(office):
    made = office[2]
    assert page_of(office, "/dashboard/certificates/c9-0").status_code == 404
    assert page_of(office, "/dashboard/certificates/c9-0.json").status_code == 404
    assert page_of(office, f"/dashboard/certificates/{made.certificate_id}", Role.ANNOTATOR).status_code == 403
