import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "tail.py"


def test_the_two_tails_give_equal_bytes():
    small = ["--height", "12", "--width", "20", "--rounds", "2", "--runs", "2"]
    done = subprocess.run([sys.executable, str(BENCHMARK), *small], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "output bytes that differ: 0" in done.stdout
    assert "12 of 12 nodes delegated" in done.stdout
