"""What the labelling API answers to those who mean no good: a table of every attack that the tests try.

python -m tests.bench.load.attacks
"""

import tempfile
from pathlib import Path

from fastapi.testclient import TestClient

from tests.toys.web.attacks import CALLS, PATH_ATTACKS, REFINE_ATTACKS, SUBMIT_ATTACKS, TEXT_ATTACKS
from tests.toys.web.desk import ADDRESS, CHANGING, answer, desk, sent, square

JSON = {"Content-Type": "application/json"}


def main() -> None:
    """Try each attack on a small project and print what it was answered."""
    print("| attack | status | answer |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder)) as office:
        office.ask(3)
        ada = office.person("ada")
        task = ada.post("/api/next").json()
        path = f"/api/requests/{task['request_id']}"
        honest = answer(task, sent([square(3)]))
        for name, (changes, _, _) in SUBMIT_ATTACKS.items():
            tell(f"answer: {name}", ada.post(f"{path}/submit", json=honest | changes))
        for name, (spoil, _) in TEXT_ATTACKS.items():
            tell(f"answer: {name}", ada.post(f"{path}/submit", content=spoil(honest), headers=JSON))
        for name, (body, _) in REFINE_ATTACKS.items():
            tell(f"refine: {name}", ada.post(f"{path}/refine", json={"lease": task["lease"]["token"], **body}))
        for attack in PATH_ATTACKS:
            tell(f"GET `{attack}`", ada.get(attack))
        stranger = TestClient(office.app, base_url=ADDRESS)
        for method, call in CALLS:
            tell(f"{method} `{call}` without a session", stranger.request(method, call, headers=CHANGING, json={}))
        tell("a call from another site (no header)", ada.post("/api/next", headers={"X-Fewframes": ""}))
        tell("a name bent to this address", ada.get("/api/me", headers={"Host": "evil.example"}))
        tell("an annotator asks for the log", ada.get("/api/log"))
        assert office.ledger.answers_given() == []


def tell(attack: str, reply: object) -> None:
    """One line of the table."""
    print(f"| {attack} | {reply.status_code} | {reply.json()['error'][:160].replace('|', '/')} |")


if __name__ == "__main__":
    main()
