import subprocess
import sys

SCRIPT = """
import subprocess, sys
from tasks.scheduling.flow_process import print_to
print("before", flush=True)
print_to(sys.argv[1])
print("after")
subprocess.run([sys.executable, "-c", "print('child')"], check=True)
sys.stdout.flush()
print("trouble", file=sys.stderr)
"""


def test_what_it_prints_is_added_to_a_file(tmp_path):
    path = tmp_path / "run.log"
    path.write_text("earlier\n")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("before\n", "")
    assert sorted(path.read_text().split()) == ["after", "child", "earlier", "trouble"]
