"""The few calls of Label Studio's HTTP interface that are needed, with patience for a server that is away.

What may be repeated without harm is repeated; tasks are imported once per call, and it is for the caller to look what
is there before it imports again.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import httpx

from al_core.errors import MissingDependency, ToolUnreachable
from tasks.network.clients import web_client

_PAGE = 100
_PAUSES = (0.25, 0.5, 1.0)
"""Seconds before each further attempt."""

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class LabelStudioApi:
    """Speaks with one server, at a URL without a slash at the end.

    The environment variable holds the token of a user: a legacy token or a personal access token.
    """

    def __init__(self, url: str, token_variable: str) -> None:
        self._url = url
        self._token_variable = token_variable
        self._http = web_client(url, timeout=_TIMEOUT)
        self._authorization: str | None = None

    def projects(self) -> Iterator[dict[str, Any]]:
        """Return all projects that the user sees."""
        for page in count(1):
            found = self._call("GET", "/api/projects/", params={"page": page, "page_size": _PAGE})
            yield from found["results"]
            if not found.get("next"):
                return

    def create_project(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Make a project; not repeated."""
        return self._call("POST", "/api/projects/", json=fields, repeat=False)

    def change_project(self, project: int, fields: Mapping[str, Any]) -> None:
        """Change some fields of a project."""
        self._call("PATCH", f"/api/projects/{project}/", json=fields)

    def check_config(self, label_config: str) -> None:
        """Ask the server whether it takes a configuration of the editor.

        Raises:
            ToolUnreachable: it does not, with its reason.
        """
        self._call("POST", "/api/projects/validate/", json={"label_config": label_config})

    def uploads(self, project: int) -> list[dict[str, Any]]:
        """Return all files that were uploaded into a project: ``id``, ``file``."""
        return self._call("GET", f"/api/projects/{project}/file-uploads", params={"all": "true"})

    def upload(self, project: int, name: str, png: bytes) -> str:
        """Upload an image without making a task of it; returns the name under which the server keeps it."""
        files = {name: (name, png, "image/png")}
        params = {"commit_to_project": "false"}
        done = self._call("POST", f"/api/projects/{project}/import", params=params, files=files)
        (upload,) = done["file_upload_ids"]
        return str(self._call("GET", f"/api/import/file-upload/{upload}")["file"])

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """Add tasks in their order; not repeated."""
        self._call("POST", f"/api/projects/{project}/import", json=list(tasks), repeat=False)

    def add_prediction(self, task: int, prediction: Mapping[str, Any]) -> None:
        """Add masks to start from to a task; not repeated."""
        self._call("POST", "/api/predictions/", json={**prediction, "task": task}, repeat=False)

    def tasks(self, project: int, updated_after: str | None = None, whole: bool = False) -> Iterator[dict[str, Any]]:
        """Return tasks of a project.

        Args:
            updated_after: only those that were changed after this time, as the server tells times; an annotation that
                is made, changed or deleted changes its task.
            whole: with annotations and predictions.
        """
        params: dict[str, Any] = {"project": project, "page_size": _PAGE}
        if whole:
            params["fields"] = "all"
        if updated_after is not None:
            condition = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime"}
            items = [{**condition, "value": updated_after}]
            params["query"] = json.dumps({"filters": {"conjunction": "and", "items": items}})
        seen = 0
        for page in count(1):
            found = self._call("GET", "/api/tasks/", params={**params, "page": page})
            yield from found["tasks"]
            seen += len(found["tasks"])
            if not found["tasks"] or seen >= found["total"]:
                return

    def _call(self, method: str, path: str, repeat: bool = True, **arguments: Any) -> Any:
        """Make a call; repeat it while the server is away, if it may be repeated."""
        for pause in _PAUSES if repeat else ():
            with suppress(_Away):
                return self._once(method, path, **arguments)
            time.sleep(pause)
        try:
            return self._once(method, path, **arguments)
        except _Away as error:
            raise ToolUnreachable(f"Label Studio at {self._url} does not answer ({error})") from None

    def _once(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = self._http.request(method, path, headers={"Authorization": self._authorized()}, **arguments)
            if answer.status_code == 401 and self._is_personal(self._token()):
                self._authorization = None
                answer = self._http.request(method, path, headers={"Authorization": self._authorized()}, **arguments)
        except httpx.TransportError as error:
            raise _Away(str(error) or type(error).__name__) from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise _Away(f"status {answer.status_code}")
        if answer.status_code in (401, 403):
            raise MissingDependency(
                f"Label Studio at {self._url} refuses the token in {self._token_variable} (status "
                f"{answer.status_code}); take a token from Account & Settings of the server"
            )
        if not answer.is_success:
            raise ToolUnreachable(f"Label Studio refuses {method} {path}: {answer.status_code} {answer.text:.500}")
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise ToolUnreachable(f"{self._url} answers, but not as Label Studio does; is the address right?") from None

    def _authorized(self) -> str:
        """Return the header for a token. A personal access token is exchanged for one that holds for minutes."""
        token = self._token()
        if not self._is_personal(token):
            return f"Token {token}"
        if self._authorization is None:
            answer = self._http.post("/api/token/refresh/", json={"refresh": token})
            if answer.status_code >= 500:
                raise _Away(f"status {answer.status_code}")
            if not answer.is_success:
                raise MissingDependency(
                    f"Label Studio at {self._url} refuses the personal access token in {self._token_variable}; "
                    "make a new one in Account & Settings of the server"
                )
            self._authorization = f"Bearer {answer.json()['access']}"
        return self._authorization

    def _token(self) -> str:
        token = os.environ.get(self._token_variable, "").strip()
        if not token:
            raise MissingDependency(
                f"the environment variable {self._token_variable} does not hold a token of Label Studio; take one from "
                f"Account & Settings of {self._url}, then: export {self._token_variable}=..."
            )
        return token

    @staticmethod
    def _is_personal(token: str) -> bool:
        return token.count(".") == 2


class _Away(Exception):
    """The server does not answer now."""
