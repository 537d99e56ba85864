import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "tail.py"


def test_a_layout_tail_gives_equal_bytes_and_a_rescaled_one_nearly():
    small = ["--height", "12", "--width", "20", "--rounds", "2", "--runs", "2"]
    done = subprocess.run([sys.executable, str(BENCHMARK), *small], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    minimum, relu = done.stdout.split("against ")[1:]
    assert "output bytes that differ: 0, by at most 0" in minimum
    # a grid of 1.4675 is at most 0.74 of a pixel's step away, which rounds to one
    assert "by at most 1" in relu
    assert "12 of 12 nodes delegated" in done.stdout
    assert "14 of 15 nodes delegated outside: MINIMUM" in done.stdout
    assert "14 of 16 nodes delegated outside: RELU MINIMUM" in done.stdout
