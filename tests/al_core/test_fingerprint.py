import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import al_core.fingerprint
from al_core.fingerprint import code_fingerprint, fingerprint, fingerprint_file
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, MaskLabel, fingerprint_labels
from tests.toys.ledgers import SQUARE, square


def test_the_order_of_keys_does_not_matter():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_the_code_is_told_by_what_its_sources_say(tmp_path, monkeypatch):
    for name in ("al_core/a.py", "tasks/steps/b.py", "tests/c.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(al_core.fingerprint, "__file__", str(tmp_path / "al_core" / "fingerprint.py"))
    first = code_fingerprint.__wrapped__()
    (tmp_path / "tests/c.py").write_text("2")
    assert code_fingerprint.__wrapped__() == first
    (tmp_path / "tasks/steps/b.py").write_text("2 ")
    assert code_fingerprint.__wrapped__() != first


def test_one_pixel_changes_the_hash_of_labels():
    label = FrameLabel(FrameRef(1, 0), (MaskLabel(1, 1, square()),))
    grown = SQUARE.copy()
    grown[0, 0] = True
    other = replace(label, masks=(MaskLabel(1, 1, encode(np.asarray(grown))),))
    assert fingerprint_labels([label]) == fingerprint_labels([label])
    assert fingerprint_labels([label]) != fingerprint_labels([other])


def test_the_order_of_labels_does_not_matter():
    first, second = FrameLabel(FrameRef(1, 0), ()), FrameLabel(FrameRef(1, 5), ())
    assert fingerprint_labels([first, second]) == fingerprint_labels([second, first])


def test_a_file_is_hashed_by_content(tmp_path):
    (tmp_path / "a").write_bytes(b"frame")
    (tmp_path / "b").write_bytes(b"frame")
    assert fingerprint_file(tmp_path / "a") == fingerprint_file(tmp_path / "b")


def test_a_file_that_was_written_again_or_replaced_is_hashed_again(tmp_path):
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"one")
    before = fingerprint_file(file)
    other.write_bytes(b"two")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    replaced = fingerprint_file(file)
    file.write_bytes(b"three")
    assert len({before, replaced, fingerprint_file(file)}) == 3


@pytest.fixture
def checkout(tmp_path):
    """A checkout of the module with one revision, which is another user's where this one is root."""
    folder = tmp_path / "checkout"
    (folder / "al_core").mkdir(parents=True)
    (folder / "al_core" / "__init__.py").touch()
    shutil.copy(al_core.fingerprint.__file__, folder / "al_core" / "fingerprint.py")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    if os.geteuid() == 0:
        for place in (folder, *folder.rglob("*")):
            os.chown(place, 54321, 54321)
    return folder


def version_of(checkout, **environment):
    code = "from al_core.fingerprint import code_version; print(code_version())"
    words = [sys.executable, "-c", code]
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), **environment}
    return subprocess.run(
        words, capture_output=True, text=True, check=True, cwd=checkout, env=environment
    ).stdout.strip()


def test_the_revision_is_told_also_of_a_checkout_of_another_user(checkout):
    released, _, revision = version_of(checkout).partition("+")
    assert released[0].isdigit()
    assert len(revision) == 12
    (checkout / "al_core" / "fingerprint.py").open("a").write("# changed")
    assert version_of(checkout) == f"{released}+{revision}+"


def test_where_git_cannot_tell_the_revision_that_is_said(checkout):
    assert version_of(checkout, PATH=str(checkout)).endswith("+unknown")
    shutil.rmtree(checkout / ".git")
    assert "+" not in version_of(checkout)
