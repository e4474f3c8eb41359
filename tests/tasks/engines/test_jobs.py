"""What a worker does with an order, and which GPUs it sees."""

import os
import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest

from al_core.errors import BadVideo, UnknownName, VersionsDiffer
from al_core.records import Video
from al_core.settings import ComputeSettings, FrameSettings
from tasks.engines.jobs import Delivered, Order, Place, carry_out, check_versions, gpus_taken, versions, visible_devices
from tasks.engines.shared_folder import OwnFiles


@dataclass(frozen=True)
class Doubling:
    """A job that can be checked by eye; ``what`` may also be something that cannot be done."""

    what: str = "21"
    key: int = 7
    name: str = "double"

    def work(self, place: Place) -> int:
        if self.what == "unknown":
            raise UnknownName("number", "x", ["1", "2"])
        if self.what == "hang":
            subprocess.run(["sleep", "60"], check=True)
        return 2 * int(self.what)


def order(what: str = "21", seconds: float = 0.0) -> Order:
    return Order(Doubling(what), 2, OwnFiles(), 1, seconds, versions())


def test_an_order_is_carried_out_and_says_which_attempt_it_was() -> None:
    delivered: Delivered = pickle.loads(carry_out(pickle.dumps(order())))
    assert (delivered.key, delivered.attempt, delivered.value) == (7, 2, 42)
    assert delivered.worker.endswith(f":{os.getpid()}")


def test_a_worker_of_another_version_does_nothing() -> None:
    other = replace(order(), versions={**versions(), "torch": "1.0"})
    with pytest.raises(VersionsDiffer, match=r"has torch .*\(here 1\.0\).*install the same versions"):
        carry_out(pickle.dumps(other))


def test_the_worker_that_differs_is_named() -> None:
    check_versions({"numpy": "2"}, {"a": {"numpy": "2"}})
    with pytest.raises(VersionsDiffer, match=r"worker b has numpy 1 \(here 2\)"):
        check_versions({"numpy": "2"}, {"a": {"numpy": "2"}, "b": {"numpy": "1"}})


def test_an_error_that_does_not_travel_says_the_same_in_another_kind() -> None:
    with pytest.raises(Exception, match="unknown number 'x'") as caught:
        carry_out(pickle.dumps(order("unknown")))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_worker_that_hangs_ends_itself() -> None:
    program = "import sys; from tasks.engines.jobs import carry_out; carry_out(sys.stdin.buffer.read())"
    packed = pickle.dumps(order("hang", seconds=0.5))
    ended = subprocess.run([sys.executable, "-c", program], input=packed, capture_output=True, check=False)
    assert ended.returncode == 1
    assert b"Timeout" in ended.stderr


@pytest.mark.parametrize(
    ("gpus", "per_task", "expected"),
    [
        ("0", 1, ["0"]),
        ("012", 1, ["0", "1", "2"]),
        ("012", 2, ["0,1"]),
        ("01", 0.5, ["0", "0", "1", "1"]),
        ("0", 0.33, ["0", "0", "0"]),
        ("0123", 4, ["0,1,2,3"]),
        ("01", 3, []),
        ("", 1, []),
        ("01", 0, []),
    ],
)
def test_every_process_has_gpus_that_no_other_has(gpus: str, per_task: float, expected: list[str]) -> None:
    assert visible_devices(list(gpus), per_task) == expected


@pytest.mark.parametrize(
    ("device", "changes", "expected"),
    [
        ("auto", {}, ["3"]),
        ("cuda", {}, ["3"]),
        ("cuda:1", {}, ["5"]),
        ("cpu", {}, []),
        ("auto", {"gpus_per_task": 1}, ["3", "5"]),
        ("auto", {"gpus_per_task": 2}, ["3"]),
        ("auto", {"engine": "ray"}, []),
    ],
)
def test_which_gpus_a_training_takes(
    device: str, changes: dict[str, object], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert gpus_taken(ComputeSettings(**changes), device) == expected
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_taken(ComputeSettings(**changes), device) == []


def test_footage_that_a_machine_does_not_see_is_told(tmp_path: Path) -> None:
    video = Video(1, "bear", str(tmp_path / "bear.mp4"), "file", "0" * 64, Fraction(25), 3, 4, 4)
    with pytest.raises(BadVideo, match="does not see the video 'bear'.*mount the footage"):
        Place(OwnFiles(), tmp_path).frames([video], FrameSettings())


def test_a_place_keeps_what_it_made_for_one_key() -> None:
    place, made = Place(OwnFiles(), Path()), []
    for key in ("a", "a", "b", "a"):
        assert place.kept(key, lambda key=key: made.append(key) or key.upper()) == key.upper()
    assert made == ["a", "b", "a"]
