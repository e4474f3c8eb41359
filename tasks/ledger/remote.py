"""The client of the ledger's RPC: operations carried out by the process that owns the file."""

import logging
import os
import ssl
import threading
import weakref
from pathlib import Path
from typing import Any

import httpx

from al_core.errors import LedgerBusy, LedgerConflict
from al_core.ledger.file.owner import Owner
from al_core.ledger.forwarding import READS, ForwardedLedger
from tasks.ledger.codec import pack, unpack, unpack_error

_log = logging.getLogger(__name__)

# Kept shorter than the server keeps idle connections, so that none is closed just when something is sent on it.
_IDLE_SECONDS = 5.0
_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
_SLOW_SECONDS = 20.0
_SLOW = "%s did not answer %r within %g s: it is busy, or was stopped; waiting up to ten minutes"


class RemoteLedger(ForwardedLedger):
    """The ledger of another process, the owner of the file, over HTTP."""

    def __init__(self, owner: Owner, path: Path) -> None:
        self.owner = owner
        self.path = path
        self._pid = os.getpid()
        self._client = httpx.Client(
            base_url=f"{owner.url}/ledger/",
            headers={"Authorization": f"Bearer {owner.secret}"},
            timeout=_TIMEOUT,
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
            trust_env=False,
            verify=trust_of(owner),
        )
        # Other threads may still use a handle that one lets go of, so its connections end with the last of them.
        weakref.finalize(self, self._client.close)

    def forward(self, name: str, arguments: dict[str, Any]) -> Any:
        """Let the owner carry out an operation.

        Raises:
            LedgerBusy: the owner does not answer, and nothing was changed.
            LedgerConflict: the owner went away in the middle of an operation that changes something.
            FewframesError: what the operation itself raises, as the same class.
        """
        if os.getpid() != self._pid:
            raise LedgerConflict("a ledger handle does not survive fork: open the ledger anew in the child process")
        slow = threading.Timer(_SLOW_SECONDS, _log.warning, (_SLOW, self._who, name, _SLOW_SECONDS))
        slow.daemon = True
        slow.start()
        try:
            response = self._client.post(name, content=pack(arguments))
        except httpx.TransportError as error:
            self._give_up(name, error)
        finally:
            slow.cancel()
        if response.status_code == httpx.codes.OK:
            return unpack(response.content)
        if response.status_code == httpx.codes.CONFLICT:
            raise unpack_error(response.content)
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.SERVICE_UNAVAILABLE):
            raise LedgerBusy(f"{self._who} is another one by now, or ends")
        raise RuntimeError(f"{self._who} could not do {name}: {response.text[:2000]}")

    @property
    def _who(self) -> str:
        return f"the owner of {self.path} ({self.owner.by.who}, {self.owner.url})"

    def _give_up(self, name: str, error: httpx.TransportError) -> None:
        if name in READS or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            raise LedgerBusy(f"{self._who} does not answer ({error})") from error
        raise LedgerConflict(
            f"{self._who} went away during {name!r}, so whether that was stored is not known. Give the same command "
            "again: what is stored already is not stored twice."
        ) from error


def trust_of(owner: Owner) -> ssl.SSLContext:
    """Return trust in the very certificate that an owner answers with, whatever its host name; without one, in none.

    The certificates of the machine are not loaded: they would cost each process a tenth of a second, for nothing.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if owner.certificate:
        context.load_verify_locations(owner.certificate)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
