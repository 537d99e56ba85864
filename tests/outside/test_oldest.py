"""The shipped networks in the oldest runtime that people still install, byte for byte."""

import os
import sys
from pathlib import Path

import pytest
from kit.shipped import shipped_graphs
from outside import oldest
from outside.jobs import both_shapes, compared, run, total

pytestmark = pytest.mark.slow


def test_shipped_networks_give_the_builtin_kernels_bytes_in_tflite_runtime(tmp_path: Path) -> None:
    """Its wheel has XNNPACK for float only: what runs are the builtin kernels, which round otherwise."""
    try:
        python = oldest.ready()
    except oldest.NotSetUpError as reason:
        pytest.skip(f"no tflite-runtime 2.14: {reason}")
    jobs = both_shapes(shipped_graphs())
    found = run([str(python)], os.environ | {"PYTHONPATH": ""}, jobs, tmp_path)
    counts = {family: total(compared(jobs, found, family)) for family in ("builtin", "xnnpack")}  # type: ignore[arg-type]
    sys.stdout.write(f"{counts}\n")
    assert (counts["builtin"].differ, counts["builtin"].values > 300_000) == (0, True)
