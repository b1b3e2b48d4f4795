"""The lines of the README, pasted as they are, end in a paid order."""

import re
import subprocess
from pathlib import Path

from tests.journey.conftest import ROOT, Sale


def test_the_readmes_lines_end_in_a_paid_order(sale: Sale, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    script = block.replace("http://127.0.0.1:8000", sale.api)
    script = script.replace("http://127.0.0.1:8001", sale.sandbox)
    # A webhook takes a moment; a person takes longer to paste the next line.
    settled = script.replace("# The webhook has arrived", "sleep 2\n# The webhook has arrived")
    assert settled != block
    run = subprocess.run(  # noqa: S603 - the README's own lines
        ["bash", "-eu", "-c", settled],  # noqa: S607 - as a person would
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert '"status":"PAID"' in run.stdout.splitlines()[-1], run.stdout
