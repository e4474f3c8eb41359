"""A real Prefect server, and a project that is registered on it."""

import os
from contextlib import contextmanager

from al_core.project import Project
from tasks.scheduling.prefect_api import PrefectApi
from tests.toys.prefect.shared import migrated


@contextmanager
def clean_environment():
    """Nobody's Prefect but that of the block."""
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PREFECT")}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("PREFECT")]:
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def lasting(folder):
    """A server that is kept for the block, its state in a folder; yields (API URL, its client)."""
    from tasks.scheduling.prefect_server import lasting_server

    with clean_environment(), lasting_server(migrated(folder / "prefect")) as url, PrefectApi(url) as api:
        yield url, api


def registered(url, folder, crons=None):
    """A project that is registered on a server, with cron expressions by flow."""
    from tasks.scheduling.registering import planned, register

    project = Project.at(folder)
    project.root.mkdir(exist_ok=True)
    parameters = {
        "ingest": {"paths": []},
        "round": {},
        "campaign": {},
        "report": {},
        "export": {"form": "coco", "out": ""},
    }
    register(url, project, parameters, planned(crons or {}, "UTC"), 1)
    return project
