"""The short form of the bench of the same name."""

from tests.bench.load.serve_load import Load, run_load


def test_nothing_is_lost_when_the_server_is_killed(tmp_path):
    outcome = run_load(tmp_path, Load(people=4, requests=60, kills=1, delay=0.05))
    assert outcome.problems == ()
    assert len(set(outcome.record.acknowledged.values())) == 60
    assert {verdict for _, verdict in outcome.record.reviewed.values()} >= {"approved"}
