"""The examples of docs/serving.md behind real reverse proxies: people label and look around through each in Chromium.

    python -m tests.bench.load.real_proxies --nginx /usr/sbin/nginx --caddy /usr/bin/caddy --traefik ./traefik

Each proxy gets its example as it is written, around which only what every installation has is put (an address with TLS,
places for logs), and ``fewframes serve`` the options that stand beside it. What is looked at: everything below the path
in a browser, with and without the slash at its end; that the largest body comes through and a larger one is refused;
that the audit log names who asked; and that no token is left in the proxy's log. Proxies that are not given are looked
for in PATH; one that is nowhere is named and passed over.
"""

import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx

from al_core.project import Project
from tests.bench.load.serve_load import free_port
from tests.toys.projects import command, fewframes
from tests.toys.web.browser import browser
from tests.toys.web.desk import desk
from tests.toys.web.tls import NAME, write_certificate
from tests.toys.web.visits import label_a_frame, look_around

PAGE = Path(__file__).resolve().parents[3] / "docs" / "serving.md"
PREFIX = "/label-tool"
WRITTEN_ADDRESS = "127.0.0.1:8600"
ELSEWHERE = "127.0.0.2"
"""An address of this machine that people ask from, so that it differs from the proxy's."""
LARGEST = 16 * 2**20
START_SECONDS = 60.0


