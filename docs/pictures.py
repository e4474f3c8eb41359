"""Take the pictures of ``docs/images`` that show our pages, from a project whose round waits for people.

The demo makes one, with a round more that people are asked for::

    fewframes demo
    fewframes run --project runs/demo --set stopping.max_rounds=4 --set annotator.backend=page
    python docs/pictures.py runs/demo
"""

import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from al_core.ledger.labelling.people import Role  # noqa: E402
from al_core.project import Project  # noqa: E402
from al_core.records import FrameRef, LabelKind, LabelRequest, Selected  # noqa: E402
from al_core.settings import Settings  # noqa: E402
from tasks.discovery.finding import discover  # noqa: E402
from tasks.ledger.client import living_owner, open_ledger  # noqa: E402
from tasks.project.ingest import ingest_paths, open_last_frames  # noqa: E402
from tasks.report import write_report  # noqa: E402
from tests.toys.footage.movers import write_frames  # noqa: E402
from tests.toys.footage.synthetic import synthetic_clip  # noqa: E402
from tests.toys.web.browser import browser  # noqa: E402
from tests.toys.web.label_page import Person  # noqa: E402
from tests.toys.web.serving import served  # noqa: E402

IMAGES = ROOT / "docs" / "images"
DASHBOARD = (
    ("dashboard", "overview", 1700),
    ("dashboard_quality", "quality", 1750),
    ("dashboard_runs", "runs", 1250),
    ("dashboard_video", "videos/1", 2100),
)
"""(picture, page, pixels of it at most)."""

BESIDE_THE_MASK = """() => {
    const { x0, y0, x1 } = fewframes.drawing().selected.bounds;
    return [x1 + (x1 - x0) * 0.03, y0 + (x1 - x0) * 0.1];
}"""
"""A point of the frame that the selected object does not cover."""

VIEWS = {"width": 1200, "height": 760}
ALONG_THE_MASK = """() => {
    const { x0, y0, x1, y1 } = fewframes.drawing().selected.bounds;
    return [[x0 + (x1 - x0) * 0.3, y0 + (y1 - y0) * 0.15], [x0 + (x1 - x0) * 1.1, y0 + (y1 - y0) * 0.9]];
}"""
"""A way over the selected object and a little out of it."""

SCREEN = {"width": 1240, "height": 1600}
SHRUNK = 1000 / 1240
"""Pixels of a picture for one of the page."""


def label_page(running, link):
    """Take the labelling page by day, in the dark with outlines and disagreement, on a tablet, and after a click."""
    person = Person(running, link)
    person.task()
    person.page.evaluate("document.getElementById('uncertainty').open = true")
    for name, scheme, (width, height), keys in (
        ("label_page", "light", (1440, 900), ("a", "a", "Shift+X", "-", "-", "-")),
        ("label_page_dark", "dark", (1440, 900), ("o", "d")),
        ("label_page_tablet", "light", (1024, 768), ("o", "d")),
        ("label_page_upright", "light", (768, 1024), ("Shift+D",)),
    ):
        person.page.set_viewport_size({"width": width, "height": height})
        person.page.emulate_media(color_scheme=scheme)
        for key in keys:
            person.page.keyboard.press(key)
        # Until what was said has gone and the drawing is saved.
        person.page.wait_for_timeout(5000)
        person.page.screenshot(path=IMAGES / f"{name}.png")
    person.page.set_viewport_size({"width": 1440, "height": 900})
    person.page.keyboard.press("s")
    person.click(person.page.evaluate(BESIDE_THE_MASK))
    person.page.screenshot(path=IMAGES / "label_page_click.png")
    person.context.close()


def ask(ledger, kind, count=1):
    """Ask for frames that nobody was asked for, in the place of what nobody has in hand."""
    this = ledger.last_round().round_id
    ((video_id, length),) = ledger.video_lengths().items()
    seen = {request.frame.frame_idx for n in range(1, this + 1) for request in ledger.requests(n)}
    ledger.replace_requests(this)
    frames = [FrameRef(video_id, i) for i in range(length) if i not in seen][:count]
    chosen = [Selected(frame, rank, 0.0, "it moves", kind) for rank, frame in enumerate(frames)]
    ledger.put_requests([LabelRequest.of(this, one) for one in chosen])


def asked_views(running, ledger, url):
    """Take the views of what less than whole masks is asked for: a question, several masks at once, ticks, strokes."""
    for number, (name, kind, count) in enumerate(
        (("yes_no", "accept", 1), ("looks", "accept", 6), ("tags", "tag", 1), ("scribble", "scribble", 1))
    ):
        ask(ledger, LabelKind(kind), count)
        person = Person(running, f"{url}/enter#{key_of(ledger, f'Ada {number}', Role.ANNOTATOR)}", viewport=VIEWS)
        person.task()
        person.page.wait_for_timeout(2500)
        if name == "scribble":
            person.drag(*person.page.evaluate(ALONG_THE_MASK))
            person.page.wait_for_function("() => !fewframes.editor.busy")
        for key in ("1", "2", "3", "3") if name == "looks" else ():
            person.page.keyboard.press(key)
        person.page.wait_for_timeout(2500)
        person.page.screenshot(path=IMAGES / f"label_page_{name}.png")
        person.context.close()


