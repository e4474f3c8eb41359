"""Somebody at the labelling page, in a real browser, and a round whose frames wait for people."""

from contextlib import ExitStack, contextmanager

import numpy as np

from al_core.masks.rle import Rle, decode
from al_core.records import FrameRef, LabelRequest, Selected
from al_core.settings import Settings
from tests.toys.labelled_project import answer, copy_of, deliver, new_project, select
from tests.toys.ledgers import kept_open
from tests.toys.web.serving import served

ASKED = (1, 2, 4)
"""Frames of the round that people answer, by rank; the round before delivered the square for each."""


class Person:
    """Somebody at the labelling page; what was on it when a frame was saved is kept in ``saved``."""

    def __init__(self, running, link, **options):
        self.context = running.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        self.page = self.context.new_page()
        self.page.goto(link)
        self.page.wait_for_url(lambda url: "/enter" not in url)
        if "/dashboard" in self.page.url:
            # A lead's link leads to the dashboard.
            self.page.click("nav a[href$='label']")
        self.saved = {}

    def task(self):
        """The frame in hand, when it is on the screen."""
        self.page.wait_for_function("() => globalThis.fewframes?.work.task?.image && !fewframes.work.sending")
        return self.page.evaluate("() => { const { image, ...task } = fewframes.work.task; return task; }")

    def masks(self):
        """What is drawn: track -> mask."""
        return masks_of(self.page.evaluate("() => fewframes.drawing().masks()"))

    def go_on(self):
        """Save the frame and wait for what comes next."""
        frame = self.task()["frame"]["frame_idx"]
        self.saved[frame] = self.masks()
        self.page.keyboard.press("Enter")
        return frame

    def next_after(self, frame):
        """Wait until another frame, or none, is in hand."""
        self.page.wait_for_function(
            f"() => fewframes.work.task?.frame.frame_idx !== {frame} && !fewframes.work.sending"
        )

    def pixel(self, x, y):
        """A whole CSS pixel near an image point, and the image point that it is."""
        left, top, scale = self.page.evaluate("() => [...fewframes.view.toPage([0, 0]), fewframes.view.scale]")
        at = round(left + x * scale), round(top + y * scale)
        return at, ((at[0] - left) / scale, (at[1] - top) / scale)

    def click(self, *points, **options):
        """Press the button of the mouse at points of the image, and wait for what the server says to it."""
        for point in points:
            self.page.mouse.click(*self.pixel(*point)[0], **options)
        self.page.wait_for_function("() => !fewframes.editor.busy")

    def route(self, pattern, answer):
        """Let a function answer calls to the server, from the next one on."""
        self.page.route("**/is-caught", lambda route: route.fulfill(status=204))
        self.page.route(pattern, answer)
        if self.page.url != "about:blank":
            # Chromium says so a moment before the page's own calls are caught, and one call in fifty slips through.
            self.page.wait_for_function("() => fetch('is-caught').then((reply) => reply.status === 204)")
        self.page.unroute("**/is-caught")

    def hold(self, pattern):
        """Keep calls from the server until the test lets them go; returns those that came."""
        held = []

        def keep(route):
            held.append(route)

        self.route(pattern, keep)
        return held

    def wait_for_calls(self, held, number=1):
        """Wait until so many calls are kept."""
        while len(held) < number:
            self.page.wait_for_timeout(10)

    def drag(self, start, end):
        """Draw a straight line; returns its two ends on the image."""
        (at, first), (to, last) = self.pixel(*start), self.pixel(*end)
        self.page.mouse.move(*at)
        self.page.mouse.down()
        self.page.mouse.move(*to)
        self.page.mouse.up()
        return first, last


def masks_of(coded):
    """Track -> mask of what the page or the API calls masks."""
    return {m["track_id"]: decode(Rle(*m["rle"]["size"], m["rle"]["counts"])) for m in coded}


@contextmanager
def waiting_round(folder, seen=False, **changes):
    """A project that is served and waits for labels; gives its ledger and its address. The squares that were delivered
    are seen in the frames, or not; changes are of settings by their name in the section "annotator"."""
    known = tuple((name, tuple(to) if isinstance(to, list) else to) for name, to in sorted(changes.items()))
    with ExitStack() as stack:
        with kept_open():
            project, *_ = copy_of(_waiting_round, folder, seen, known)
            context, owner = stack.enter_context(served(project))
        yield context.ledger, owner.url


def _waiting_round(folder, seen, changes):
    project, own, _ = new_project(folder, seen=seen)
    with own.held():
        own.begin_round(Settings())
        answer(own, 1, select(own, 1))
        deliver(project, own, 1)
        own.finish_round(1, None)
        own.begin_round(Settings().changed({f"annotator.{name}": value for name, value in changes}))
        chosen = [Selected(FrameRef(1, i), rank, 0.5, "it moves") for rank, i in enumerate(ASKED)]
        own.put_selection(2, "uniform", chosen)
        own.put_requests([LabelRequest.of(2, selected) for selected in chosen])


def stored(ledger, *frames):
    """Frame -> track -> mask of the answers to frames, or to those of the round."""
    labels = (label for label in ledger[0].human_labels() if label.frame.frame_idx in (frames or ASKED))
    return {label.frame.frame_idx: {m.track_id: decode(m.rle) for m in label.objects} for label in labels}


def same(one, other):
    """Whether two frames hold the same masks."""
    return one.keys() == other.keys() and all(np.array_equal(one[track], other[track]) for track in one)
