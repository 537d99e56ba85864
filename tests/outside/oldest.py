"""``tflite-runtime`` 2.14, the last of its name, apart: ``python tests/outside/oldest.py [FOLDER]``.

It wants NumPy 1 and has wheels for Python up to 3.11; LiteRT, NumPy 2 and all else stay where they are.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

PINS = ("tflite-runtime==2.14.0", "numpy<2")
STAMP = "ready"

FOLDER = Path(os.environ.get("SR2TFLITE_OLDEST") or Path.home() / ".cache" / "sr2tflite" / "oldest")
"""Where it is kept; the environment variable names another place."""


class NotSetUpError(Exception):
    """It cannot be had on this machine; the message says why."""


def ready(folder: Path = FOLDER) -> Path:
    """Its Python, set up if it is not yet.

    Raises:
        NotSetUpError: pip cannot reach the wheels, or there are none for this Python.
    """
    python = folder / "bin" / "python"
    if not (folder / STAMP).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotSetUpError((done.stderr.strip() or "pip says nothing").splitlines()[-1])
        (folder / STAMP).touch()
    return python


if __name__ == "__main__":
    sys.stdout.write(f"{ready(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FOLDER)}\n")
