"""Register a project's deployments on a Prefect server; loads Prefect."""

import asyncio
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from al_core.errors import BadSettings, ToolUnreachable
from al_core.project import Project
from tasks.engines.jobs import gpus_here
from tasks.processes.project_log import RUN_LOG
from tasks.scheduling.deployments import FLOWS, deployment_ids, deployment_name, training_limit
from tasks.scheduling.prefect_api import PrefectApi

if TYPE_CHECKING:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

ENTRYPOINTS = {
    "ingest": "flows.ingest.take_in",
    "round": "flows.round.take_round",
    "campaign": "flows.campaign.take_campaign",
    "report": "flows.report.write_report",
    "export": "flows.export.export",
}
"""Where a worker finds each flow."""


def register(
    url: str,
    project: Project,
    parameters: Mapping[str, Mapping[str, Any]],
    schedules: Mapping[str, Sequence["DeploymentScheduleCreate"]],
    trainings: int,
) -> str:
    """Register every flow, in the place of what was registered before; returns the name of the deployments.

    Args:
        url: of the server's API.
        parameters: of each flow, besides the project.
        schedules: by flow; see :func:`planned`.
        trainings: how many may go on at a time on each GPU of this machine, and on it without any.

    Raises:
        ToolUnreachable: the server refuses, or no longer answers.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.deployments.runner import RunnerDeployment
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.settings import PREFECT_API_URL, temporary_settings

    name = deployment_name(project)
    try:
        with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
            with suppress(ObjectAlreadyExists):
                client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=_job_template()))
            for gpu in ("", *gpus_here()):
                client.upsert_global_concurrency_limit_by_name(training_limit(gpu), trainings)
            for flow in FLOWS:
                RunnerDeployment(
                    name=name,
                    flow_name=flow,
                    entrypoint=ENTRYPOINTS[flow],
                    parameters={"project": str(project.root), **parameters[flow]},
                    schedules=list(schedules.get(flow, ())),
                    tags=["fewframes", project.root.name],
                    work_pool_name=name,
                    job_variables=_job(project),
                ).apply()
    except (OSError, RuntimeError) as error:
        raise ToolUnreachable(f"the Prefect server at {url} did not take the deployments: {error}") from None
    return name


def renew_entrypoints(url: str, project: Project) -> None:
    """Let deployments that an earlier version registered find their flows where they are now.

    Raises:
        ToolUnreachable: the server does not answer.
    """
    with PrefectApi(url) as api:
        for flow, deployment_id in deployment_ids(api, project).items():
            api.change_entrypoint(deployment_id, ENTRYPOINTS[flow])


def planned(crons: Mapping[str, Sequence[str]], timezone: str) -> dict[str, list["DeploymentScheduleCreate"]]:
    """Return the schedules of cron expressions, by flow.

    Raises:
        BadSettings: an expression or a time zone that is none, or a date that never comes, as the 31st of February.
    """
    return {flow: [_planned(cron, timezone) for cron in expressions] for flow, expressions in crons.items()}


def _planned(cron: str, timezone: str) -> "DeploymentScheduleCreate":
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.server.schemas.schedules import CronSchedule as Calendar
    from pydantic import ValidationError

    asked = f"--cron {cron!r} in --timezone {timezone}"
    try:
        schedule = CronSchedule(cron=cron, timezone=timezone)
        dates = asyncio.run(Calendar(cron=cron, timezone=timezone).get_dates(1))
    except ValidationError as error:
        raise BadSettings(f"{asked}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    except ValueError:
        # croniter has looked through fifty years.
        dates = []
    if not dates:
        raise BadSettings(f"{asked}: there is no such date, it would never run; give a day that the month has")
    return DeploymentScheduleCreate(schedule=schedule, active=True)


def _job(project: Project) -> dict[str, Any]:
    """Return how a worker starts a run: with this very Python, in the project's folder, independent of the worker."""
    command = shlex.join([sys.executable, "-m", "tasks.scheduling.flow_process", str(project.root / RUN_LOG)])
    return {"command": command, "working_dir": str(project.root), "stream_output": False}


def _job_template() -> dict[str, Any]:
    from prefect.workers.process import ProcessWorker

    return ProcessWorker.get_default_base_job_template()
