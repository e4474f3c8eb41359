"""One device at a time."""

import pytest

from tasks.web.identity.devices import DEVICE, HELD_SECONDS, Devices
from tests.toys.web.desk import desk


@pytest.fixture
def time():
    return [0.0]


@pytest.fixture
def devices(time):
    return Devices(lambda: time[0])


def test_the_first_device_works_and_others_wait(devices):
    assert [devices.admit("ada", device) for device in ("desk", "tablet", "desk")] == [True, False, True]
    assert devices.admit("bo", "tablet")


def test_a_person_may_take_the_work_along(devices):
    devices.admit("ada", "desk")
    assert devices.admit("ada", "tablet", take=True)
    assert not devices.admit("ada", "desk")


def test_a_device_of_which_nothing_is_heard_gives_way(devices, time):
    devices.admit("ada", "desk")
    time[0] = HELD_SECONDS - 1
    assert not devices.admit("ada", "tablet")
    time[0] += 1
    assert devices.admit("ada", "tablet")


def test_programs_are_always_admitted(devices):
    devices.admit("ada", "desk")
    assert devices.admit("ada", "")


def test_frames_and_drafts_are_for_the_device_that_works(tmp_path):
    with desk(tmp_path) as office:
        office.ask(3)
        ada = office.person("ada")
        task = ada.post("/api/next", headers={DEVICE: "desk"}).json()
        lease, path = {"lease": task["lease"]["token"]}, f"/api/requests/{task['request_id']}"
        refused = ada.post("/api/next", headers={DEVICE: "tablet"})
        assert (refused.status_code, refused.json()["elsewhere"]) == (409, True)
        assert ada.post("/api/next?take=true", headers={DEVICE: "tablet"}).json()["lease"]["token"] == lease["lease"]
        assert ada.post(f"{path}/renew", json=lease, headers={DEVICE: "desk"}).status_code == 409
        draft = lease | {"masks": [], "seconds": 1}
        assert ada.put(f"{path}/draft", json=draft, headers={DEVICE: "desk"}).status_code == 409
        assert ada.put(f"{path}/draft", json=draft, headers={DEVICE: "tablet"}).status_code == 200
