"""Files and their inputs for a runtime that is not ours, and what it made of them beside the interpreter."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr2tflite.export import direct
from sr2tflite.graph import Graph, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.interpret.site import Family

RUNNER = Path(__file__).with_name("runner.py")
SIZES = ((24, 32), (37, 45))
FIXED = (40, 48)

Jobs = dict[str, tuple[Graph, dict[str, np.ndarray]]]
"""Name of the job → the graph, and its inputs by name."""


@dataclass(frozen=True)
class Count:
    """A job's outputs beside the interpreter's."""

    values: int
    differ: int
    largest: int
    """Steps that a value differs by at most."""


def run(command: Sequence[str], environment: Mapping[str, str], jobs: Jobs, folder: Path) -> dict[str, dict]:
    """What a Python that has a runtime makes of every job: name → input's name → output."""
    for name, (graph, inputs) in jobs.items():
        (folder / f"{name}.tflite").write_bytes(tflite.write(graph))
        np.savez(folder / f"{name}.npz", **inputs)
    words = [*command, str(RUNNER), str(folder)]
    done = subprocess.run(words, env=dict(environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: dict(np.load(folder / f"{name}.out.npz")) for name in jobs}


def both_shapes(graphs: Mapping[str, Graph]) -> Jobs:
    """Every network as a free-shape and a fixed-shape int8 file, with noise."""
    jobs: Jobs = {}
    for name, graph in graphs.items():
        for kind, (height, width) in (("free", (None, None)), ("fixed", FIXED)):
            ready = direct.prepare(graph, height=height, width=width, io="int8")
            jobs[f"{name}-{kind}"] = (ready, noise(ready))
    return jobs


def noise(graph: Graph) -> dict[str, np.ndarray]:
    """Random images of the sizes that the graph takes."""
    rng, limits = np.random.default_rng(0), np.iinfo(graph.input.dtype)
    fixed = graph.input.shape[1:3]
    shapes = SIZES if None in fixed else (fixed,)
    draw = (rng.integers(limits.min, limits.max, (1, *shape, 3), limits.dtype, endpoint=True) for shape in shapes)
    return {f"image{index}": image for index, image in enumerate(draw)}


def compared(jobs: Jobs, found: Mapping[str, dict], family: Family = "xnnpack") -> dict[str, Count]:
    """How a runtime's outputs differ from the interpreter's, job by job."""
    counts = {}
    for name, (graph, inputs) in jobs.items():
        engine = Interpreter(graph, family)
        pairs = [(found[name][key], engine.run(x)) for key, x in inputs.items()]
        assert all(a.shape == b.shape and a.dtype == b.dtype for a, b in pairs)
        steps = np.concatenate([np.abs(a.astype(np.float64) - b.astype(np.float64)).ravel() for a, b in pairs])
        counts[name] = Count(steps.size, int(np.count_nonzero(steps)), int(steps.max(initial=0)))
    return counts


def total(counts: Mapping[str, Count]) -> Count:
    """All jobs together."""
    return Count(
        sum(count.values for count in counts.values()),
        sum(count.differ for count in counts.values()),
        max((count.largest for count in counts.values()), default=0),
    )
