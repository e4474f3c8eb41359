"""Answers to errors: ``{"error": what, "mend": what to do}``, with the HTTP status of each class.

Who opens an address in a browser reads the same as a page.
"""

import html
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from al_core import errors
from al_core.errors import FewframesError
from tasks.languages.browser import language_of
from tasks.languages.catalogue import in_words

_log = logging.getLogger(__name__)

_TELL_THE_LEAD = "Nothing was stored; what you drew stays with you. Tell the lead"
_FOOTAGE = "Ask for a frame that the video has; of footage that was moved or changed, tell the lead."
_MEND = "Mend what the message names, then try again."

STATUSES: dict[type[FewframesError], tuple[HTTPStatus, str]] = {
    errors.FewframesError: (HTTPStatus.BAD_REQUEST, _MEND),
    errors.UnknownName: (HTTPStatus.NOT_FOUND, "Ask for one that is known."),
    errors.NotReady: (HTTPStatus.NOT_FOUND, "Come back when the rounds are further."),
    errors.BadLabel: (HTTPStatus.UNPROCESSABLE_ENTITY, "Correct the masks and send them again."),
    errors.BadVideo: (HTTPStatus.UNPROCESSABLE_ENTITY, _FOOTAGE),
    errors.BadSettings: (HTTPStatus.UNPROCESSABLE_ENTITY, _MEND),
    errors.BadQuery: (HTTPStatus.UNPROCESSABLE_ENTITY, _MEND),
    errors.BadAudit: (HTTPStatus.UNPROCESSABLE_ENTITY, _MEND),
    errors.BadRecords: (HTTPStatus.UNPROCESSABLE_ENTITY, _MEND),
    errors.BadBackup: (HTTPStatus.UNPROCESSABLE_ENTITY, _MEND),
    errors.BadAddress: (HTTPStatus.UNPROCESSABLE_ENTITY, _MEND),
    errors.BadPerson: (HTTPStatus.FORBIDDEN, "Ask the lead."),
    errors.EmptyPool: (HTTPStatus.CONFLICT, "Take in more videos, or end the campaign."),
    errors.LedgerConflict: (HTTPStatus.CONFLICT, "Load the task again; what you drew stays with you."),
    errors.StaleLease: (HTTPStatus.CONFLICT, "Nothing of yours was stored; what you drew stays on this page."),
    errors.RunLocked: (HTTPStatus.CONFLICT, "Wait until that run is over."),
    errors.OutputExists: (HTTPStatus.CONFLICT, _MEND),
    errors.LedgerBusy: (HTTPStatus.SERVICE_UNAVAILABLE, "Try again in a moment."),
    errors.ToolUnreachable: (HTTPStatus.BAD_GATEWAY, "Try again in a moment."),
    errors.LedgerCorrupt: (HTTPStatus.SERVICE_UNAVAILABLE, f"{_TELL_THE_LEAD}."),
    errors.NewerLedger: (HTTPStatus.SERVICE_UNAVAILABLE, f"{_TELL_THE_LEAD}."),
    errors.ReadOnly: (HTTPStatus.SERVICE_UNAVAILABLE, f"{_TELL_THE_LEAD}."),
    errors.NoSpace: (HTTPStatus.INSUFFICIENT_STORAGE, f"{_TELL_THE_LEAD}."),
    errors.DamagedFile: (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"{_TELL_THE_LEAD}: the next run makes the file again (fewframes run).",
    ),
    errors.BadCheckpoint: (HTTPStatus.INTERNAL_SERVER_ERROR, f"{_TELL_THE_LEAD}: the weights have to be put right."),
    errors.MissingDependency: (HTTPStatus.INTERNAL_SERVER_ERROR, f"{_TELL_THE_LEAD}: fewframes doctor says more."),
    errors.OutOfMemory: (HTTPStatus.INTERNAL_SERVER_ERROR, f"{_TELL_THE_LEAD}."),
    errors.TrainingDiverged: (HTTPStatus.INTERNAL_SERVER_ERROR, f"{_TELL_THE_LEAD}."),
    errors.WorkerLost: (HTTPStatus.INTERNAL_SERVER_ERROR, f"{_TELL_THE_LEAD}."),
    errors.VersionsDiffer: (HTTPStatus.INTERNAL_SERVER_ERROR, f"{_TELL_THE_LEAD}."),
}
"""Status of every error of the product, and what to do about it."""
_MENDS = {
    HTTPStatus.UNAUTHORIZED: "Open your personal link again, or ask the lead for a new one.",
    HTTPStatus.FORBIDDEN: "Ask the lead; your role does not allow this.",
    HTTPStatus.NOT_FOUND: "Check the address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Check the method of the call.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Send less at a time.",
}


