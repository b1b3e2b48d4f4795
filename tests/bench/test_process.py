import os
import signal
import subprocess
import sys
import time

from bench.process import children_of, tree_cpu_seconds

BURN = """
import subprocess, sys, time
def burn(seconds):
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass
if len(sys.argv) > 1:
    burn(0.2)
else:
    subprocess.run([sys.executable, "-c", sys.stdin.read(), "child"])
    burn(0.1)
    print(flush=True)
    sys.stdin.close()
    time.sleep(60)
"""


def test_the_cpu_time_of_a_process_is_that_of_its_children_too() -> None:
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(BURN)
        parent.stdin.close()
        parent.stdout.readline()
        used, nothing = tree_cpu_seconds([parent.pid, 2**22 + 1])
        parent.kill()
    assert 0.3 <= used < 1
    assert nothing == 0


def test_children_are_found() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        began = time.monotonic()
        while children_of(parent.pid) != [child] and time.monotonic() - began < 5:
            time.sleep(0.01)
        assert children_of(parent.pid) == [child]
        os.kill(child, signal.SIGTERM)
