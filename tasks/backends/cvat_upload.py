"""A round as a task on a CVAT server, through ``cvat-sdk``, which is not installed by default (extra ``cvat``)."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from al_core.errors import MissingDependency, ToolUnreachable
from al_core.files import json_bytes, write_whole
from al_core.settings import AnnotatorSettings

FORMAT = "CVAT 1.1"
"""The server's name of the format for annotations of single frames."""


def task_request(name: str, labels: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what a task is made from: its name and its labels."""
    return {"name": name, "labels": list(labels)}


def data_request(folder: Path) -> dict[str, Any]:
    """Return the frames of a round, sorted by name on every server, and kept as they are."""
    images = sorted((folder / "images").glob("*.png"))
    return {"resources": images, "data_params": {"image_quality": 100, "sorting_method": "predefined"}}


def upload_round(folder: Path, name: str, settings: AnnotatorSettings) -> None:
    """Make a task of a round's folder; a round that is on the server already is left as it is.

    Raises:
        MissingDependency: ``cvat-sdk`` or the token is missing.
        ToolUnreachable: the server does not answer, or refuses; the same call later tries again.
    """
    noted = folder / "cvat-task.json"
    if noted.is_file():
        return
    token = os.environ.get(settings.cvat_token_variable, "").strip()
    if not token:
        raise MissingDependency(
            f"the environment variable {settings.cvat_token_variable} does not hold an access token of "
            f"{settings.cvat_url}; make one in your profile there, then: export {settings.cvat_token_variable}=..."
        )
    try:
        import cvat_sdk
        from cvat_sdk.core.exceptions import CvatSdkException
        from cvat_sdk.exceptions import ApiException
        from urllib3.exceptions import HTTPError
    except ImportError:
        raise MissingDependency("uploading to CVAT needs cvat-sdk: pip install 'fewframes[cvat]'") from None
    try:
        with cvat_sdk.make_client(settings.cvat_url, access_token=token) as client:
            task_id = _found_or_made(client, folder, name)
    except (ApiException, CvatSdkException, HTTPError) as error:
        raise ToolUnreachable(
            f"CVAT at {settings.cvat_url} does not take the round ({error}); the files are in {folder}"
        ) from None
    write_whole(noted, json_bytes({"url": settings.cvat_url, "task": task_id}))


def _found_or_made(client: Any, folder: Path, name: str) -> int:
    """Return the task of that name; one that was left half made is replaced."""
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    data = data_request(folder)
    for task in client.tasks.list():
        if task.name == name and task.size == len(data["resources"]):
            return int(task.id)
        if task.name == name and not task.size:
            task.remove()
    made = client.tasks.create_from_data(
        task_request(name, labels), **data, annotation_path=str(folder / "annotations.xml"), annotation_format=FORMAT
    )
    return int(made.id)
