"""Look for barriers on the labelling page with axe-core; run as ``python -m tests.bench.people.accessibility AXE``.

``AXE`` is the file axe.min.js of the npm package axe-core, which is no part of this project (``.ci/accessibility`` gets
it and runs this). The page is looked at as people meet it: with masks, with each of its dialogs, with nothing to do, as
reviewers see it, with several masks to judge at once, in the light and in the dark, on a wide screen and on a tablet
held upright. Serious findings end it with code 1.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.records import FrameRef, LabelKind, LabelRequest, Selected
from tests.toys.web.browser import browser
from tests.toys.web.label_page import ASKED, Person, waiting_round

SERIOUS = ("serious", "critical")

SCREENS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "upright": {"viewport": {"width": 768, "height": 1024}, "has_touch": True},
}

DIALOGS = {
    "keys": "?", "objects of the video": "q", "last frames": "Shift+l", "skip": "Shift+s", "flag": "Shift+f",
    "guide": "Shift+g", "notes": "Shift+q",
}  # fmt: skip


def findings(person: Person, axe: str) -> list[tuple[str, str, str]]:
    """Return (impact, rule, first element) of every rule that what is on the screen now breaks."""
    person.page.evaluate(axe)
    found = person.page.evaluate("() => axe.run().then((result) => result.violations)")
    return [(rule["impact"], rule["id"], rule["nodes"][0]["html"][:100]) for rule in found]


def looks(person: Person) -> Iterator[str]:
    """Bring the views of the page on the screen, one after the other; yields their names."""
    person.task()
    person.page.wait_for_timeout(500)
    yield "a frame"
    for name, key in DIALOGS.items():
        person.page.keyboard.press(key)
        person.page.wait_for_selector("dialog[open]")
        yield name
        person.page.keyboard.press("Escape")
    while person.page.get_attribute("#app", "data-state") == "open":
        person.next_after(person.go_on())
    yield "nothing to do"


def review_looks(person: Person) -> Iterator[str]:
    """Bring an answer of somebody else on the screen, and the dialog that sends it back; yields their names."""
    person.page.click("#other-page")
    person.task()
    person.page.wait_for_timeout(500)
    yield "a review"
    person.page.keyboard.press("Shift+n")
    person.page.wait_for_selector("dialog[open]")
    yield "send back"


def grid_looks(person: Person) -> Iterator[str]:
    """Bring several masks on the screen that are judged at once, and the question about one; yields their names."""
    person.page.wait_for_selector("#looks:not([hidden]) li:nth-child(3)")
    person.page.keyboard.press("1")
    yield "several masks at once"
    person.page.keyboard.press("Escape")
    person.page.wait_for_selector("#asked:not([hidden])")
    yield "a yes or no"


def ask_for_looks(ledger: Ledger) -> None:
    """Ask for a yes or no in the frames of the round instead."""
    ledger.replace_requests(2)
    for rank, frame in enumerate(ASKED):
        chosen = Selected(FrameRef(1, frame), rank, 0.5, "it moves", LabelKind.ACCEPT)
        name = f"{LabelRequest.of(2, chosen).request_id}-x"
        ledger.put_requests([LabelRequest(name, 2, chosen.frame, rank, "", LabelKind.ACCEPT)])


def main(path: str) -> int:
    """Print what is found; returns 1 if any of it is serious."""
    axe, worst = Path(path).read_text(encoding="utf-8"), 0
    with browser() as running:
        for screen, options in SCREENS.items():
            with (
                tempfile.TemporaryDirectory() as folder,
                waiting_round(Path(folder), attributes=["occluded"], review="after") as (ledger, url),
            ):
                for who, role, views in (
                    ("Ada", Role.ANNOTATOR, looks),
                    ("Rae", Role.REVIEWER, review_looks),
                    ("Cy", Role.ANNOTATOR, grid_looks),
                ):
                    if views is grid_looks:
                        ask_for_looks(ledger)
                    person = Person(running, f"{url}/enter#{ledger.add_annotator(who, role)}", **options)
                    for view in views(person):
                        for impact, rule, element in findings(person, axe):
                            print(f"{screen}, {view}: {impact}: {rule}: {element}")
                            worst |= impact in SERIOUS
                    person.context.close()
    print("serious findings" if worst else "no serious findings")
    return worst


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.bench.people.accessibility AXE, the file axe.min.js of axe-core")
    sys.exit(main(sys.argv[1]))
