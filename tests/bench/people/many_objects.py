"""Open frames with many objects in the labelling page; run as ``python -m tests.bench.people.many_objects``.

Per size of the frame and number of objects: seconds from the address to the painted frame with its masks, milliseconds
to select an object and to take in a stroke, and the memory that the page holds (the heap and the arrays beside it), in
MB. The load of the machine is told with it.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import DeliveredMask, FrameRef, LabelRequest, Provenance, Selected
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.web.browser import browser
from tests.toys.web.label_page import Person
from tests.toys.web.serving import served

CASES = ((754, 480, 148), (1920, 1080, 148), (3840, 2160, 148), (1280, 720, 1000))
"""Width, height, objects."""

PAINTED = """() => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"""

SELECT = f"""async () => {{
    const drawing = fewframes.drawing(), began = performance.now();
    drawing.select(drawing.objects.at(-1));
    return await ({PAINTED})() - began;
}}"""

STROKE = f"""async () => {{
    const drawing = fewframes.drawing(), {{ x0, y0 }} = drawing.selected.bounds, began = performance.now();
    drawing.apply("test", (mask) => (mask.fill(1, y0 * drawing.width + x0, y0 * drawing.width + x0 + 40),
        {{ x0, y0, x1: x0 + 40, y1: y0 + 1 }}));
    return await ({PAINTED})() - began;
}}"""


def discs(width: int, height: int, count: int) -> Iterator[NDArray[np.bool_]]:
    """Disks on a grid that do not touch, of the size that leaves a tenth of the frame between them."""
    columns = int(np.ceil(np.sqrt(count * width / height)))
    step = width / columns
    for i in range(count):
        x, y = (i % columns + 0.5) * step, (i // columns + 0.5) * step
        rows, cols = np.ogrid[:height, :width]
        yield (cols - x) ** 2 + (rows - y) ** 2 < (0.45 * step) ** 2


@contextmanager
def crowded(folder: Path, width: int, height: int, count: int) -> Iterator[tuple[Ledger, str]]:
    """A project that is served, in which a frame with so many masks is asked for; gives its ledger and its address."""
    frames = folder / "crowd"
    frames.mkdir()
    noise = np.random.default_rng(1).integers(60, 200, (height // 8, width // 8, 3), dtype=np.uint8)
    for i in range(2):
        Image.fromarray(noise).resize((width, height)).save(frames / f"{i:05d}.jpg")
    project = Project.at(folder / "project")
    ledger = open_ledger(project)
    with ledger.held():
        ledger.add_categories(["object"])
        ingest_paths(ledger, [frames])
        ledger.begin_round(Settings())
        masks = [
            DeliveredMask(1, i + 1, 1, Provenance.PROPAGATED, 0.9, encode(mask))
            for i, mask in enumerate(discs(width, height, count))
        ]
        path = project.round_dir(1) / "delivered" / "1.parquet"
        ledger.put_delivered(1, 1, project.relative(path), 1, write_delivered(path, masks))
        ledger.finish_round(1, None)
        ledger.begin_round(Settings())
        chosen = Selected(FrameRef(1, 1), 0, 0.5, "it is crowded")
        ledger.put_selection(2, "uniform", [chosen])
        ledger.put_requests([LabelRequest.of(2, chosen)])
    with served(project) as (context, owner):
        yield context.ledger, owner.url


def measure(running: Any, ledger: Ledger, url: str) -> tuple[float, float, float, float]:
    """Return seconds to open, milliseconds to select and to draw, and MB of memory."""
    person = Person(running, f"{url}/enter#{ledger.add_annotator('Ada')}")
    person.task()
    person.page.reload()
    person.task()
    opened = person.page.evaluate(PAINTED)
    selected, drawn = person.page.evaluate(SELECT), person.page.evaluate(STROKE)
    devtools = person.context.new_cdp_session(person.page)
    devtools.send("HeapProfiler.collectGarbage")
    heap = devtools.send("Runtime.getHeapUsage")
    person.context.close()
    return opened / 1000, selected, drawn, (heap["usedSize"] + heap.get("backingStorageSize", 0)) / 1e6


def main() -> None:
    """Print a row per case."""
    print("frame        objects  open s  select ms  stroke ms  memory MB  load")
    with browser() as running:
        for width, height, count in CASES:
            with tempfile.TemporaryDirectory() as folder, crowded(Path(folder), width, height, count) as (ledger, url):
                opened, selected, drawn, memory = measure(running, ledger, url)
            size, load = f"{width}x{height}", os.getloadavg()[0]
            print(f"{size:12} {count:7} {opened:7.2f} {selected:10.0f} {drawn:10.0f} {memory:10.0f} {load:5.1f}")


if __name__ == "__main__":
    main()
