"""Write ``docs/command-line.md`` from the commands themselves; ``make docs`` calls it.

Arguments and options are what ``--help`` says; the examples are kept here. A test compares the page with
what this makes, and fails for a command without an example.
"""

import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from flows.cli.main import LATER, main  # noqa: E402

PAGE = ROOT / "docs" / "command-line.md"
WIDTH = 100

HEAD = """# Command line

*Written by `docs/command_line_page.py` from `flows/cli/main.py` and the commands below it; change it there.*

`make setup` puts the command into `.venv/bin`. Every command works on a project, a folder that holds the
ledger, caches and rounds; without `--project` that is the current folder. Every command may be given again:
what is done is not done twice. The exit code is 0 when all went well, 1 when something has to be mended
(one line says what), 2 when the command was not understood, and 130 after Ctrl-C. The traceback of an error
is added to `errors.log` in the project; `--debug`, before or after the command, shows it.
"""

EXAMPLES = {
    "doctor": ["fewframes doctor --project work"],
    "ingest": [
        "fewframes ingest clips/one.mp4 clips/two.mkv --project work",
        "fewframes ingest davis --project work --category car",
        "fewframes ingest clips/two.mkv --category person --category bicycle --project work",
        "fewframes ingest clips/one.mp4 --masks masks --identities per_frame --project work",
    ],
    "discover": [
        "fewframes discover --project work",
        "fewframes discover one --method motion --again --project work",
        "fewframes discover --method exemplars --project work",
        "fewframes discover --method scribbles --shapes masks --project work",
        "fewframes discover --forget --project work",
    ],
    "import": [
        "fewframes import old_coco.json --project work --as labels --author kim --dry-run",
        "fewframes import masks --project work --as prelabels --category car",
        "fewframes import cvat.zip --project work --as holdout --match '{video}/frame_{number}.jpg' --map Auto=car",
    ],
    "holdout": [
        "fewframes holdout add one --project work",
        "fewframes holdout add two --frames 0,50,100-120 --project work",
        "fewframes holdout list --project work",
        "fewframes holdout measure --project work",
        "fewframes holdout remove two --frames 50 --project work",
    ],
    "category": [
        'fewframes category add car --colour "#3366cc" --key 3 --description "no vans" --project work',
        "fewframes category rename car vehicle --project work",
        "fewframes category merge van vehicle --project work",
        "fewframes category remove van --project work",
        "fewframes category list --project work",
    ],
    "guide": ["fewframes guide guide.md --project work", "fewframes guide --remove --project work"],
    "video": [
        "fewframes video list --project work",
        'fewframes video exclude one --reason "out of focus" --project work',
        "fewframes video include one --project work",
        "fewframes video priority two 5 --project work",
        "fewframes video assign two ada bo --project work",
        "fewframes video relocate clips --project work",
        "fewframes video purge one --project work",
    ],
    "cuts": [
        "fewframes cuts one --project work",
        "fewframes cuts one --add 120,480 --remove 300 --project work",
    ],
    "run": [
        "fewframes run --project work",
        "fewframes run --project work --settings quick --rounds 3",
        "fewframes run --project work --budget 40 --set selection.strategy=least_certain",
    ],
    "round": ["fewframes round --project work", "fewframes round --abandon --yes --project work"],
    "pause": ["fewframes pause --project work"],
    "resume": ["fewframes resume --project work"],
    "serve": [
        "fewframes serve --project work",
        "fewframes serve --project work --host 0.0.0.0 --certificate cert.pem --key key.pem",
        "fewframes serve --project work --prefect",
        "fewframes serve work cows --port 8700",
    ],
    "deploy": [
        'fewframes deploy --project work --cron "0 6 * * *" --answered 0.8 --deadline 48',
        'fewframes deploy --project work --cron "ingest=30 5 * * *" --footage clips --export youtube-vis=labels',
    ],
    "work": ["fewframes work --project work"],
    "worker": [
        "fewframes worker tcp://10.0.0.5:8786",
        "fewframes worker tcp://10.0.0.5:8786 --gpus-per-task 1 --folder /scratch/fewframes",
    ],
    "annotator": [
        "fewframes annotator add ada --project work",
        "fewframes annotator add bo --role lead --url https://labels.example.org --project work",
        "fewframes annotator list --project work",
        "fewframes annotator again one 12 80 --project work",
        "fewframes annotator link ada --project work",
        "fewframes annotator revoke ada --project work",
    ],
    "people": [
        "fewframes people add ada work cows",
        "fewframes people list work cows",
        "fewframes people link ada work cows --url https://labels.example.org",
        "fewframes people revoke ada work cows",
    ],
    "review": [
        "fewframes review list --project work",
        "fewframes review approve one 12 80 --by lea --project work",
        'fewframes review return one 12 --by lea --note "the tail is missing" --project work',
    ],
    "status": ["fewframes status --project work"],
    "report": ["fewframes report --project work", "fewframes report --project work --out report.html"],
    "export": [
        "fewframes export --project work --format coco --out labels",
        "fewframes export --project work --format davis --out masks --provenance human,propagated",
        "fewframes export --project work --format coco --out sets --split train=0.8,val=0.2",
        "fewframes export --project work --format yolo-seg --out yolo --fresh --min-confidence 0.6",
        "fewframes export --project work --format mots --out mots",
        "fewframes export --project work --format coco --out certified --only certified",
        "fewframes export --project work --format overlay-mp4 --out look.mp4 --video one",
    ],
    "certify": [
        "fewframes certify --project work --dry-run",
        "fewframes certify --project work --iou 0.75 --error 0.05 --confidence 0.95 --out certificate.json",
        "fewframes certify --project work --frames --error 0.1",
    ],
    "certificate": [
        "fewframes certificate draw --judged 120 --project work",
        "fewframes certificate list --project work",
        "fewframes certificate verify certificate.json --project work",
    ],
    "predict": [
        "fewframes predict clips/two.mkv --project work --out found",
        "fewframes predict clips davis --project work --out found --format davis --format overlay-mp4 --stride 5",
    ],
    "pretrain": [
        "fewframes pretrain --encoder --project work",
        "fewframes pretrain --encoder --discovered --project work",
        "fewframes pretrain --encoder --parent --steps 600 --project work",
        "fewframes pretrain --depth --focal 0.9 --pictures seen --project work",
        "fewframes pretrain --encoder --forget --project work",
    ],
    "student": [
        "fewframes student list --project work",
        "fewframes student pin 2 --project work",
        "fewframes student pin --newest --project work",
        "fewframes student export model --project work",
    ],
    "simulate": [
        "fewframes simulate --data davis --strategies random,uniform,hybrid --seeds 3 --out sim.json",
        "fewframes simulate --data davis --sequences dog,libby --rounds 4 --budget 8 --out sim.json",
    ],
    "propagate": [
        "fewframes propagate --data davis --sequence dog --evenly 8 --out masks",
        "fewframes propagate --data davis --sequence dog --labels 0,20,40 --method flow,affinity --out masks",
    ],
    "bench": [
        "fewframes bench --data davis --sets single,pool,long --seeds 5 --out bench.json",
        "fewframes bench --data davis --sequences dog --arms value,uniform,random --out bench.json",
    ],
    "compare": [
        "fewframes compare bench.json --out bench.html",
        "fewframes compare sim.json bench.json --target 0.9 --out both.html",
    ],
    "settings": [
        "fewframes settings --project work",
        "fewframes settings selection --project work",
        "fewframes settings --all --format json --project work",
    ],
    "versions": ["fewframes versions --project work"],
    "diff": ["fewframes diff 1 2 --project work", "fewframes diff 1 2 --video one --most 30 --project work"],
    "rollback": [
        "fewframes rollback --frame one:120 --project work",
        'fewframes rollback --annotator ann --since-round 3 --reason "wrong category" --yes --project work',
    ],
    "sql": [
        'fewframes sql "SELECT round_id, count(*) FROM answer GROUP BY 1 ORDER BY 1" --project work',
        'fewframes sql "FROM quality" --format csv --limit 0 --project work',
    ],
    "snapshot": ["fewframes snapshot --project work"],
    "backup": ["fewframes backup work.tar --project work"],
    "restore": ["fewframes restore work.tar elsewhere"],
    "demo": ["fewframes demo", "fewframes demo --data davis --project runs/mine"],
}
"""What a person would type, by command."""


def page() -> str:
    """Return the whole page.

    Raises:
        KeyError: a command without an example.
    """
    context = click.Context(main, info_name="fewframes")
    named = dict.fromkeys(["doctor", "ingest", *LATER, *main.list_commands(context)])
    commands = {name: main.get_command(context, name) for name in named}
    return "\n".join([HEAD, *(_command(name, command) for name, command in commands.items() if command)])


def _command(name: str, command: click.Command) -> str:
    parent = click.Context(main, info_name="fewframes", **main.context_settings)
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    examples = "\n".join(EXAMPLES[name])
    helps = "\n\n".join(_helps(command, context))
    return f"## {name}\n\n```sh\n{examples}\n```\n\n```text\n{helps}\n```\n"


def _helps(command: click.Command, context: click.Context) -> list[str]:
    """Return what the command says of itself, and what those below it say."""
    below = command.commands if isinstance(command, click.Group) else {}
    inner = {name: click.Context(c, info_name=name, parent=context, terminal_width=WIDTH) for name, c in below.items()}
    return [command.get_help(context), *(h for name, c in below.items() for h in _helps(c, inner[name]))]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
