"""A small real reverse proxy with TLS, which shows a server below a path, as nginx, Caddy and Traefik do."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.toys.web.tls import write_certificate


@dataclass
class ReverseProxy:
    """How it hands requests on, and what it saw.

    Attributes:
        upstream: URL of the server behind it.
        prefix: the only path that it shows, e.g. "/label-tool".
        strips: whether it takes the prefix off before it hands a request on.
        says: whether it sends X-Forwarded-Prefix.
        host: what it sends as Host; "" sends on what it was asked for.
        log: the first line of each request and its Referer, as access logs have them.
        url: where browsers find the server.
    """

    upstream: str
    prefix: str
    strips: bool = True
    says: bool = True
    host: str = ""
    log: list[str] = field(default_factory=list)
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand one request on, and its answer back; each has a connection of its own."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head[:-4].split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
            self.log.append(f"{line} {headers.get('referer', '-')}")
            method, path, _ = line.split(" ")
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if path.partition("?")[0] == self.prefix and self.strips:
                writer.write(f"HTTP/1.1 301 Moved\r\nLocation: {self.prefix}/\r\n".encode())
                writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            elif not path.startswith(self.prefix):
                writer.write(b"HTTP/1.1 404 Not here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                peer = writer.get_extra_info("peername")[0]
                await self._pass_on(f"{method} {self._inner(path)} HTTP/1.1", headers, peer, body, writer)
            await writer.drain()
        writer.close()

    def _inner(self, path: str) -> str:
        return path.removeprefix(self.prefix) or "/" if self.strips else path

    async def _pass_on(
        self, line: str, headers: dict[str, str], peer: str, body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        behind = urlsplit(self.upstream)
        headers |= {"connection": "close", "x-forwarded-for": peer, "x-forwarded-proto": "https"}
        headers |= {"x-forwarded-prefix": self.prefix} if self.says else {}
        headers |= {"host": self.host} if self.host else {}
        inner_reader, inner_writer = await asyncio.open_connection(behind.hostname, behind.port)
        text = "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items()), "", ""])
        inner_writer.write(text.encode("latin-1") + body)
        while part := await inner_reader.read(2**16):
            writer.write(part)
            await writer.drain()
        inner_writer.close()


@contextmanager
def proxied(folder: Path, upstream: str, prefix: str, **options: object) -> Iterator[ReverseProxy]:
    """Run a proxy for the length of the block.

    Args:
        folder: where its certificate is written.
        options: further fields of the proxy.
    """
    proxy = ReverseProxy(upstream, prefix, **options)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> asyncio.Server:
        return await asyncio.start_server(proxy.handle, "127.0.0.1", 0, ssl=context)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    proxy.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}{prefix}"
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
