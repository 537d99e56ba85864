"""One file against itself: how often the interval of the ratio holds 1, and how often the times are noisy.

    python benchmarks/aa.py [MODEL.tflite] [--height 180] [--width 320] [--threads 1] [--rounds 12] [--times 20]

An interval that does not hold 1 would call a file faster than itself. Of a quiet computer at least half of the
comparisons must not be noisy.
"""

import argparse
import tempfile
from pathlib import Path

from tail import random_network

from sr2tflite.bench.plan import Plan
from sr2tflite.bench.result import BenchResult
from sr2tflite.commands.bench import bench
from sr2tflite.graph.tflite import write


def line(result: BenchResult) -> tuple[bool, bool]:
    """Print one comparison; whether it holds 1, and whether neither side is noisy."""
    (ratio,) = result.ratios
    verdicts = {model.verdict for model in result.models}
    holds, is_steady = ratio.low <= 1 <= ratio.high, verdicts == {"steady"}
    medians = " ".join(f"{model.latency_ms.median:8.3f}" for model in result.models)
    print(
        f"{medians} ms  ratio {ratio.ratio:.4f}  {100 * ratio.confidence:.4g} %: {ratio.low:.4f}…{ratio.high:.4f}"
        f"  {'holds 1' if holds else 'WITHOUT 1'}  {'steady' if is_steady else 'noisy'}",
        flush=True,
    )
    return holds, is_steady


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", type=Path, help="a .tflite file; a 32×8 network of random weights without")
    for name, default in {"height": 180, "width": 320, "threads": 1, "rounds": 12, "times": 20}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def main() -> None:
    """Compare a file with itself, many times."""
    args = arguments()
    plan = Plan(threads=(args.threads,), rounds=args.rounds, size=(args.height, args.width))
    with tempfile.TemporaryDirectory() as folder:
        path = args.model or Path(folder) / "random.tflite"
        if args.model is None:
            path.write_bytes(write(random_network(args.height, args.width)))
        found = [line(bench([path, path], plan).results[0]) for _ in range(args.times)]
    holding, steady = (sum(column) for column in zip(*found, strict=True))
    print(
        f"intervals that hold 1: {holding} of {args.times}, target all: {'holds' if holding == args.times else 'fails'}"
    )
    enough = 2 * steady >= args.times
    print(f"comparisons not noisy: {steady} of {args.times}, target half: {'holds' if enough else 'fails'}")


if __name__ == "__main__":
    main()
