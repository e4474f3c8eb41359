"""Content hashes of what a step reads, and the version of the code: what a figure rests on."""

import hashlib
import json
import subprocess
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_GIT_SECONDS = 5


def fingerprint(inputs: Any) -> str:
    """Return the SHA-256 (64 hex digits) of a JSON-like value; the order of dictionary keys does not matter."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def fingerprint_file(path: Path) -> str:
    """Return the SHA-256 (64 hex digits) of a file's content.

    Several steps of a round ask for the same file, so a file that was not written since is read once in a process.

    Raises:
        OSError: the file is not there or cannot be read.
    """
    state = path.stat()
    return _of_file(path.absolute(), state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@lru_cache(maxsize=65536)
def _of_file(path: Path, *state: int) -> str:
    # The state is part of the key: a file that was written since is read again.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_fingerprint() -> str:
    """Return the SHA-256 (64 hex digits) of what computes: the sources of ``al_core`` and ``tasks``, and the versions
    of the libraries that do arithmetic.

    Where the version of the code only names a revision, this also tells what a checkout holds beside it.
    """
    from importlib.metadata import PackageNotFoundError, version

    root, libraries = Path(__file__).resolve().parent.parent, {}
    for name in ("numpy", "scipy", "opencv-python-headless", "torch", "torchvision"):
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            libraries[name] = ""
    sources = (path for folder in ("al_core", "tasks") for path in sorted((root / folder).rglob("*.py")))
    return fingerprint([libraries, [[str(path.relative_to(root)), fingerprint_file(path)] for path in sources]])


@cache
def code_version() -> str:
    """Return the version of the package, with the git revision in a checkout: "0.3.0+1a2b3c4d5e6f".

    A "+" at the very end means that the checkout holds changes that no revision has; "0.3.0+unknown" that git cannot
    tell the revision, as where it is not installed.
    """
    # It takes a hundredth of a second to import, and few commands ask for the version.
    from importlib.metadata import PackageNotFoundError, version

    try:
        released = version("fewframes")
    except PackageNotFoundError:
        released = "0"
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return released
    revision = _git(folder, "rev-parse", "--short=12", "HEAD")
    if not revision:
        return f"{released}+unknown"
    changed = "+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else ""
    return f"{released}+{revision}{changed}"


def _git(folder: Path, *arguments: str) -> str:
    """Return what git prints; nothing where git cannot be run or fails."""
    # A checkout may be another user's, as of the image of a container; nothing of its settings is run.
    trusting = ["-c", f"safe.directory={folder}", "-c", "core.fsmonitor=false"]
    command = ["git", *trusting, "-C", str(folder), "--no-optional-locks", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
