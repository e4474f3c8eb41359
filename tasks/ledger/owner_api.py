"""The RPC of the ledger for other processes of this user, which show the secret in owner.json.

The middleware has checked the secret before anything comes here.
"""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from al_core.errors import FewframesError
from al_core.ledger.forwarding import OPERATIONS
from al_core.ledger.store import Ledger
from tasks.ledger.codec import pack, pack_error, unpack
from tasks.web.error_responses import ApiError
from tasks.web.middleware import LEDGER

_log = logging.getLogger(__name__)

router = APIRouter()


@router.post(LEDGER + "{operation}")
async def carry_out(operation: str, request: Request) -> Response:
    """Carry out one operation; the product's own errors are answers of status 409."""
    if operation not in OPERATIONS:
        raise ApiError(404, f"the ledger has no operation {operation!r}", "Use the same version of fewframes for both.")
    return await run_in_threadpool(_call, request.app.state.context.ledger, operation, await request.body())


def _call(ledger: Ledger, operation: str, body: bytes) -> Response:
    try:
        arguments: dict[str, Any] = unpack(body)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ApiError(400, f"this is no call of {operation!r}: {error}", "Use fewframes to make it.") from error
    try:
        return _message(HTTPStatus.OK, pack(getattr(ledger, operation)(**arguments)))
    except FewframesError as error:
        return _message(HTTPStatus.CONFLICT, pack_error(error))
    except Exception as error:
        _log.exception("%s failed", operation)
        return Response(f"{type(error).__name__}: {error}", HTTPStatus.INTERNAL_SERVER_ERROR)


def _message(status: HTTPStatus, content: bytes) -> Response:
    return Response(content, status, media_type="application/octet-stream")