@dataclass(frozen=True)
class Place:
    """Where a proxy is tried.

    Attributes:
        program: the proxy.
        folder: of its own files; cert.pem and key.pem are there.
        port: that it listens at, with TLS.
        upstream: address and port of the server.
    """

    program: str
    folder: Path
    port: int
    upstream: str

    @property
    def log(self) -> Path:
        """Its access log."""
        return self.folder / "access.log"

    @property
    def url(self) -> str:
        """Where browsers see the project."""
        return f"https://{NAME}:{self.port}{PREFIX}"

    def example(self, language: str) -> str:
        """The example of a language, with the address of this server in the place of the one that is written."""
        (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        assert WRITTEN_ADDRESS in text
        return text.replace(WRITTEN_ADDRESS, self.upstream)


def nginx(place: Place) -> list[str]:
    """The command of nginx."""
    paths = "".join(
        f"{name}_temp_path {place.folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = place.folder / "nginx.conf"
    file.write_text(
        f"daemon off;\npid {place.folder}/pid;\nerror_log stderr;\nuser root;\nevents {{}}\nhttp {{\n{paths}"
        f"access_log {place.log};\nserver {{\nlisten 127.0.0.1:{place.port} ssl;\nserver_name {NAME};\n"
        f"ssl_certificate {place.folder}/cert.pem;\nssl_certificate_key {place.folder}/key.pem;\n"
        f"{place.example('nginx')}}}\n}}\n"
    )
    return [place.program, "-p", str(place.folder), "-c", str(file)]


def caddy(place: Place) -> list[str]:
    """The command of Caddy."""
    own = f"tls {place.folder}/cert.pem {place.folder}/key.pem\nbind 127.0.0.1\nlog {{\noutput file {place.log}\n}}\n"
    ports = f"https_port {place.port}\nhttp_port {free_port()}\n"
    file = place.folder / "Caddyfile"
    site = place.example("caddy").replace(f"{NAME} {{\n", f"{NAME} {{\n{own}", 1)
    file.write_text(f"{{\nadmin off\nskip_install_trust\nstorage file_system {place.folder}/state\n{ports}}}\n{site}")
    return [place.program, "run", "--config", str(file), "--adapter", "caddyfile"]


def traefik(place: Place) -> list[str]:
    """The command of Traefik, which makes a certificate of its own."""
    file = place.folder / "labels.yml"
    file.write_text(place.example("yaml"))
    return [
        place.program,
        f"--entrypoints.websecure.address=127.0.0.1:{place.port}",
        f"--providers.file.filename={file}",
        f"--accesslog.filepath={place.log}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]


PROXIES: dict[str, Callable[[Place], list[str]]] = {"nginx": nginx, "caddy": caddy, "traefik": traefik}


def tried(name: str, program: str, folder: Path) -> list[str]:
    """Serve a project behind a proxy and use it; returns what does not work."""
    with desk(folder / "work") as found:
        found.ask(1, 2, round_id=2)
        project = found.project
    port = free_port()
    place = Place(program, folder, free_port(), f"127.0.0.1:{port}")
    write_certificate(folder)
    serve, add = (words for words in documented() if words[0] in ("serve", "annotator"))
    serve = [*filled(serve, {"--project": str(project.root)}), "--port", str(port)]
    with (
        running(command(*serve), port, folder / "serve.out"),
        running(PROXIES[name](place), place.port, folder / "proxy.out"),
    ):
        tokens = {role: token_of(add, project, place, role) for role in ("annotator", "lead")}
        return [problem for problem in looked_at(place, project, tokens) if problem]


def documented() -> list[list[str]]:
    """The commands that stand before the examples."""
    text = PAGE.read_text().partition("## Behind a reverse proxy")[2]
    (block, *_) = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [shlex.split(line)[1:] for line in block.splitlines()]


def filled(words: list[str], values: dict[str, str]) -> list[str]:
    """A documented command with other values of its options."""
    words = list(words)
    for option, value in values.items():
        words[words.index(option) + 1] = value
    return words


def token_of(add: list[str], project: Project, place: Place, role: str) -> str:
    """The token of a new person, from the link that the documented command prints."""
    _, verb, _, *options = filled(add, {"--project": str(project.root), "--url": place.url})
    done = fewframes("annotator", verb, role, *options, "--role", role)
    (token,) = re.findall(rf"{re.escape(place.url)}/enter#(\S+)", done.stdout)
    return token


def looked_at(place: Place, project: Project, tokens: dict[str, str]) -> Iterator[str]:
    """What does not work through a proxy."""
    with browser(f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as chromium:
        yield fails(label_a_frame, chromium, place.url, tokens["annotator"], project, f"{PREFIX}/")
        yield fails(look_around, chromium, place.url, tokens["lead"])
        yield fails(come_without_a_slash, chromium, place.url)
    yield fails(send_bodies, place)
    yield fails(be_told_from_others, place, project)
    text = place.log.read_text()
    if any(token.partition(".")[2] in text for token in tokens.values()) or "/enter" not in text:
        yield "the proxy's log has a token, or has nothing"


def fails(check: Callable[..., None], *arguments: Any) -> str:
    """What a check has to object to; "" where nothing."""
    try:
        check(*arguments)
    except Exception as error:
        return f"{check.__name__}: {type(error).__name__}: {error}"[:600]
    return ""


def come_without_a_slash(chromium: Any, url: str) -> None:
    """Open the path without the slash at its end, as people type it."""
    page = chromium.new_context(ignore_https_errors=True).new_page()
    answer = page.goto(url)
    assert (answer.status, page.url.startswith(f"{url}/")) == (200, True), (answer.status, page.url)
    assert "signed in" in page.content() or "link" in page.content(), page.content()[:300]


def send_bodies(place: Place) -> None:
    """Send as much as is allowed, which the server answers itself, slowly too; and more, which is refused."""
    body = b'{"token": "' + b"x" * (LARGEST - 13) + b'"}'
    assert entered(place, body).status_code == 422

    def slowly() -> Iterator[bytes]:
        for number in range(12):
            yield body[number * 16 : (number + 1) * 16]
            time.sleep(0.5)
        yield b'"}'

    assert entered(place, slowly()).status_code == 401
    assert entered(place, body + b" " * LARGEST).status_code == 413


def be_told_from_others(place: Place, project: Project) -> None:
    """Show a token that is not good, and say that somebody else did."""
    assert entered(place, b'{"token": "no.token"}', {"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    done = fewframes("sql", "SELECT detail FROM audit_log WHERE subject = '/enter'", "--project", project.root)
    assert ELSEWHERE in done.stdout, done.stdout + done.stderr
    assert "203.0.113.9" not in done.stdout, done.stdout


def entered(place: Place, body: bytes | Iterator[bytes], more: dict[str, str] | None = None) -> httpx.Response:
    """What is answered to somebody who signs in through a proxy, from another address than the proxy has."""
    headers = {"Host": f"{NAME}:{place.port}", "X-Fewframes": "1", "Content-Type": "application/json", **(more or {})}
    url, name = f"https://127.0.0.1:{place.port}{PREFIX}/enter", {"sni_hostname": NAME}
    transport = httpx.HTTPTransport(verify=False, local_address=ELSEWHERE)
    with httpx.Client(transport=transport, timeout=60) as client:
        return client.post(url, content=body, headers=headers, extensions=name)


@contextmanager
def running(words: list[str], port: int, output: Path) -> Iterator[None]:
    """A program that listens at a port of this machine, until the block ends."""
    with output.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, output.read_text()[-2000:]
            assert time.monotonic() < deadline, f"{words[0]} does not listen at port {port}"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


@click.command()
@click.option("--nginx")
@click.option("--caddy")
@click.option("--traefik")
def main(**given: str | None) -> None:
    """Try the examples behind the proxies that are here."""
    wrong = 0
    for name, program in given.items():
        found = program or shutil.which(name)
        if found is None:
            print(f"{name}: not here, not tried")
            continue
        with tempfile.TemporaryDirectory() as folder:
            problems = tried(name, found, Path(folder))
        wrong += len(problems)
        print("\n".join([f"{name}: {'all works' if not problems else 'FAILS'}", *problems]), flush=True)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
