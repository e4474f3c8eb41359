"""What is answered when something is wrong: ``{"error": what, "mend": what to do}``, with a fitting status."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from al_core.errors import (
    BadLabel,
    BadVideo,
    FewframesError,
    LedgerBusy,
    LedgerConflict,
    LedgerCorrupt,
    NoSpace,
    UnknownName,
)

_OWN: tuple[tuple[type[FewframesError], HTTPStatus, str], ...] = (
    (UnknownName, HTTPStatus.NOT_FOUND, "Ask for one that is known."),
    (BadLabel, HTTPStatus.UNPROCESSABLE_ENTITY, "Correct the masks and send them again."),
    (BadVideo, HTTPStatus.UNPROCESSABLE_ENTITY, "Ask for a frame that the video has."),
    (LedgerBusy, HTTPStatus.SERVICE_UNAVAILABLE, "Try again in a moment."),
    (LedgerConflict, HTTPStatus.CONFLICT, "Load the task again; what you drew stays with you."),
    (NoSpace, HTTPStatus.INSUFFICIENT_STORAGE, "Nothing was stored; what you drew stays with you. Tell the lead."),
    (LedgerCorrupt, HTTPStatus.SERVICE_UNAVAILABLE, "Nothing was stored; what you drew stays with you. Tell the lead."),
    (FewframesError, HTTPStatus.BAD_REQUEST, "Mend what the message names, then try again."),
)
_MENDS = {
    HTTPStatus.UNAUTHORIZED: "Open your personal link again, or ask the lead for a new one.",
    HTTPStatus.FORBIDDEN: "Ask the lead; your role does not allow this.",
    HTTPStatus.NOT_FOUND: "Check the address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Check the method of the call.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Send less at a time.",
}


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


def add_error_handlers(app: FastAPI) -> None:
    """Let every error of an application be answered in the one form."""

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body, error.status)

    @app.exception_handler(FewframesError)
    async def own(_: Request, error: FewframesError) -> JSONResponse:
        status, mend = next((status, mend) for cls, status, mend in _OWN if isinstance(error, cls))
        return _answer(status, str(error), mend)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        mend = _MENDS.get(HTTPStatus(error.status_code), "Check the call.")
        return _answer(error.status_code, str(error.detail), mend)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"{where}: {first['msg']}", "Correct that field.")


def _answer(status: int, error: str, mend: str) -> JSONResponse:
    return JSONResponse({"error": error, "mend": mend}, status)