def tagging_view(running, ledger, url):
    """Take the view in which people say what is in stretches of a video."""
    context = running.new_context(viewport=VIEWS)
    page = context.new_page()
    page.goto(f"{url}/enter#{key_of(ledger, 'Dee', Role.ANNOTATOR)}")
    page.wait_for_url(lambda address: "/enter" not in address)
    page.goto(f"{url}/tags")
    page.wait_for_selector("#cell-1 img")
    for keys in (("Shift+ArrowRight", "Shift+ArrowRight", "y"), ("End", "Shift+ArrowLeft", "n"), ("ArrowUp",)):
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(1500)
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    page.screenshot(path=IMAGES / "tags.png")
    context.close()


def tracking_view(running, ledger, url):
    """Take the page while an object is carried to the frames that come next."""
    person = Person(running, f"{url}/enter#{key_of(ledger, 'Bo', Role.ANNOTATOR)}", viewport=VIEWS)
    person.task()
    person.page.wait_for_timeout(2500)
    person.page.keyboard.press("Shift+ArrowRight")
    person.page.wait_for_timeout(4000)
    person.page.screenshot(path=IMAGES / "label_page_tracking.png")
    person.context.close()


def review_view(running, ledger, url):
    """Take the page of reviewers, with an answer that has a note."""
    this, name = ledger.last_round(), "annotator.review"
    ledger.change_round(this.round_id, this.settings.changed({name: "after"}), "Lea", [name])
    ask(ledger, LabelKind.MASK)
    author = Person(running, f"{url}/enter#{key_of(ledger, 'Cleo', Role.ANNOTATOR)}", viewport=VIEWS)
    frame = author.task()["frame"]["frame_idx"]
    author.page.keyboard.press("Shift+R")
    author.page.keyboard.type("Is its shadow part of it?")
    author.page.keyboard.press("Enter")
    author.page.keyboard.press("Enter")
    author.next_after(frame)
    author.context.close()
    reviewer = Person(running, f"{url}/enter#{key_of(ledger, 'Rae', Role.REVIEWER)}", viewport=VIEWS)
    reviewer.page.click("#other-page")
    reviewer.task()
    reviewer.page.wait_for_timeout(5000)
    reviewer.page.screenshot(path=IMAGES / "label_page_review.png")
    reviewer.context.close()


def discovered_view(running):
    """Take the first frame of a fresh project of made footage, in which objects were discovered."""
    with TemporaryDirectory() as folder:
        clip = synthetic_clip(1, size=(270, 480), radius=40, objects=2, pan=3.0, contrast=45)
        project = Project.at(Path(folder) / "project")
        ledger = open_ledger(project)
        ingest_paths(ledger, [write_frames(Path(folder) / "movers", clip)], categories=("ball", "box"))
        ledger.begin_round(Settings())
        ledger.put_requests([LabelRequest.of(1, Selected(FrameRef(1, 12), 0, 0.0, "evenly spaced"))])
        list(discover(project, ledger, Settings(), ledger.videos()))
        with served(project) as (context, owner):
            person = Person(running, f"{owner.url}/enter#{context.ledger.add_annotator('Ada')}", viewport=VIEWS)
            person.task()
            person.page.wait_for_timeout(5000)
            person.page.screenshot(path=IMAGES / "label_page_discovered.png")
            person.context.close()


