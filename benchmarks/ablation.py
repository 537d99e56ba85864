"""What each part of quantized training is worth: variants of one training, several seeds each, in one table.

    python benchmarks/ablation.py deploy.onnx --data datasets/train --eval datasets/eval/Set14 \
        --eval datasets/eval/B100 -o runs/ablation [--seeds 0 1 2] [--only NAME]... [--set steps=1000]...

Every cell is one ``sr2tflite qat`` in a folder of its own, exported and judged against the float graph on all images of
``--eval``, protocol rgb. The same command goes on where a stopped one was, and does anew what other settings, another
graph or other images made. A difference counts where it is larger than the spread of either side.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from sr2tflite.commands.eval import evaluate
from sr2tflite.commands.export import export
from sr2tflite.commands.ptq import ptq
from sr2tflite.commands.qat import qat
from sr2tflite.data.images import list_images
from sr2tflite.registry import parse_settings
from sr2tflite.run.folder import RunFolder, Stage
from sr2tflite.run.overrides import assign
from sr2tflite.run.report.markdown import table
from sr2tflite.train.settings import QatTrainSettings

BASE: dict[str, Any] = {"steps": 300, "validate_every": 100, "ema": 0.99, "held_out": 16}

HALVES = [{"name": "l1", "weight": 0.5}, {"name": "residual", "weight": 0.5}]
PAPER = [
    "charbonnier",
    {"name": "dct", "weight": 0.015},
    {"name": "distillation", "weight": [[0.25, 0.03], [0.7, 0.01]]},
    {"name": "residual", "weight": 0.01},
    {"name": "feature", "weight": 0.003},
]
PHASES = {"observe_until": 0.2, "observe_rate": 0.05, "ranges_until": 0.6}

REFERENCE, UNTRAINED = "as it comes", "not trained"
VARIANTS: dict[str, dict[str, Any]] = {
    REFERENCE: {"losses": HALVES},
    "without teacher": {"losses": ["l1"]},
    "weights not clipped": {"losses": HALVES, "weight_clip": None},
    "weights clipped to 4 sigma": {"losses": HALVES, "weight_clip": {"kind": "sigma", "k": 4, "per_channel": True}},
    "ranges not learned": {"losses": HALVES, "range_rate": 0},
    "ranges frozen after 60 %": {"losses": HALVES, "ranges_until": 0.6},
    "ranges observed, learned, frozen": {"losses": HALVES, **PHASES},
    "with DCT": {"losses": [*HALVES, {"name": "dct", "weight": 0.015}]},
    "with features": {"losses": [*HALVES, {"name": "feature", "weight": 0.003}]},
    "skip lifted": {"losses": HALVES, "ptq": {"lift_skips": True}},
    "losses and phases of the paper": {"losses": PAPER, **PHASES},
}


@dataclass(frozen=True)
class Study:
    """What all cells have in common."""

    model: Path
    data: list[Path]
    judged: list[Path]
    folder: Path
    base: dict[str, Any]

    def settings(self, variant: str, seed: int) -> QatTrainSettings:
        return parse_settings(QatTrainSettings, {**self.base, **VARIANTS[variant], "seed": seed}, variant)

    def cell(self, variant: str, seed: int) -> dict[str, float]:
        """How far one training, or none, ends below float; from its folder where that stands."""
        folder = self.folder / f"{variant.replace(' ', '_').replace('%', 'percent')}.{seed}"
        settings = self.settings(REFERENCE if variant == UNTRAINED else variant, seed)
        quantized, file = folder / "int8.onnx", folder / "int8.tflite"

        def made() -> dict[str, float]:
            if variant == UNTRAINED:
                ptq(self.model, self.data, quantized, settings.ptq)
            else:
                qat(self.model, self.data, quantized, settings, calibrate=self.data)  # starts where ptq ends
            export(quantized, file, free_shape=True)
            _, of_float, of_int8 = evaluate([self.model, file], self.judged, threads=torch.get_num_threads()).rows
            psnr, ssim = of_int8.mean.drop_from(of_float.mean)
            return {"psnr": psnr, "ssim": ssim}

        images = [path for one in (*self.data, *self.judged) for path in list_images(one)]
        told, work = settings.model_dump(mode="json"), quantized.with_suffix(".train")
        stage = Stage(variant, told, (self.model, *images), (quantized, file), work)
        return RunFolder(folder).run(stage, made)[0]


def line(name: str, cells: list[dict[str, float]], reference: list[dict[str, float]]) -> list[str]:
    """A row of the table."""
    drops, others = ([cell["psnr"] for cell in some] for some in (cells, reference))
    gain, spread = mean(others) - mean(drops), max(spread_of(drops), spread_of(others))
    verdict = "none" if abs(gain) <= spread else f"{gain:+.4f}"
    if cells is reference or len(reference) < 2:
        verdict = "–"  # one seed has no spread to be larger than
    ssim = f"{mean(cell['ssim'] for cell in cells):.5f}"
    return [name, f"{mean(drops):.4f}", f"{spread_of(drops):.4f}", " ".join(f"{d:.4f}" for d in drops), ssim, verdict]


def spread_of(values: list[float]) -> float:
    return max(values) - min(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a float deploy graph")
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--eval", dest="judged", type=Path, action="append", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", action="append", choices=[UNTRAINED, *VARIANTS], help="beside the reference")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="A.B=C")
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    base = json.loads(json.dumps(BASE))
    for override in told.overrides:
        assign(base, override)
    study = Study(told.model, told.data, told.judged, told.output, base)
    cells: dict[str, list[dict[str, float]]] = {}
    names = [REFERENCE, UNTRAINED, *list(VARIANTS)[1:]]
    for name in [name for name in names if name == REFERENCE or told.only is None or name in told.only]:
        for seed in told.seeds[:1] if name == UNTRAINED else told.seeds:
            cells.setdefault(name, []).append(study.cell(name, seed))
            print(f"{name}, seed {seed}: {cells[name][-1]['psnr']:.4f} dB below float", flush=True)
    head = ("variant", "below float, dB", "spread", "each seed", "SSIM below", f"gain over {REFERENCE!r}, dB")
    print(table(head, [line(name, some, cells[REFERENCE]) for name, some in cells.items()]))


if __name__ == "__main__":
    main()
