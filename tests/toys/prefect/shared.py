"""What runs of many tests may share: a Prefect server that somebody else keeps, and which students went well."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from al_core.project import Project
from tasks.processes.children import end
from tasks.scheduling.prefect_api import PrefectApi

_SERVE = """
import sys, uvicorn
from tasks.processes.children import die_with_owner

die_with_owner()
application, port = "prefect.server.api.server:create_app", int(sys.argv[1])
uvicorn.run(application, factory=True, host="127.0.0.1", port=port, log_level="error")
"""
_MIGRATE = """
import asyncio, os, sqlite3
from prefect.server.database.dependencies import provide_database_interface

async def migrate():
    database = provide_database_interface()
    await database.create_db()
    await (await database.engine()).dispose()

asyncio.run(migrate())
with sqlite3.connect(os.path.join(os.environ["PREFECT_HOME"], "prefect.db")) as connection:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""


def migrated(home: Path) -> Path:
    """Let a server's folder hold an empty database of this Prefect's schema; returns the folder.

    Its migrations take five seconds of computing, which the first server of every other folder spends.
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / "prefect.db").write_bytes(_database())
    return home


# Nothing is planned on it, and looking for plans again and again costs a third of what an idle server computes.
_SERVICES = ("CANCELLATION_CLEANUP", "FOREMAN", "LATE_RUNS", "PAUSE_EXPIRATIONS", "SCHEDULER", "TRIGGERS")


@cache
def _database() -> bytes:
    with TemporaryDirectory() as home:
        subprocess.run([sys.executable, "-c", _MIGRATE], check=True, env=_environment(Path(home)))
        return Path(home, "prefect.db").read_bytes()


def _environment(home: Path) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    idle = {f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false" for service in _SERVICES}
    return others | idle | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


@contextmanager
def prefect_beside(folder: Path) -> Iterator[str]:
    """Keep a server that no project knows of for the block; yields its API URL.

    A run that finds it in ``PREFECT_API_URL`` starts none of its own, which takes ten seconds of computing the first
    time in a project and four later on.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "output.txt").open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(port)], stdout=output, stderr=output, env=_environment(migrated(folder))
        )
    try:
        url = f"http://127.0.0.1:{port}/api"
        with PrefectApi(url) as api:
            while not api.healthy():
                assert child.poll() is None, (folder / "output.txt").read_text()
                time.sleep(0.1)
        yield url
    finally:
        end(child)


def share_trials(project: Project, folder: Path) -> None:
    """Let a project remember the students that went well in others, as it does those of its own.

    What is remembered is told by the settings, the categories and the code, so it holds for other projects too.
    """
    folder.mkdir(exist_ok=True)
    project.cache.mkdir(parents=True, exist_ok=True)
    (project.cache / "trials").symlink_to(folder)