def boxed_views(running):
    """Take a frame in which a lead made a category in the middle of a campaign and drew boxes for it, and what is found
    from these in another frame."""
    from tests.toys.footage.crowds.like_objects import boxes_of, crowd_clip

    with TemporaryDirectory() as folder:
        clip = crowd_clip(3, n_frames=12, objects=7)
        project = Project.at(Path(folder) / "project")
        ledger = open_ledger(project)
        ingest_paths(ledger, [write_frames(Path(folder) / "street", clip)], categories=("person",))
        ledger.begin_round(Settings())
        ledger.put_requests([LabelRequest.of(1, Selected(FrameRef(1, 5), 0, 0.0, "evenly spaced"))])
        with served(project) as (context, owner):
            lea = Person(running, f"{owner.url}/enter#{context.ledger.add_annotator('Lea', Role.LEAD)}", viewport=VIEWS)
            lea.task()
            lea.page.click("#new-category")
            lea.page.fill('[name="name"]', "bus")
            lea.page.fill('[name="key"]', "2")
            lea.page.keyboard.press("Enter")
            lea.page.wait_for_selector("#add-category:not([open])", state="attached")
            whole = [mask for mask in clip.truth[5].values() if not mask[:, [0, -1]].any()]
            for x0, y0, x1, y1 in boxes_of(whole)[:4]:
                lea.page.keyboard.press("r")
                lea.drag((x0, y0), (x1, y1))
                lea.page.wait_for_function("() => !fewframes.editor.busy")
                lea.page.keyboard.press("2")
            lea.page.wait_for_timeout(2500)
            lea.page.screenshot(path=IMAGES / "label_page_boxed.png")
            lea.page.keyboard.press("Enter")
            lea.page.wait_for_timeout(2500)
            lea.context.close()
        list(discover(project, ledger, Settings(), ledger.videos(), method="exemplars"))
        ledger.put_requests([LabelRequest.of(1, Selected(FrameRef(1, 8), 1, 0.0, "evenly spaced"))])
        with served(project) as (context, owner):
            ada = Person(running, f"{owner.url}/enter#{context.ledger.add_annotator('Ada')}", viewport=VIEWS)
            ada.task()
            ada.page.wait_for_timeout(2500)
            ada.page.screenshot(path=IMAGES / "label_page_boxes_found.png")
            ada.context.close()


def project_list(running):
    """Take the list of three projects at one address: one asks for frames, one is damaged, one is at work."""
    from tests.toys.processes.prepared import PreparedCommand
    from tests.toys.projects import fewframes
    from tests.toys.web.desk import desk

    with TemporaryDirectory() as folder:
        place = Path(folder) / "all"
        place.mkdir()
        for name, asked in (("cells", (1, 2, 4)), ("corals", (1,)), ("street", ())):
            with desk(Path(folder) / name) as made:
                made.ask(*asked)
            made.project.root.rename(place / name)
        link = fewframes("people", "add", "Ada", place, "--role", "lead").stdout.strip()
        serving = PreparedCommand("serve", place, "--port", 8600)
        try:
            _listed(running.new_page(viewport={"width": 900, "height": 640}), place, link)
        finally:
            serving.terminate()
            serving.wait()


def _listed(page, place, link):
    """Sign in, damage the ledger of one project, and take the list once that is told."""
    damaged = Project.at(place / "corals").ledger_path
    while not all(living_owner(Project.at(path)) for path in place.iterdir()):
        page.wait_for_timeout(500)
    page.wait_for_timeout(2000)
    page.goto(link)
    page.wait_for_selector("[data-project=corals] progress")
    os.kill(living_owner(Project.at(place / "corals")).pid, signal.SIGKILL)
    os.truncate(damaged, damaged.stat().st_size // 2)
    page.goto(link.partition("enter#")[0])
    page.locator("[data-project=corals]", has_text="restore").wait_for(timeout=90_000)
    page.wait_for_timeout(1000)
    page.screenshot(path=IMAGES / "projects.png")


def dashboard(running, url, link):
    """Take the pages that a lead sees."""
    page = running.new_page(viewport=SCREEN, device_scale_factor=SHRUNK)
    page.goto(link)
    page.wait_for_url(lambda address: "/enter" not in address)
    for name, address, most in DASHBOARD:
        page.goto(f"{url}/dashboard/{address}")
        page.wait_for_timeout(1500)
        if name == "dashboard_video":
            page.fill("#viewer input", "13")
            page.click("#viewer button")
            page.wait_for_timeout(1500)
        page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        page.set_viewport_size(SCREEN | {"height": min(most, page.evaluate("document.body.scrollHeight"))})
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / f"{name}.png")


def main(root):
    """Serve the project to a browser and take all pictures."""
    project = Project.at(Path(root))
    ledger = open_ledger(project)
    report = write_report(project, ledger, open_last_frames(project, ledger), project.root / "report.html")
    with served(project) as (context, owner), browser() as running:
        page = running.new_page(viewport=SCREEN, device_scale_factor=SHRUNK)
        page.goto(report.resolve().as_uri())
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / "demo-report.png")
        label_page(running, f"{owner.url}/enter#{key_of(context.ledger, 'Ada', Role.ANNOTATOR)}")
        discovered_view(running)
        project_list(running)
        boxed_views(running)
        tagging_view(running, context.ledger, owner.url)
        tracking_view(running, context.ledger, owner.url)
        review_view(running, context.ledger, owner.url)
        asked_views(running, context.ledger, owner.url)
        dashboard(running, owner.url, f"{owner.url}/enter#{key_of(context.ledger, 'Lea', Role.LEAD)}")


def key_of(ledger, name, role):
    """Return the key of a person's link, also where pictures were taken before."""
    known = {person.name for person in ledger.annotators()}
    return ledger.renew_link(name) if name in known else ledger.add_annotator(name, role)


if __name__ == "__main__":
    main(sys.argv[1])
