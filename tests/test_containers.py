"""What can be said of the image and of compose.yaml without building: files, commands, options and routes exist."""

import inspect
import json
import re
import shlex
from fnmatch import fnmatch
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
import yaml

from flows.cli.main import main
from tasks.web.several.project_list import Front, create_front

ROOT = Path(__file__).resolve().parents[1]


def steps():
    """The instructions of the Dockerfile, as (word, rest) with their lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def final():
    """The instructions of the last stage."""
    found = steps()
    return found[max(i for i, (word, _) in enumerate(found) if word == "FROM") :]


def only(word):
    """What stands behind an instruction that the last stage has once."""
    (rest,) = [rest for found, rest in final() if found == word]
    return rest


def understood(words):
    """Let the command line read a command of ours; it fails at what there is not."""
    name, *rest = words
    parent = click.Context(main, info_name="fewframes", **main.context_settings)
    with main.get_command(parent, name).make_context(name, rest, parent=parent) as context:
        return context.params


def services():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def compose_variables():
    return set(re.findall(r"^ {6}([A-Z_]+): \$\{", (ROOT / "compose.yaml").read_text(), re.MULTILINE))


def test_every_instruction_is_one_of_dockers():
    known = {"FROM", "RUN", "ENV", "ARG", "WORKDIR", "COPY", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK"}
    assert {word for word, _ in steps()} == known | {"ENTRYPOINT", "CMD"}


def test_what_is_copied_is_there_and_is_not_ignored():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    let_in = {line[1:] for line in lines if line.startswith("!")}
    sources = [
        source
        for word, rest in steps()
        if word == "COPY" and not rest.startswith("--from=build")
        for source in rest.split()[:-1]
    ]
    assert set(sources) == let_in
    assert all((ROOT / source).exists() for source in sources)
    # What pyproject.toml packs has to be among it.
    packed = re.search(r"^include = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert all(any(fnmatch(source, form) for source in sources) for form in json.loads(packed[1]))


def test_versions_are_those_of_the_lock():
    lock = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    named = re.findall(r"\b([a-z-]+)==([0-9.]+)", " ".join(rest for word, rest in steps() if word == "RUN"))
    assert {name for name, _ in named} == {"torch", "onedl-mmcv"}
    assert all(lock[name] == version for name, version in named)
    assert all("-c constraints.txt" in rest for word, rest in steps() if "pip install" in rest)


def test_it_is_no_root_and_serves_what_is_on_the_volume():
    assert only("USER").isdecimal()
    assert int(only("USER")) > 0
    assert only("VOLUME") == only("WORKDIR") == "/projects"
    assert json.loads(only("ENTRYPOINT")) == ["fewframes"]
    served = understood(json.loads(only("CMD")))
    assert served["places"] == (Path("/projects"),)
    assert str(served["port"]) == only("EXPOSE")


def test_the_health_check_asks_a_route_that_there_is():
    command = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    compile(command[-1], "healthcheck", "exec")
    (port, path) = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", command[-1]).groups()
    assert port == only("EXPOSE")
    assert path in {route.path for route in create_front(Front({})).routes}


def test_services_run_commands_that_there_are():
    found = services()
    assert set(found) == {"server", "worker", "prefect"}
    assert understood(found["server"]["command"])["host"] == "0.0.0.0"
    assert understood(found["worker"]["command"])["root"] == Path("/projects/work")
    (prefect,) = found["prefect"]["entrypoint"]
    assert prefect in entry_points(group="console_scripts").names
    from prefect.cli.server import start

    assert found["prefect"]["command"] == ["server", "start", "--host", "0.0.0.0"]
    assert "host" in inspect.signature(start).parameters


def test_only_this_machine_reaches_what_is_served_without_tls():
    assert "--without-tls" in services()["server"]["command"]
    assert all(port.startswith("127.0.0.1:") for port in services()["server"]["ports"])
    assert not any("ports" in service for name, service in services().items() if name != "server")


def test_prefect_comes_only_when_it_is_asked_for_and_the_worker_reaches_the_owner_of_the_ledger():
    found = services()
    assert [name for name, service in found.items() if "profiles" not in service] == ["server"]
    assert found["worker"]["network_mode"] == "service:server"
    assert set(found["worker"]["depends_on"]) == {"server", "prefect"}
    assert all("projects:/projects" in service["volumes"] for service in found.values())


def test_what_compose_hands_to_the_build_is_an_argument_of_it():
    known = {rest.split("=")[0] for word, rest in steps() if word == "ARG"}
    assert set(services()["server"]["build"]["args"]) <= known
    assert compose_variables() <= known


@pytest.mark.parametrize("name", ["compose.yaml", "CONTRIBUTING.md"])
def test_commands_in_the_words_around_it_are_understood(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / name).read_text()
    calls = re.findall(r"docker compose (?:run --rm|exec) server (?:fewframes )?(.+)", text)
    assert calls
    for call in calls:
        understood(shlex.split(call))


def test_documented_build_arguments_are_known():
    known = {rest.split("=")[0] for word, rest in steps() if word == "ARG"}
    documented = set(re.findall(r"--build-arg (\w+)=", (ROOT / "CONTRIBUTING.md").read_text()))
    assert documented
    assert documented <= known
