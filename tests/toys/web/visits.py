"""What people do behind a reverse proxy, in a real browser: somebody labels a frame, a lead looks around."""

from typing import Any

from al_core.project import Project
from tasks.web.auth import cookie_name
from tests.toys.web.label_page import Person


def label_a_frame(running: Any, url: str, token: str, project: Project, cookie_path: str) -> None:
    """Somebody labels a frame; the pages ask for nothing outside of the path.

    Args:
        url: where browsers see the project.
        cookie_path: below which path the cookie of the session has to be sent, and only there.
    """
    person = Person(running, f"{url}/enter#{token}", ignore_https_errors=True)
    failed = failures(person.page)
    frame = person.task()["frame"]["frame_idx"]
    assert person.page.url == f"{url}/label"
    person.drag((2, 2), (20, 3))
    person.go_on()
    person.next_after(frame)
    (cookie,) = person.context.cookies()
    assert cookie["name"] == cookie_name(project, cookie_path.rstrip("/"))
    assert (cookie["path"], cookie["secure"]) == (cookie_path, bool(cookie_path != "/"))
    # Its place in the bar depends on what is in hand.
    person.page.evaluate("() => document.getElementById('person').click()")
    person.page.wait_for_url(f"{url}/mine")
    assert failed == []
    person.context.close()


def look_around(running: Any, url: str, token: str) -> None:
    """A lead goes through the pages of the dashboard by their links."""
    context = running.new_context(ignore_https_errors=True)
    page = context.new_page()
    failed = failures(page)
    page.goto(f"{url}/enter#{token}")
    page.wait_for_url(lambda there: not there.partition("#")[0].endswith("/enter"))
    assert token not in page.url
    page.goto(f"{url}/dashboard")
    page.wait_for_url(f"{url}/dashboard/overview")
    for name in ("Quality", "Videos", "People", "Runs", "Overview", "Videos"):
        page.click(f"nav >> text={name}")
        page.wait_for_url(f"{url}/dashboard/{name.lower()}")
    page.click("main table a")
    page.wait_for_url(f"{url}/dashboard/videos/1")
    page.click("#viewer >> text=Show")
    page.wait_for_selector("#shown img")
    page.wait_for_function("() => performance.getEntriesByType('resource').some((e) => e.name.endsWith('/version'))")
    assert all(
        there.startswith(url)
        for there in page.evaluate(
            "() => performance.getEntriesByType('resource').map((e) => e.name).filter((n) => n.startsWith('http'))"
        )
    )
    assert failed == []
    context.close()


def failures(page: Any) -> list[str]:
    """Addresses that a page asks for from now on and that are answered with an error."""
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    return failed
