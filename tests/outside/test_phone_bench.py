"""Phones measured by ``bench --android``: the real adb, the real adbd, real runs of LiteRT."""

import hashlib
import json
from pathlib import Path

import pytest
from outside import tool
from outside.benched import Bench, Program, is_clean, write_model
from outside.facts import all_facts, properties
from outside.loop import World
from outside.loop_phone import WORK, Phone
from outside.phones import Phones


def test_a_phone_is_measured_and_its_output_is_this_machines(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    told = bench(model, "--benchmark-model", real, "--json")
    assert (told.status, told.err) == (0, "")
    (result,) = json.loads(told.out)["results"]
    (measured,) = result["models"]
    assert result["device"]["name"] == "Loop Loop Phone (LOOP1)"
    assert phone.serial not in told.out
    assert "LOOP0001" not in told.out
    assert measured["output_check"]["values"] == 72 * 96 * 3
    assert measured["output_check"]["differing"] == 0
    assert [one["latency_ms"]["n"] for one in measured["rounds"]] == [3, 3]
    assert measured["latency_ms"]["min"] > 0
    assert measured["peak_memory_kib"] > 10_000
    assert {call.split()[:2] == ["settings", "get"] for call in phone.calls} <= {True}  # nothing is changed there
    assert is_clean(world, phone)


def test_names_with_spaces_and_quotes_work(world: World, phone: Phone, bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a "folder" $HOME;'
    folder.mkdir()
    model, program = write_model(folder / "a model (1).tflite"), folder / "the tool"
    program.write_bytes(tool.the_real_one())
    told = bench(model, "--benchmark-model", program, "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["results"][0]["models"][0]["name"] == "a model (1).tflite"
    assert is_clean(world, phone)


def test_the_abi_is_the_first_of_the_phones_that_a_folder_has(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, tmp_path: Path
) -> None:
    phone.tell("build.prop", properties(ro_product_cpu_abilist="riscv64,x86_64,x86"))
    for abi, content in (("x86_64", real.read_bytes()), ("arm64-v8a", tool.elf("exit 1", tool.AARCH64))):
        (tmp_path / "tools" / abi).mkdir(parents=True)
        (tmp_path / "tools" / abi / "benchmark_model").write_bytes(content)
    told = bench(model, "--benchmark-model", tmp_path / "tools", "--json")
    (result,) = json.loads(told.out)["results"]
    assert (told.status, result["tool"]["sha256"]) == (0, hashlib.sha256(real.read_bytes()).hexdigest())
    assert is_clean(world, phone)


PROFILE = """
Operator-wise Profiling Info for Regular Benchmark Runs:
	[node type]	[first]	[avg ms]	[%]	[cdf%]	[mem KB]	[times called]	[Name]
	RELU	0.5	0.25	25.0%	25.0%	0.0	1	[a]:3
	TfLiteXNNPackDelegate	0.5	0.75	75.0%	100.0%	0.0	1	[b]:6
"""


def test_ops_outside_the_delegate_are_told_from_a_pass_of_their_own(
    world: World, phone: Phone, bench: Bench, model: Path, program: Program
) -> None:
    profiled = f"case \"$*\" in *enable_op_profiling=true*) cat <<'_END_'\n{PROFILE}\n_END_\n;; esac"
    content = tool.the_real_one([*tool.FLAGS, "enable_op_profiling"], then=profiled)
    told = bench(model, "--benchmark-model", program(content), "--ops", "--json")
    (measured,) = json.loads(told.out)["results"][0]["models"]
    assert [(op["op"], op["ms"]) for op in measured["ops"]] == [("RELU", 0.25), ("TfLiteXNNPackDelegate", 0.75)]
    assert measured["placement"]["outside"] == ["RELU"]
    assert not any("profiling" in word for one in measured["rounds"] for word in one["argv"])
    assert all("Inference timings in us" in one["log"] for one in measured["rounds"])  # kept word for word
    assert is_clean(world, phone)


RECORDED = {
    "plain.txt": ("classic", (10.019, None, None, None, 10.485, 0.622, 96), 0.52, 15.186),
    "qemu64.out": ("classic", (1342.656, None, None, None, 1620.27, 162.694, 5), 36.037, 1773.172),
    "web/litert_2025.txt": ("litert", (0.442, 0.46, 0.462, 0.478, 0.464545, 0.013, 2112), 4.478, 1.033),
    "web/tflite24.txt": ("classic", (247.067, None, None, None, 249.684, 1.442, 50), 16.242, 360.262),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_log_comes_back_as_its_figures(
    name: str, world: World, phone: Phone, bench: Bench, model: Path, program: Program, shared: Path
) -> None:
    recording = shared.parent / "device" / "samples" / name
    if not recording.is_file():
        pytest.skip("the recorded outputs are not on this machine")
    quick = ("--no-check-output", "--no-profile", "--json")
    told = bench(model, "--benchmark-model", program(tool.replaying(recording.read_text())), *quick)
    assert told.status == 0, told.err
    (result,) = json.loads(told.out)["results"]
    first = result["models"][0]["rounds"][0]
    flavor, latency, init_ms, first_ms = RECORDED[name]
    assert result["tool"]["flavor"] == flavor
    assert tuple(first["latency_ms"].values()) == latency
    assert (first["init_ms"], first["first_ms"]) == (init_ms, first_ms)
    assert is_clean(world, phone)


@pytest.mark.slow
def test_two_phones_are_measured_at_once(world: World, phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    both = phones(2)
    other = write_model(model.with_name("other.tflite"), seed=1)
    told = bench(model, other, "--benchmark-model", real, "--all-devices", "--json")
    results = json.loads(told.out)["results"]
    assert told.status == 0
    assert len({one["device"]["serial_hash"] for one in results}) == 2
    assert [[measured["name"] for measured in one["models"]] for one in results] == [
        ["model.tflite", "other.tflite"]
    ] * 2
    assert is_clean(world, *both)


@pytest.mark.slow
def test_what_an_earlier_run_left_is_not_measured_though_it_has_the_same_size(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, tmp_path: Path
) -> None:
    """Its folder has the very name of this run's, and a file of the same length with other bytes."""
    stale = tmp_path / "stale"
    stale.write_bytes(
        write_model(tmp_path / "x", seed=1).read_bytes()[: model.stat().st_size].ljust(model.stat().st_size)
    )
    seen: list[str] = []
    spy = tool.the_real_one(then="echo ${PWD##*/} > /system/facts/folder")
    real.write_bytes(spy)
    assert bench(model, "--benchmark-model", real).status == 0
    seen.append(world.call("shell", "cat /system/facts/folder").stdout.strip())
    assert world.call("push", str(stale), f"{WORK}/{seen[0]}/m0.tflite").returncode == 0
    told = bench(model, "--benchmark-model", real, "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["results"][0]["models"][0]["output_check"]["differing"] == 0
    assert world.call("shell", "cat /system/facts/folder").stdout.strip() == seen[0]
    assert is_clean(world, phone)


@pytest.mark.slow
def test_facts_that_a_phone_does_not_tell_stay_unknown(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    phone.reset({"build.prop": all_facts()["build.prop"]}, {})
    told = bench(model, "--benchmark-model", real, "--json")
    assert told.status == 0, told.err
    (result,) = json.loads(told.out)["results"]
    state = result["models"][0]["rounds"][0]["before"]
    assert (state["thermal_status"], state["temperatures_c"], state["battery_c"], state["governor"]) == (
        None,
        {},
        None,
        None,
    )
    assert result["affinity"] is None
    assert is_clean(world, phone)
