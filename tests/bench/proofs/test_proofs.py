"""The runner of the proofs, on a proof of two numbers."""

import json
import logging

import pytest
from click.testing import CliRunner

from al_core.errors import UnknownName
from tests.bench.proofs import __main__ as proofs
from tests.bench.proofs.proof import HELD_BACK, LEAST_CASES, Claim, Proof, Row


@pytest.fixture
def asked(monkeypatch, caplog):
    """The seeds that the proof of two numbers was asked for."""
    # The runner quiets mmengine for good; this sets it back.
    caplog.set_level(logging.ERROR, "mmengine")
    found = []

    def figures(clip, seed, cache):
        found.append(seed)
        return {"ours": clip, "theirs": 0.5, "switches": 3.0, "more switches": 5.0}

    claims = (Claim("ours", "theirs"), Claim("switches", "more switches", "switches", fewer=True))
    proof = Proof("numbers", claims, lambda seed: {"footage": 0.4 + (seed - HELD_BACK) / 100}, figures, seeds=5)
    monkeypatch.setattr(proofs, "NAMES", ("numbers",))
    monkeypatch.setattr(proofs, "PROOFS", {"numbers": proof})
    return found


def run(*arguments):
    result = CliRunner().invoke(proofs.main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_losses_are_printed_as_losses(asked, tmp_path):
    found = run("--work", tmp_path)
    assert asked == [100, 101, 102, 103, 104]
    (lost,) = [line for line in found.splitlines() if "theirs" in line]
    assert "-0.080" in lost
    assert "LOSES" in lost
    (won,) = [line for line in found.splitlines() if "more switches" in line]
    assert "wins" in won


def test_what_is_measured_is_not_measured_again(asked, tmp_path):
    run("--work", tmp_path, "--seeds", 1)
    with (tmp_path / "proofs.jsonl").open("a") as file:
        file.write('\n{"proof": "numbers", "foot')
    assert "undecided" in run("--work", tmp_path, "--seeds", 1)
    assert asked == [100]
    run("--work", tmp_path, "--seeds", 2)
    assert asked == [100, 101]


def test_a_half_written_line_costs_no_other(asked, tmp_path):
    run("--work", tmp_path, "--seeds", 1)
    path = tmp_path / "proofs.jsonl"
    path.write_text(path.read_text().rstrip("\n")[:-5])
    run("--work", tmp_path, "--seeds", 2)
    run("--work", tmp_path, "--seeds", 2)
    assert asked == [100, 100, 101]


def test_without_time_nothing_is_measured_and_the_table_says_so(asked, tmp_path):
    found = run("--work", tmp_path, "--minutes", 0)
    assert asked == []
    assert "5 cases are left" in found
    assert found.count("not measured") == 2


def test_every_proof_has_footage_and_claims():
    for name in (*proofs.NAMES, *proofs.TOYS):
        proof = proofs.PROOFS[name]
        assert proof.name == name
        assert proof.claims
        assert len({(c.system, c.rival) for c in proof.claims}) == len(proof.claims)
    with pytest.raises(UnknownName, match="no such proof|proof"):
        proofs.PROOFS["none"]


def test_the_toy_half_has_five_seeds_of_every_system_in_quick(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(proofs, "TOYS", ("numbers",))
    run("--work", tmp_path, "--toys")
    assert len(asked) == LEAST_CASES


def test_quick_proofs_make_no_other_claims_than_the_whole_ones():
    for name in (name for name in proofs.TOYS if name.startswith("quick ")):
        quick, whole = proofs.PROOFS[name], proofs.PROOFS[name.removeprefix("quick ")]
        assert set(quick.claims) <= set(whole.claims)
        assert quick.figures is not whole.figures or quick.footage is not whole.footage


def test_an_interval_across_zero_decides_nothing():
    found = [{"a": a, "b": 0.5} for a in (0.4, 0.6, 0.5, 0.55, 0.45)]
    assert Row.of(Claim("a", "b"), "some", found, 1.0).verdict == "undecided"


def test_few_cases_decide_nothing():
    found = [{"a": 0.9, "b": 0.5}] * LEAST_CASES
    assert Row.of(Claim("a", "b"), "some", found, 1.0).verdict == "wins"
    assert Row.of(Claim("a", "b"), "some", found[1:], 1.0).verdict == "undecided"


def test_a_record_names_what_it_is_of(asked, tmp_path):
    run("--work", tmp_path, "--seeds", 1)
    record = json.loads((tmp_path / "proofs.jsonl").read_text())
    assert (record["proof"], record["footage"], record["seed"]) == ("numbers", "footage", 100)
    assert record["figures"]["ours"] == 0.4
    assert record["code"]


def test_seeds_on_the_same_footage_are_no_further_cases():
    found = [{"footage": name, "figures": {"ours": value}} for name, value in [("a", 0.2), ("a", 0.4), ("b", 1.0)]]
    assert proofs.by_footage(found) == [{"ours": pytest.approx(0.3)}, {"ours": 1.0}]