_FOLDERS = re.compile(r"""^/(?:[^/:]*[^/:\s(]/)*(?=[^/:]*:\s)|(?<![\w/.:])/(?:[^\s/'"]+/)+""")
"""The folders of an absolute path: names with spaces only where the path comes first and a colon ends it."""

_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{what} – fewframes</title><link rel="stylesheet" href="{up}static/now/page.css"></head>
<body class="start"><main><h1>{what}.</h1><p>{mend}</p><p><a class="button" href="{up}">{first_page}</a></p></main>
</body></html>
"""


class ApiError(Exception):
    """A call that is refused.

    Args:
        status: HTTP status.
        error: what is wrong.
        mend: what to do.
        more: further entries of the answer.
    """

    def __init__(self, status: int, error: str, mend: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "mend": mend, **more}


def answers(
    *refusals: int, example: Mapping[str, Any] | None = None, nothing: str = ""
) -> dict[int | str, dict[str, Any]]:
    """Return what a route documents: the refusals that it may give, and an example of its answer.

    Args:
        refusals: status codes besides those that stand before every route.
        example: of the JSON that it answers with.
        nothing: what an answer without content (204) means, where it may give one.
    """
    told: dict[int | str, dict[str, Any]] = {refusal: {} for refusal in refusals}
    if example is not None:
        told[200] = {"content": {"application/json": {"example": dict(example)}}}
    if nothing:
        told[204] = {"description": nothing}
    return told


def add_error_handlers(app: FastAPI) -> None:
    """Let every error of an application be answered in the one form."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> Response:
        return _answer(request, error.status, **error.body)

    @app.exception_handler(FewframesError)
    async def own(request: Request, error: FewframesError) -> Response:
        status, mend = next(STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("%s: %s", type(error).__name__, error)
        owner = {"owner": error.owner} if isinstance(error, errors.StaleLease) else {}
        return _answer(request, status, told_to(request, error), mend, **owner)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        mend = _MENDS.get(HTTPStatus(error.status_code), "Check the call.")
        return _answer(request, error.status_code, str(error.detail), mend)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, f"{where}: {first['msg']}", "Correct that field.")


def told_to(request: Request, error: FewframesError) -> str:
    """Return what an error says to whoever asks: leads read where files lie on the server, others their names."""
    return str(error) if getattr(request.state, "reads_folders", False) else _FOLDERS.sub("", str(error))


def way_up(request: Request) -> str:
    """Return the relative address of the start page, "../": a proxy may show all pages below another path."""
    return "../" * (request.scope["path"].count("/") - 1) or "./"


def _answer(request: Request, status: int, error: str, mend: str, **more: Any) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        language = language_of(request)
        what = in_words(error, language)
        words = {"what": what[:1].upper() + what[1:].rstrip("."), "mend": in_words(mend, language)}
        words["first_page"] = in_words("The first page", language)
        words = {name: html.escape(text) for name, text in words.items()}
        page = _PAGE.format_map({**words, "language": language, "up": way_up(request)})
        return HTMLResponse(page, status, {"Vary": "Accept, Accept-Language, Cookie", "Content-Language": language})
    return JSONResponse({"error": error, "mend": mend, **more}, status)
