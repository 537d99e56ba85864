"""How long the budget in decibels takes: every tensor of a quantized network left out, alone and together.

    python benchmarks/budget.py QUANTIZED.onnx --float DEPLOY.onnx --data DIR

Prints seconds, the processor's own seconds and how many images and rows they were for; ten convolutions on Set5 take at
most 30 seconds on two cores.
"""

import argparse
import time
from pathlib import Path

from sr2tflite.commands.budget import On, budget

MOST_SECONDS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--float", dest="source", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    told = parser.parse_args()
    started, own = time.perf_counter(), time.process_time()
    found = budget(told.model, told.source, On((told.data,), allow_leak=True))
    seconds, own = time.perf_counter() - started, time.process_time() - own
    print(f"{len(found.rows)} rows, {len(found.images)} images")
    print(f"{seconds:.1f} s (at most {MOST_SECONDS}), of which the processor worked {own:.1f} s")


if __name__ == "__main__":
    main()
