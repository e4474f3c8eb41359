"""The HTTP API described for programs: OpenAPI, and a page made of it that asks no other server for anything."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from tasks.web.auth import Person
from tasks.web.pages import filled

router = APIRouter()

DESCRIBED = ("/api/", "/enter", "/healthz")
"""How the paths begin that programs may rely on."""

INTRODUCTION = (
    "Sign in by POST /enter with the token of a personal link, which is what follows # in it, and keep the cookie that "
    "the answer sets. Every call that "
    "changes something needs the header X-Fewframes: 1, or is refused with 403. Any refusal is JSON with two "
    "sentences: error says what is wrong, mend what to do. Besides the codes of each call, every call may be answered "
    "with 400 (the Host header is not this server's), 408 and 413 (the body is too slow or too large), 500, and 503 "
    "(try again)."
)

_REFUSAL = {
    "type": "object",
    "required": ["error", "mend"],
    "properties": {"error": {"type": "string"}, "mend": {"type": "string"}},
}
_COMMON = {
    "401": "Nobody is signed in, or the link is not good.",
    "403": "The header X-Fewframes: 1 is missing, or the person's role does not allow it.",
    "404": "There is no such thing.",
    "409": "Somebody else has the frame now, or it has another answer already; nothing was stored.",
    "422": "A value is malformed or out of range; the message names it.",
    "429": "Too many tokens of this link that are not good.",
}


def description(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of what programs may call, with every status code that they should expect."""
    found = get_openapi(title="fewframes", version=version("fewframes"), description=INTRODUCTION, routes=app.routes)
    found["paths"] = {path: called for path, called in found["paths"].items() if path.startswith(DESCRIBED)}
    found.setdefault("components", {})["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "fewframes_session"}
    }
    schemas = found["components"].setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Refusal"] = _REFUSAL
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    return found


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add to an operation what stands before every route: the sign-in, the header, and the form of refusals."""
    needed = ["401"] if path.startswith("/api/") and path != "/api/leave" else []
    if needed:
        operation["security"] = [{"session": []}]
    if method != "get":
        needed.append("403")
        operation.setdefault("parameters", []).append(
            {"name": "X-Fewframes", "in": "header", "required": True, "schema": {"const": "1"}}
        )
    answers = operation["responses"]
    for code in sorted({*needed, *(code for code in answers if code >= "400")}):
        reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
        answers[code] = {"description": _COMMON[code], "content": reference}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API, ready to be written down.

    Attributes:
        values: (name, where it stands, what it is) of all that is sent.
        answers: (status code, meaning), in order.
    """

    method: str
    path: str
    summary: str
    values: tuple[tuple[str, str, str], ...]
    answers: tuple[tuple[str, str], ...]


def calls(document: Mapping[str, Any]) -> Iterator[Call]:
    """Yield the calls of an OpenAPI document, in the order of its routes."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            values = [
                (p["name"], p["in"], _kind(p["schema"]) + ("" if p.get("required") else ", optional"))
                for p in operation.get("parameters", ())
            ]
            content = operation.get("requestBody", {}).get("content", {})
            if content:
                values += list(_body(document, content["application/json"]["schema"]))
            answers = [(code, _meaning(code, answer)) for code, answer in sorted(operation["responses"].items())]
            yield Call(method.upper(), path, operation.get("description", ""), tuple(values), tuple(answers))


def _body(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for name, field in schema["properties"].items():
        yield name, "body", _kind(field) + ("" if name in schema.get("required", ()) else ", optional")


def _kind(schema: Mapping[str, Any]) -> str:
    """Put a JSON schema into a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2].removesuffix("Body"))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"] if part.get("type") != "null")
    if schema.get("type") == "array":
        inner = schema.get("items") or schema.get("prefixItems", [{}])[0]
        return f"list of {_kind(inner)}"
    words = str(schema.get("format") or schema.get("type", "any"))
    limits = [f"{sign} {schema[key]:,}" for key, sign in (("minimum", ">="), ("maximum", "<=")) if key in schema]
    limits += [f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []
    return " ".join([words, ", ".join(limits)]).strip()


def _meaning(code: str, answer: Mapping[str, Any]) -> str:
    shown = answer["description"].replace("Successful Response", "It is done.")
    for content in answer.get("content", {}).values():
        if "example" in content:
            shown = f"{shown} Fields: {', '.join(content['example'])}."
    return shown


@router.get("/api/openapi.json")
def openapi(request: Request, person: Person) -> dict[str, Any]:
    """Return this description as OpenAPI 3.1."""
    return description(request.app)


@router.get("/api/docs", response_class=HTMLResponse)
def page(request: Request, person: Person) -> HTMLResponse:
    """Show this description as a page."""
    parts = "".join(_section(call) for call in calls(description(request.app)))
    return HTMLResponse(filled("api.html", introduction=html.escape(INTRODUCTION), calls=parts))


def _section(call: Call) -> str:
    values = _table(("name", "where", "what"), call.values) if call.values else ""
    title = html.escape(f"{call.method} {call.path}")
    return f"<h2>{title}</h2><p>{html.escape(call.summary)}</p>{values}{_table(('answer', 'meaning'), call.answers)}"


def _table(head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{cells}</table>"
