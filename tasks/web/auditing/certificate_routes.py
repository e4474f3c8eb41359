"""The dashboard's pages of certificates."""

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, JSONResponse

from al_core.audit.audit_records import Certificate
from al_core.errors import UnknownName
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from tasks.report.pages import dashboard_pages
from tasks.web.auth import at_least
from tasks.web.dashboard_routes import SPEAKS, Around, html_page
from tasks.web.error_responses import answers
from tasks.web.state import Context

router = APIRouter(prefix="/dashboard/certificates", dependencies=[Depends(at_least(Role.VIEWER)), SPEAKS])


@router.get("", response_class=HTMLResponse)
def certificates(context: Context, around: Around) -> HTMLResponse:
    """List all looks at audits."""
    return html_page(dashboard_pages.certificates(context.ledger.certificates(), around))


@router.get("/{certificate_id}.json", responses=answers(404))
def certificate_file(context: Context, certificate_id: str) -> JSONResponse:
    """Return a certificate as `fewframes certify` writes it."""
    content: dict[str, Any] = _known(context.ledger, certificate_id).to_json()
    name = f"attachment; filename={content['certificate_id']}.json"
    return JSONResponse(content, headers={"Content-Disposition": name})


@router.get("/{certificate_id}", response_class=HTMLResponse, responses=answers(404))
def certificate(context: Context, around: Around, certificate_id: str, verify: bool = False) -> HTMLResponse:
    """Show one look at an audit; with `verify`, it is recomputed from the ledger and the delivered files."""
    found, lines = _known(context.ledger, certificate_id), []
    if verify:
        # The server starts without scipy.
        from tasks.certificates.verifying import verify as verified

        lines = [finding.line for finding in verified(context.project, context.ledger, found)]
    names = context.ledger.category_names()
    return html_page(dashboard_pages.certificate(found, names, lines, around))


def _known(ledger: Ledger, certificate_id: str) -> Certificate:
    known = {c.certificate_id: c for c in ledger.certificates()}
    if certificate_id not in known:
        raise UnknownName("certificate", certificate_id, known)
    return known[certificate_id]
