"""Small deploy graphs with residual blocks."""

from kit.students import randomized

from sr2tflite.fuse import fuse_module
from sr2tflite.graph import Graph
from sr2tflite.networks.students import STUDENTS


def residual_graph(name: str = "edsr_baseline", depth: int = 4, channels: int = 8, seed: int = 0) -> Graph:
    """Of a student that has such blocks, with random weights, ×3."""
    student = STUDENTS.parse({"name": name, "depth": depth, "channels": channels, "scale": 3})[1]
    module = randomized(student, seed).eval()
    return fuse_module(module, value_range=(0.0, float(student.peak)), source=name).graph
