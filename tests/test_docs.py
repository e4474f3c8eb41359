"""What the documents say is true: commands parse, settings exist, links lead somewhere, pages are fresh."""

import importlib.util
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest

from al_core.settings import Settings, load_settings
from flows.cli.main import main
from tasks.project.run_settings import parse_overrides

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "data").glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")


def blocks(page, language):
    """The text of a page's fenced blocks in one language."""
    return [text for found, text in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def commands(program):
    """(page, arguments) of every call of a program in a block of shell commands."""
    found = []
    for page in PAGES:
        for line in "".join(blocks(page, "sh")).splitlines():
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == program:
                found.append(pytest.param(words[1:], id=f"{page.name}: {' '.join(words[1:])}"))
    return found


def script(name):
    """A module of the folder ``docs``."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])  # It adds the project's folder, to be a program too.
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with the videos and masks that the documents speak of."""
    for name in (
        "clips/one.mp4",
        "clips/two.mkv",
        "davis/JPEGImages/480p/dog/00000.jpg",
        "masks/00000.png",
        "cert.pem",
        "key.pem",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", commands("fewframes"))
def test_a_documented_command_is_understood(words, folder):
    name, *rest = words
    parent = click.Context(main, info_name="fewframes", **main.context_settings)
    with main.get_command(parent, name).make_context(name, rest, parent=parent) as context:
        check_values(context.params)


def check_values(params):
    """Names that click does not know: presets, settings, strategies, provenances, paths that are read."""
    from al_core.records import Provenance
    from al_core.selection import STRATEGIES

    preset = params.get("preset")
    if preset and not preset.endswith(".toml"):
        load_settings(preset)
    Settings().changed(parse_overrides(params.get("changes") or ()))
    for strategy in params.get("strategies") or ():
        assert strategy in STRATEGIES or not strategy
    for provenance in (params.get("provenance") or "").split(","):
        assert not provenance or Provenance(provenance)
    for path in params.get("paths") or ():
        assert path.exists()


def test_documents_show_every_command():
    documented = {param.values[0][0] for param in commands("fewframes")}
    assert documented == {*main.list_commands(click.Context(main))}


@pytest.mark.parametrize("words", commands("make"))
def test_a_documented_target_is_in_the_makefile(words):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    variables = re.findall(r"\$\(([A-Z]+)\)", (ROOT / "Makefile").read_text())
    named = [word for word in words if "=" not in word and not word.startswith("-")]
    assert named
    assert set(named) <= set(targets)
    assert {word.split("=")[0] for word in words if "=" in word} <= set(variables)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in (markdown or image for markdown, image in LINK.findall(text)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_site_can_be_made_of_a_page(page):
    """Sphinx ends at a heading that leaves a level out, and at a link to a page outside the site."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert all(next_one <= level + 1 for level, next_one in pairwise(levels))
    assert not re.findall(r"\]\((\.\./[^)]+\.md)", text)


def anchors(page):
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", ["settings_page", "command_line_page", "schema_page", "http_api_page", "api_page"])
def test_generated_pages_are_fresh(name):
    module = script(name)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "give the command: make docs"


def test_every_page_has_one_place_in_the_navigation_of_the_site():
    docs = ROOT / "docs"
    parts = script("site_navigation").parts((docs / "index.md").read_text(encoding="utf-8"))
    listed = [page for links in parts.values() for _, page in links]
    assert [*parts] == ["Tutorial", "How to", "Reference", "Explanation"]
    assert sorted(listed) == sorted(p.name for p in docs.glob("*.[mi][dp]*") if p.suffix != ".py" and p.stem != "index")
    assert "docs/index.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_navigation_is_made_of_the_lists_of_the_first_page():
    made = script("site_navigation")
    text = "# x\n\n## One\n\n- [A b](a.md): what\n  goes on\n- [C](c.ipynb): d\n\n## Text\n\nno links\n"
    assert made.parts(text) == {"One": [("A b", "a.md"), ("C", "c.ipynb")]}
    assert made.contents(text) == "```{toctree}\n:hidden:\n:caption: One\n\nA b <a>\nC <c>\n```\n"


def test_a_notebook_reads_as_a_page():
    cells = [
        {"cell_type": "markdown", "source": ["# A\n", "b"]},
        {"cell_type": "code", "source": ["1 + 1"], "outputs": [{"data": {"text/plain": ["2"]}}, {"text": ["c\n"]}]},
    ]
    page = script("site_navigation").notebook({"cells": cells})
    assert page == "# A\nb\n\n```python\n1 + 1\n```\n\n```text\n2\n```\n\n```text\nc\n```"


def test_the_api_page_says_how_a_call_is_made_and_what_it_raises():
    page = script("api_page").page()
    assert "## Project\n\n```python\nProject(root: str | Path, cache: str | Path | None = None)\n```" in page
    assert "```python\nroot: Path\n```\n\nIts folder, absolute." in page
    assert "Errors:\n\n- `FewframesError`: one of them cannot be taken in; the others are." in page


def test_the_documented_coco_label_file_is_read(tmp_path):
    from al_core.exchange.drawn import Asked
    from al_core.exchange.label_files import read_label_file

    (text,) = [text for text in blocks(ROOT / "docs" / "data-formats.md", "json") if "annotations" in text]
    (tmp_path / "labels.json").write_text(text)
    frames = read_label_file(tmp_path / "labels.json", lambda name: Asked(name.stem, 480, 854, True), ["car"]).frames
    drawn = frames["r0001-v00001-f0000012"]
    assert [(mask.track_id, mask.category) for mask in drawn.masks] == [(3, "car")]
    assert drawn.seconds == 41.5
    assert frames["r0001-v00001-f0000040"].masks == ()


def test_documented_categories_are_read(tmp_path):
    from al_core.footage.sources import _category_names

    texts = [t for t in blocks(ROOT / "docs" / "data-formats.md", "json") if '"categories"' not in t]
    masks = tmp_path / "Annotations" / "480p" / "dog"
    masks.mkdir(parents=True)
    names = []
    for text in texts:
        (tmp_path / "categories.json").write_text(text)
        names.append(_category_names(masks, "dog"))
    assert names == [{1: "dog", 2: "person"}, {1: "car", 2: "person"}]


def test_the_documented_override_changes_the_documented_student(tmp_path):
    from al_core.settings import StudentSettings
    from al_core.students.build import build_config

    page = ROOT / "docs" / "students.md"
    (override,) = blocks(page, "python")
    (tmp_path / "small.py").write_text(override)
    (words,) = [p.values[0] for p in commands("fewframes") if "student.override=small.py" in p.values[0]]
    changes = dict(word.split("=", 1) for word in words if word.startswith("student."))
    student = StudentSettings(config=changes["student.config"], override=str(tmp_path / "small.py"))
    config, plain = (build_config(s, ["cell"]) for s in (student, student.model_copy(update={"override": ""})))
    assert config.model.type == plain.model.type == "RTMDet"
    assert config.model.backbone.deepen_factor == 0.33 == plain.model.backbone.deepen_factor
    assert (config.model.test_cfg.nms_pre, plain.model.test_cfg.nms_pre) == (300, 1000)
    assert config.model.bbox_head.num_classes == 1
    decay = [c.optim_wrapper.optimizer.weight_decay for c in (config, plain)]
    assert decay == [0.01, 0.05]
