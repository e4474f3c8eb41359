"""Look for barriers on the labelling page with axe-core; run as ``python -m tests.bench.people.accessibility AXE``.

``AXE`` is the file axe.min.js of the npm package axe-core, which is no part of this project (``.ci/accessibility`` gets
it and runs this). The page is looked at as people meet it: with masks, with each of its dialogs, with nothing to do, in
the light and in the dark, on a wide screen and on a tablet held upright. Serious findings end it with code 1.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.toys.web.browser import browser
from tests.toys.web.label_page import Person, waiting_round

SERIOUS = ("serious", "critical")

SCREENS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "upright": {"viewport": {"width": 768, "height": 1024}, "has_touch": True},
}

DIALOGS = {"keys": "?", "objects of the video": "q", "last frames": "Shift+l", "skip": "Shift+s", "flag": "Shift+f"}


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


def main(path: str) -> int:
    """Print what is found; returns 1 if any of it is serious."""
    axe, worst = Path(path).read_text(encoding="utf-8"), 0
    with browser() as running:
        for screen, options in SCREENS.items():
            with tempfile.TemporaryDirectory() as folder, waiting_round(Path(folder)) as (ledger, url):
                person = Person(running, f"{url}/enter#{ledger.add_annotator('Ada')}", **options)
                for view in looks(person):
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
