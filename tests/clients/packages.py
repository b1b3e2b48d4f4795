"""The npm packages of package-lock.json, in a folder that git ignores."""

import hashlib
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
INSTALL_SECONDS = 300


def installed_packages() -> Path:
    """Their folder; installed when it is not there, and when the lock has changed."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    packages = FOLDER / "node_modules"
    marker = packages / ".installed"
    if not marker.exists() or marker.read_text(encoding="utf-8") != wanted:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],  # noqa: S607 - on PATH
            cwd=FOLDER,
            check=True,
            timeout=INSTALL_SECONDS,
        )
        marker.write_text(wanted, encoding="utf-8")
    return packages
