"""The composite action's own shell steps, run by bash as a runner runs them."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kit.graphs import float_sr_graph
from kit.sabotage import with_island
from kit.submissions import honest, integer_file, network

from sr2tflite.check.archive import archive_of
from sr2tflite.check.images import clouds
from sr2tflite.data.images import write_image
from sr2tflite.graph import onnx

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github/actions/sr2tflite-check/action.yml"
ACTION: dict[str, Any] = yaml.safe_load(FILE.read_text())


@dataclass(frozen=True)
class Ended:
    """What a job's page, outputs and log hold afterwards."""

    status: int
    page: str
    outputs: dict[str, str]
    log: str


def run(step: str, **inputs: str) -> Ended:
    """One step, with inputs over the defaults."""
    (found,) = (one for one in ACTION["runs"]["steps"] if one["name"] == step)
    told = {name: field.get("default", "") for name, field in ACTION["inputs"].items()}
    told |= {name.replace("_", "-"): value for name, value in inputs.items()}
    variables = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: told[m[1]], v) for key, v in found["env"].items()
    }
    for name in ("summary", "output"):
        Path(name).write_text("")
    own = {"GITHUB_STEP_SUMMARY": "summary", "GITHUB_OUTPUT": "output", "RUNNER_TEMP": str(Path().absolute())}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    place = {"PYTHONPATH": str(ROOT), "PATH": path}
    # as GitHub's runners call bash
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]]
    done = subprocess.run(
        command, env={**os.environ, **place, **own, **variables}, capture_output=True, text=True, check=False
    )
    outputs = dict(line.split("=", 1) for line in Path("output").read_text().splitlines())
    return Ended(done.returncode, Path("summary").read_text(), outputs, done.stdout + done.stderr)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.tflite").write_bytes(integer_file(network(), (24, 32)))
    Path("qat.onnx").write_bytes(onnx.write(network()))
    for seed in range(2):
        write_image(Path(f"pictures/{seed}.png"), clouds(90, 96, seed))


def test_every_step_takes_its_inputs_by_environment_and_none_by_text() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"], step["name"]
        assert step["shell"] == "bash"


def test_the_example_on_top_says_what_is_an_input() -> None:
    lines = [line[2:] for line in FILE.read_text().splitlines() if line.startswith("#   ")]
    (example,) = yaml.safe_load("\n".join(lines))
    assert (ROOT / example["uses"] / "action.yml").samefile(FILE)
    assert set(example["with"]) <= set(ACTION["inputs"])
    assert all(name in example["with"] for name, told in ACTION["inputs"].items() if told.get("required"))


def test_this_project_asks_its_own_files_through_the_action_and_by_its_inputs() -> None:
    (job,) = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"].values()
    (used,) = (step for step in job["steps"] if step.get("uses", "").startswith("./"))
    assert ROOT / used["uses"] == FILE.parent
    assert set(used["with"]) <= set(ACTION["inputs"])
    assert used["with"]["target"] in (ROOT / ".ci/run").read_text().replace("$demo", "build/gate")


def test_a_file_that_passes_leaves_its_page_and_an_output() -> None:
    ended = run("Check", target="model.tflite", against="qat.onnx")
    assert (ended.status, ended.outputs["passed"]) == (0, "true"), ended.log
    assert "passes integrity: 16 rules hold" in ended.page
    assert Path(ended.outputs["markdown"]).read_text() == ended.page


def test_a_file_that_fails_ends_the_job_with_4_and_says_why_on_the_page() -> None:
    Path("model.tflite").write_bytes(integer_file(with_island(network()), (24, 32)))
    ended = run("Check", target="model.tflite")
    assert (ended.status, ended.outputs["passed"]) == (4, "false"), ended.log
    assert "**error** `integer_ops`" in ended.page


def test_what_cannot_be_checked_has_no_verdict() -> None:
    ended = run("Check", target="no.tflite; touch evil")
    assert (ended.status, "passed" in ended.outputs) == (2, False)
    assert "error: " in ended.log
    assert not Path("evil").exists()


def test_a_file_is_compared_with_the_one_before_it() -> None:
    command = [
        sys.executable,
        "-c",
        "from sr2tflite.cli import main; main()",
        "check",
        "model.tflite",
        "--data",
        "pictures",
    ]
    more = ["--profile", "integrity", "--write-baseline", "base/line.json"]
    Path("base").mkdir()
    subprocess.run([*command, *more], check=True, capture_output=True)
    same = run("Check", target="model.tflite", baseline="base/line.json", data="pictures\n")
    assert same.status == 0, same.log
    assert "the same bytes as before" in same.page
    Path("base/model.tflite").write_bytes(Path("model.tflite").read_bytes())
    Path("base/line.json").write_text(Path("base/line.json").read_text().replace("../model", "model"))
    Path("model.tflite").write_bytes(integer_file(network(gain=0.2), (24, 32)))
    told = {"baseline": "base/line.json", "data": "pictures\n", "max_slowdown": "10000%", "rounds": "2"}
    worse = run("Check", target="model.tflite", **told)
    assert (worse.status, worse.outputs["passed"]) == (4, "false"), worse.log
    assert "dB below the baseline; expected at most 0.02 dB" in worse.page
    assert "times as long as before (50 %" in worse.page


def test_a_submission_is_a_target_too() -> None:
    Path("submission.zip").write_bytes(archive_of(honest()))
    ended = run("Check", target="submission.zip", profile="mai2026 integrity")
    assert ended.status == 0, ended.log
    assert "passes mai2026" in ended.page
    assert "`submission.zip/TFLite/model.tflite` passes integrity" in ended.page


def test_the_budget_is_a_part_of_the_page() -> None:
    Path("deploy.onnx").write_bytes(onnx.write(float_sr_graph(4, 1, skip="nearest")))
    ended = run("Budget", against="qat.onnx", float="deploy.onnx", data="pictures")
    assert ended.status == 0, ended.log
    assert "### What quantization costs" in ended.page


def test_nothing_is_installed_unless_it_is_asked_for() -> None:
    assert run("Install").log == ""
