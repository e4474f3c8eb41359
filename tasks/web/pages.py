"""The pages that people see. They hold nothing secret: what is behind the sign-in comes through the JSON API."""

import hashlib
import html
import json
from functools import cache
from pathlib import Path
from string import Template

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from al_core.export.palette import TRACK_COLOURS
from tasks.languages.browser import language_of
from tasks.languages.catalogue import LANGUAGES, in_words, translated
from tasks.web.error_responses import ApiError

router = APIRouter()

_HERE = Path(__file__).parent
_STATIC = _HERE / "static"
_ICON = _HERE.parent / "report" / "static" / "icon.svg"
_TEMPLATES = _HERE / "templates"

COMPONENTS = {
    "class_entropy": "What it is",
    "mutual_information": "What it is, between models",
    "box_spread": "Where it ends",
    "mask_disagreement": "Shape",
    "existence_disagreement": "Presence",
    "temporal_inconsistency": "Change over time",
}
"""The components of uncertainty, in the words of the page."""

TOOLS: tuple[tuple[str, str, str, str], ...] = (
    ("select", "V", "Choose", "Choose an object by a click"),
    ("brush", "B", "Brush", "Brush"),
    ("eraser", "E", "Eraser", "Eraser"),
    ("polygon", "P", "Polygon", "Polygon"),
    ("box", "R", "Box", "Box: what is in it becomes an object"),
    ("click", "S", "Clicks", "Clicks: what belongs to the object is found"),
    ("scribble", "⇧B", "Scribble", "Scribble: strokes along what belongs to the object, or does not"),
    ("pan", "", "Pan", "Pan; with any tool: hold Space, the middle button or two fingers"),
)
"""Tools of the drawing: action, key, name, what it does."""

BUTTONS: tuple[tuple[str, str, str, str], ...] = (
    ("undo", "Z", "Undo", "Undo"),
    ("redo", "⇧Z", "Redo", "Redo"),
    ("fit", "F", "Whole frame", "The whole frame"),
    ("zoomObject", "⇧X", "Near", "The selected object, near"),
    ("hide", "H", "Hide", "Hide or show the masks"),
    ("outlineOnly", "O", "Outlines", "Outlines only"),
)
"""What else stands in the tool bar, in the same form."""

_QUESTIONS = ("asked.html", "audit.html")
"""Parts of the page that ask for something else than whole masks."""

_TOGGLES = {"hide": "hidden", "outlineOnly": "outlineOnly"}


@router.get("/", response_class=HTMLResponse)
@router.get("/enter", response_class=HTMLResponse, include_in_schema=False)
async def start_page(request: Request) -> HTMLResponse:
    """Show where people arrive by their link, or without one: the page sends the token on (POST /enter)."""
    return page_of("start.html", request)


@router.get("/label", response_class=HTMLResponse)
async def label_page(request: Request) -> HTMLResponse:
    """Show the labelling page."""
    return _answer(_label_page(False, language_of(request)), request)


@router.get("/review", response_class=HTMLResponse)
async def review_page(request: Request) -> HTMLResponse:
    """Show the labelling page with answers of others, for reviewers."""
    return _answer(_label_page(True, language_of(request)), request)


@router.get("/static/{version}/{name}")
async def static_file(version: str, name: str) -> FileResponse:
    """Return a style sheet, script or picture; the version in the address lets browsers keep it for good."""
    path = static_files().get(name)
    if path is None:
        raise ApiError(404, f"there is no file {name!r}", "Load the page again.")
    lasting = "public, max-age=31536000, immutable" if version == static_version() else "no-cache"
    return FileResponse(path, headers={"Cache-Control": lasting})


@cache
def static_files() -> dict[str, Path]:
    """Return name -> file of everything that may be asked for; nothing else can be."""
    found = [path for path in sorted(_STATIC.iterdir()) if path.suffix in (".css", ".js", ".svg")]
    return {path.name: path for path in (*found, _ICON)}


@cache
def static_version() -> str:
    """Return a hash of all static files."""
    content = b"".join(name.encode() + path.read_bytes() for name, path in static_files().items())
    return hashlib.sha256(content).hexdigest()[:16]


def page_of(name: str, request: Request) -> HTMLResponse:
    """Return the page of a template without values, in the language of a browser."""
    return _answer(_page(name, language_of(request)), request)


def _answer(page: str, request: Request) -> HTMLResponse:
    headers = {"Content-Language": language_of(request), "Vary": "Accept-Language, Cookie"}
    return HTMLResponse(page, headers=headers)


@cache
def _page(name: str, language: str) -> str:
    return translated(filled(name), language)


@cache
def _label_page(review: bool, language: str) -> str:
    names = {action: in_words(name, language) for action, _, name, _ in TOOLS}
    components = {name: in_words(words, language) for name, words in COMPONENTS.items()}
    setup = {"colours": TRACK_COLOURS, "components": components, "tools": names, "review": review}
    page = filled(
        "label.html",
        title="Review" if review else "Label",
        other_page="label" if review else "review",
        icons=(_TEMPLATES / "icons.svg").read_text(encoding="utf-8"),
        asked="\n".join((_TEMPLATES / name).read_text(encoding="utf-8").rstrip() for name in _QUESTIONS),
        setup=json.dumps(setup).replace("<", "\\u003c"),
        tools="\n  ".join([*(_button(*tool) for tool in TOOLS), "<hr>", *(_button(*button) for button in BUTTONS)]),
    )
    return translated(page, language)


def _button(action: str, key: str, name: str, title: str) -> str:
    state = _TOGGLES.get(action, action if action in {tool[0] for tool in TOOLS} else "")
    toggle = f' data-toggle="{state}" aria-pressed="false"' if state else ""
    hint = html.escape(f"{title} ({key})" if key else title)
    return (
        f'<button type="button" data-action="{action}"{toggle} title="{hint}" aria-label="{html.escape(title)}">'
        f'<svg aria-hidden="true"><use href="#icon-{action}"/></svg><span>{name}</span></button>'
    )


def filled(name: str, **values: str) -> str:
    """Return a template with its values put in; ``static`` is the address of static files as seen from the top,
    ``languages`` a field to choose one.
    """
    text = (_TEMPLATES / name).read_text(encoding="utf-8")
    options = "".join(f'<option value="{code}" lang="{code}">{name}</option>' for code, name in LANGUAGES.items())
    languages = f'<select id="language">{options}</select>'
    return Template(text).substitute(values, static=f"static/{static_version()}", languages=languages)
