"""The short form of the bench of the same name."""

from tests.bench.soak import Soak, run_soak


def test_slow_clients_and_a_webhook_that_drips_take_nothing_from_people(tmp_path):
    seen = run_soak(tmp_path, Soak(minutes=0.25, people=4, slow=40, delay=0.2, every=2.0))
    assert seen.problems == []
    assert len(seen.record.acknowledged) > 20
    assert seen.messages
    assert seen.pages
