"""TLS handshakes of a server: one that is not done ends after a time, and a crowd of them keeps nobody out.

asyncio shows a connection to nobody before its handshake is done, so it could not be ended to make room.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

from tasks.web.transport.connections import raised_limit

HANDSHAKE_SECONDS = 10.0


class HandshakeLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers do their handshakes under a limit.

    Args:
        most: handshakes that may be under way at a time; the oldest one ends where there are more.
    """

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self._most = raised_limit().waiting if most is None else most
        self._under_way: dict[Handshake, None] = {}

    async def create_server(self, protocol_factory: Any, *args: Any, **more: Any) -> asyncio.Server:
        """Create a server as asyncio does."""
        context = more.pop("ssl", None)
        if context is None:
            return await super().create_server(protocol_factory, *args, **more)
        return await super().create_server(lambda: Handshake(self, protocol_factory, context), *args, **more)

    def begin(self, handshake: "Handshake") -> None:
        """Count a handshake in, and end the oldest one where there are too many."""
        self._under_way[handshake] = None
        if len(self._under_way) > self._most:
            next(iter(self._under_way)).end()

    def over(self, handshake: "Handshake") -> None:
        """Count a handshake out."""
        self._under_way.pop(handshake, None)


class Handshake(asyncio.Protocol):
    """Does the handshake of one connection, then hands it over to the protocol that is spoken over it."""

    def __init__(
        self, loop: HandshakeLoop, protocol_factory: Callable[[], asyncio.Protocol], context: ssl.SSLContext
    ) -> None:
        self._loop = loop
        self._protocol_factory = protocol_factory
        self._context = context
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        self._loop.begin(self)
        self._task = self._loop.create_task(self._secure(self._transport))

    def data_received(self, data: bytes) -> None:
        """Keep what comes together with the end of the handshake."""
        self._early.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the handshake."""
        self._loop.over(self)

    def end(self) -> None:
        """End the connection."""
        self._loop.over(self)
        if self._transport is not None:
            self._transport.abort()

    async def _secure(self, transport: asyncio.Transport) -> None:
        try:
            secured = await self._loop.start_tls(
                transport, self, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError:
            # Whoever speaks no TLS, or has gone, needs no answer and no line in the log.
            secured = None
        finally:
            self._loop.over(self)
        if secured is None or secured.is_closing():
            transport.abort()
            return
        protocol = self._protocol_factory()
        secured.set_protocol(protocol)
        protocol.connection_made(secured)
        for data in self._early:
            protocol.data_received(data)
