"""People label in Label Studio: each round's frames become tasks of one project there, with masks to start from.

Frames are uploaded to the server, which needs no set-up there. Tasks are imported in ranked order and served in that
order; the masks of a round are shown under its name. Answers are looked for by asking which tasks have changed; the
server's hooks, which may fail, are not needed.

``label_studio/`` in the project keeps what passes by: ``shown/`` the masks people started from, ``answers/`` the raw
annotations per task, ``rejected/`` what cannot be used and why, ``project.json`` the key by which our project is found
on the server, and ``seen.json`` up to when changes are known. All of it is written before it is relied upon, so that a
process or a server may die at any point.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from al_core.campaign.answer_kind import answer_kind
from al_core.campaign.pricing import label_seconds
from al_core.errors import BadLabel, ToolUnreachable
from al_core.exchange.attributes import offered
from al_core.exchange.drawn import Asked, frame_label, origins
from al_core.exchange.label_studio import label_config, offered_attributes, prediction, read_annotation
from al_core.files import json_bytes, write_whole
from al_core.footage.images import png_bytes
from al_core.records import Answer, FrameLabel, LabelRequest
from tasks.backends.label_studio_api import LabelStudioApi
from tasks.backends.shown import ShownMasks, all_requests, asked_frames
from tasks.steps.context import RoundContext

_NOTE = "project.json"
"""Says by which key our project is found, and in which folder the note was written."""

_AT_ONCE = 20
"""Tasks in one import: SQLite behind the server stays free for people in between."""

_IMPORT_PAUSES = (1.0, 4.0)
"""Seconds before an import is tried again."""

_OVERLAP = timedelta(minutes=1)
"""Changes of this last while are asked for again, since a change is seen later than it is dated."""

_QUIET_SECONDS = 10.0
"""Seconds for which a server that was away is left alone."""


class LabelStudioBackend:
    """One project on a Label Studio server."""

    shows_prelabels = True
    revisable = True

    def __init__(self, context: RoundContext) -> None:
        self._ledger = context.ledger
        self._frames = context.frames
        self._settings = context.settings
        self._name = context.project.root.name
        self._folder = context.project.root / "label_studio"
        self._shown = ShownMasks(self._folder / "shown")
        annotator = context.settings.annotator
        self._url = annotator.label_studio_url
        self._api = LabelStudioApi(self._url, annotator.label_studio_token_variable)
        self._project_id: int | None = None
        self._quiet_until = 0.0
        self._messages: list[str] = []

    # ---- what goes out

    def submit(self, requests: Sequence[LabelRequest], prelabels: Mapping[str, FrameLabel]) -> None:
        """Add tasks in ranked order; one that is there already is left as it is.

        Raises:
            ToolUnreachable: the server does not answer. The same call later goes on where this one stopped.
            MissingDependency: it refuses the token, or there is none.
        """
        ordered = sorted(requests, key=lambda request: (request.round_id, request.rank))
        shown = {r.request_id: self._shown.keep(r, prelabels.get(r.request_id)) for r in ordered}
        project = self._found_or_made([label for label in shown.values() if label])
        there = self._there(project)
        missing = [request for request in ordered if request.request_id not in there]
        uploads = {_own_name(upload["file"]): upload["file"] for upload in self._api.uploads(project)}
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            self._import(project, [self._task(project, r, shown[r.request_id], uploads) for r in some])
        if any(shown.values()):
            self._show(project, _version(ordered[-1].round_id))

    def _there(self, project: int) -> set[str]:
        return {task["data"].get("request_id") for task in self._api.tasks(project)}

    def _import(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """Import tasks once, also when the answer of the server is lost or its database is locked for a moment."""
        for pause in (*_IMPORT_PAUSES, None):
            try:
                self._api.import_tasks(project, tasks)
                return
            except ToolUnreachable:
                if pause is None:
                    raise
            time.sleep(pause)
            there = self._there(project)
            tasks = [task for task in tasks if task["data"]["request_id"] not in there]
            if not tasks:
                return

    def _task(
        self, project: int, request: LabelRequest, label: FrameLabel | None, uploads: Mapping[str, str]
    ) -> dict[str, Any]:
        name = f"{request.request_id}.png"
        file = uploads.get(name)
        if file is None:
            file = self._api.upload(project, name, png_bytes(self._frames.read_full(request.frame)))
        (video,) = (video.name for video in self._ledger.videos() if video.video_id == request.frame.video_id)
        data = {
            "image": f"/data/{file}",
            "why": f"{video}, frame {request.frame.frame_idx}: {request.reason}",
            "request_id": request.request_id,
            "round": request.round_id,
            "rank": request.rank,
            "video": video,
            "frame_idx": request.frame.frame_idx,
        }
        version = _version(request.round_id)
        shown = [prediction(label, self._ledger.categories(), version)] if label else []
        return {"data": data, "predictions": shown}

    def _show(self, project: int, version: str) -> None:
        """Make a round's masks the visible ones, also in tasks of earlier rounds that nobody has answered."""
        for task in self._api.tasks(project, whole=True):
            predictions = task["predictions"]
            if predictions and not task["annotations"] and version not in {p["model_version"] for p in predictions}:
                newest = max(predictions, key=lambda p: (p["created_at"], p["id"]))
                self._api.add_prediction(task["id"], {"model_version": version, "result": newest["result"]})
        self._api.change_project(project, {"model_version": version})

    def _found_or_made(self, shown: Sequence[FrameLabel]) -> int:
        """Return our project on the server, with the categories of the ledger and the attributes of the settings and of
        the masks to show; make it where there is none."""
        categories = self._ledger.categories()
        self._leave_the_originals()
        found = self._found()
        # The server refuses to let go of an attribute that some label has.
        before = offered_attributes(found["label_config"]) if found else []
        said = offered([*self._settings.annotator.attributes, *before], shown, categories)
        config = label_config(categories.values(), said)
        if found is None:
            self._api.check_config(config)
            found = self._api.create_project({
                "title": f"fewframes: {self._name}"[:50],
                "description": self._key(),
                "label_config": config,
                "sampling": "Sequential sampling",
                "enable_empty_annotation": True,
            })  # fmt: skip
        elif found["label_config"] != config:
            self._api.check_config(config)
            self._api.change_project(int(found["id"]), {"label_config": config})
        self._project_id = int(found["id"])
        return self._project_id

    def _found(self) -> dict[str, Any] | None:
        key = self._key()
        mine = [p for p in self._api.projects() if key in (p.get("description") or "")]
        return min(mine, key=lambda p: int(p["id"]), default=None)

    def _key(self) -> str:
        """Return the key of our project on the server; noted before the project is made, so that it is made once."""
        if not (self._folder / _NOTE).is_file():
            self._note_key(f"fewframes {uuid.uuid4()}")
        return str(self._noted(self._folder)["key"])

    def _note_key(self, key: str) -> None:
        write_whole(self._folder / _NOTE, json_bytes({"key": key, "folder": str(self._folder)}))

    @staticmethod
    def _noted(folder: Path) -> dict[str, Any]:
        noted: dict[str, Any] = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        return noted

    def _leave_the_originals(self) -> None:
        """Take another key, before anything is sent, where this is a copy whose original is still there.

        Answers are still found where the frames were sent; a project that was moved or restored keeps its key.
        """
        key = self._key()
        origin = Path(self._noted(self._folder).get("folder", self._folder))
        if origin == self._folder:
            return
        with suppress(OSError, ValueError, KeyError):
            if self._noted(origin)["key"] == key and not origin.samefile(self._folder):
                self._messages.append(f"the project on {self._url} is that of {origin.parent}; this copy gets its own")
                key, self._project_id = f"fewframes {uuid.uuid4()}", None
        self._note_key(key)

    # ---- what comes back

    def collect(self, request_ids: Sequence[str]) -> list[Answer]:
        """Look for changes, then give the newest answer of each request that has one.

        While the server is away, the answers that were seen before are given, and a message says so.
        """
        known = asked_frames(self._ledger)
        self._look(known)
        requests = all_requests(self._ledger)
        answers = [self._answer(requests[i], known[i]) for i in request_ids if i in requests]
        return [answer for answer in answers if answer is not None]

    def rejected(self) -> list[str]:
        """Return what cannot be used, and whether the server is away; each is told once."""
        told, self._messages = self._messages, []
        return told

    def _look(self, known: Mapping[str, Asked]) -> None:
        """Keep the annotations of all tasks that have changed."""
        if time.monotonic() < self._quiet_until or not (self._folder / _NOTE).is_file():
            return
        try:
            self._keep_changes(known)
        except ToolUnreachable as error:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            self._messages.append(f"{error}; what was labelled there is fetched with the next call")

    def _keep_changes(self, known: Mapping[str, Asked]) -> None:
        if self._project_id is None:
            found = self._found()
            if found is None:
                return
            self._project_id = int(found["id"])
        seen = self._folder / "seen.json"
        since = json.loads(seen.read_text(encoding="utf-8"))["updated_at"] if seen.is_file() else None
        newest = since or ""
        after = since and f"{datetime.fromisoformat(since) - _OVERLAP:%Y-%m-%dT%H:%M:%S.%fZ}"
        for task in self._api.tasks(self._project_id, after, whole=True):
            self._keep(task, known)
            newest = max(newest, task["updated_at"])
        if newest:
            write_whole(seen, json_bytes({"updated_at": newest}))

    def _keep(self, task: Mapping[str, Any], known: Mapping[str, Asked]) -> None:
        request_id = task["data"].get("request_id")
        if request_id in known:
            kept = {"task": task["id"], "annotations": task["annotations"]}
            write_whole(self._folder / "answers" / f"{request_id}-task-{int(task['id'])}.json", json_bytes(kept))
        elif task["annotations"]:
            reason = f"shows no frame that was asked for (request_id {request_id!r}); its annotations are left there"
            self._reject(f"task-{int(task['id'])}", f"task {task['id']} of Label Studio {reason}")

    def _answer(self, request: LabelRequest, asked: Asked) -> Answer | None:
        annotation = self._newest(request.request_id)
        if annotation is None:
            return None
        told = json.dumps([annotation["id"], annotation["updated_at"], annotation.get("result")])
        answer_id = f"{request.request_id}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        try:
            drawn = read_annotation(annotation, asked)
            categories = self._ledger.category_ids()
            label = frame_label(request.frame, drawn, categories)
        except BadLabel as error:
            self._reject(answer_id, f"{error} ({self._url}/tasks/{annotation.get('task')})")
            return None
        shown = self._shown.of(request)
        kind = answer_kind(label.masks, shown.masks if shown else ())
        provenance = {str(track): origin.value for track, origin in origins(label, shown).items()}
        file = self._folder / "answers" / f"{answer_id}.json"
        if not file.is_file():
            write_whole(file, json_bytes({"kind": kind.value, "provenance": provenance, "annotation": annotation}))
        price = label_seconds(self._settings.annotator, kind, max(1, len(label.objects)))
        seconds = price if drawn.seconds is None else drawn.seconds
        return Answer(answer_id, request.request_id, label, kind, seconds, _person(annotation))

    def _newest(self, request_id: str) -> dict[str, Any] | None:
        """Return the newest annotation of a request that was not skipped.

        A person may have several of one task, and several people may have labelled it: the newest counts.
        """
        files = sorted((self._folder / "answers").glob(f"{request_id}-task-*.json"))
        found = [a for file in files for a in json.loads(file.read_text(encoding="utf-8"))["annotations"]]
        given = [annotation for annotation in found if not annotation.get("was_cancelled")]
        return max(given, key=lambda annotation: (annotation["updated_at"], annotation["id"]), default=None)

    def _reject(self, name: str, reason: str) -> None:
        file: Path = self._folder / "rejected" / f"{name}.txt"
        if not file.is_file():
            write_whole(file, f"{reason}\n".encode())
            self._messages.append(reason)


def _version(round_id: int) -> str:
    """Return the name under which people see the masks of a round."""
    return f"round {round_id}"


def _own_name(file: str) -> str:
    """Return the name that an uploaded file had: the server puts eight digits and a dash before it."""
    return file.rsplit("/", 1)[-1][9:]


def _person(annotation: Mapping[str, Any]) -> str:
    """Return who annotated: the account's number, or its address where the server tells it."""
    person = annotation.get("completed_by")
    if isinstance(person, Mapping):
        person = person.get("email") or person.get("id")
    return f"label_studio:{person}"
