"""A real Label Studio on loopback, in a process of its own, that can be stopped, killed and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx

from tests.label_studio.environments import LABEL_STUDIO

EMAIL, PASSWORD = "lead@example.com", "a-long-password-1"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
STARTS_WITHIN = 300
"""Seconds; the first start makes the database."""


class LabelStudio:
    """One server with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=self.url, headers={"Authorization": f"Token {TOKEN}"}, timeout=60)

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [
            *(LABEL_STUDIO / "bin/python", LABEL_STUDIO / "bin/label-studio", "start", "--no-browser"),
            *("--internal-host", "127.0.0.1", "--port", self._port),
            *("--username", EMAIL, "--password", PASSWORD, "--user-token", TOKEN, "--enable-legacy-api-token"),
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                list(map(str, command)),
                env=self._environment(),
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + STARTS_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                end = (self._folder / "server.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"Label Studio does not start:\n{end}")
            time.sleep(0.5)

    def start_fresh(self) -> None:
        """Start with an empty database, which takes a minute to make and is kept for the next time."""
        fresh, data = LABEL_STUDIO / "fresh-data", self._folder / "data"
        if not fresh.is_dir():
            self.start()
            self.stop()
            part = LABEL_STUDIO / f"fresh-data-{os.getpid()}"
            shutil.copytree(data, part)
            part.rename(fresh)
        else:
            shutil.copytree(fresh, data)
        self.start()

    def stop(self) -> None:
        """End it as an administrator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, how)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        try:
            return self.http.get("/health", timeout=2).is_success
        except httpx.TransportError:
            return False

    def _environment(self) -> dict[str, str]:
        """Nothing is reported to anybody: no statistics, no errors, no version check, no tips."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self._folder / "data"),
            "LATEST_VERSION_CHECK": "false",
            "COLLECT_ANALYTICS": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1,localhost",
            "OMP_NUM_THREADS": "1",
        }


def missing() -> str | None:
    """Why there is no server here; None where there is one."""
    if not (LABEL_STUDIO / ".ready").is_file():
        return "there is no .venv-label-studio; make test-label-studio builds it"
    return None


def chromium() -> str | None:
    """A browser, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = filter(None, map(shutil.which, names))
    return next(found, None)
