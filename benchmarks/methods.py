"""The papers' methods side by side: equal steps and data for all that is trained, at 8, 4, 3 and 2 bits.

    python benchmarks/methods.py deploy.onnx --data datasets/train --eval datasets/eval/Set5 -o runs/methods \
        [--eval …] [--bits 8 4 3 2] [--row NAME]... [--seeds 0 1 2] [--placement paper] [--set trained.steps=300]

The rows stand in ``methods.yaml``. Every cell is one ``sr2tflite ptq`` or ``qat`` in a folder of its own; the same
command goes on where a stopped one was. With several seeds a difference counts where it is larger than the spread.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch
import yaml

from sr2tflite.commands.eval import evaluate
from sr2tflite.commands.export import export
from sr2tflite.commands.ptq import ptq
from sr2tflite.commands.qat import qat
from sr2tflite.data.pairs import files_of
from sr2tflite.errors import UnsupportedError
from sr2tflite.files import read_bytes
from sr2tflite.graph import Graph, Node, onnx, ops
from sr2tflite.quant.bits import inner_convolutions
from sr2tflite.quant.settings import Bits, PtqSettings
from sr2tflite.registry import parse_settings
from sr2tflite.run.folder import RunFolder, Stage
from sr2tflite.run.overrides import assign
from sr2tflite.run.report.markdown import table
from sr2tflite.train.settings import QatTrainSettings

ROWS = Path(__file__).with_suffix(".yaml")
REAL = 32
HD = 1280 * 720
"""Pixels of the enlarged image that the papers count operations for."""

Facts = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """What all cells have in common."""

    model: Path
    data: list[Path]
    judged: list[Path]
    folder: Path
    told: dict[str, Any]
    placement: str

    def cell(self, row: str, bits: int, seed: int) -> Facts:
        """Quality, size, operations and seconds of one row at so many bits."""
        folder = self.folder / f"{row}.{bits}.{seed}".replace(" ", "_").replace(",", "")
        settings = self.settings(row, bits, seed)
        quantized, work = folder / "quantized.onnx", folder / "quantized.train"

        def made() -> Facts:
            begun = time.perf_counter()
            if isinstance(settings, PtqSettings):
                ptq(self.model, self.data, quantized, settings)
            else:
                qat(self.model, self.data, quantized, settings, calibrate=self.data)
            seconds = time.perf_counter() - begun
            size = None
            if self.placement == "tflite":
                size = len(read_bytes(export(quantized, folder / "model.tflite", free_shape=True).path))
            bits_of = settings.bits if isinstance(settings, PtqSettings) else settings.ptq.bits
            graph = onnx.read(read_bytes(quantized), quantized.name)
            return {"seconds": seconds, "bytes": size, "bitops": bitops(graph, bits_of), **self.quality(quantized)}

        images = [path for one in self.data for path in files_of(one, "train")]
        images += [path for one in self.judged for path in files_of(one, "valid")]
        plain = settings.model_dump(mode="json")
        stage = Stage(row, plain, (self.model, *images), (quantized,), work)
        return RunFolder(folder).run(stage, made)[0]

    def settings(self, row: str, bits: int, seed: int) -> PtqSettings | QatTrainSettings:
        """Of one cell, parsed."""
        told = self.told["rows"][row]
        quantized = {**told["ptq"], "bits": {"weights": bits, "activations": bits}, "placement": self.placement}
        if self.placement == "paper":  # and what else the papers have: one scale for a layer's weights
            quantized |= {"equalize": False, "weights": "per-tensor"}
            quantized.setdefault("method", "percentile")
        if "qat" not in told:
            return parse_settings(PtqSettings, quantized, row)
        content = {**self.told["trained"], **told["qat"], "ptq": quantized, "seed": seed}
        return parse_settings(QatTrainSettings, content, row)

    def quality(self, artifact: Path) -> Facts:
        """PSNR and SSIM by folder of images."""
        found: Facts = {}
        for folder in self.judged:
            score = evaluate([artifact], [folder], threads=torch.get_num_threads()).rows[-1].mean
            found |= {f"psnr {folder.name}": score.psnr, f"ssim {folder.name}": score.ssim}
        return found


def bitops(graph: Graph, bits: Bits) -> float:
    """Σ MACs · bits of weights · bits of what is read, for one 1280×720 output; 32 bits where nothing is rounded."""
    inner = {node.output for node in inner_convolutions(graph)}
    fine = dict.fromkeys(graph.inputs, 1.0)
    total = 0.0
    for node in graph.nodes:
        source = next(fine[name] for name in node.inputs if name in fine)
        fine[node.output] = source * getattr(node.op, "block_size", 1) * getattr(node.op, "factor", 1)
        if isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D):
            width = bits.weights if node.output in inner else bits.ends
            reads = _bits_read(graph, node, bits)
            weight = graph.tensors[node.inputs[1]]
            assert weight.data is not None
            total += weight.data.size * source**2 * reads * (REAL if weight.quant is None else width)
    return total * HD / fine[graph.outputs[0]] ** 2


def _bits_read(graph: Graph, node: Node, bits: Bits) -> int:
    x = graph.tensors[node.inputs[0]]
    if x.quant is None:
        return REAL
    writer = graph.producer(x.name)
    is_few = writer is not None and (
        isinstance(writer.op, ops.Quantize) or getattr(writer.op, "activation", "NONE") == "RELU"
    )
    return bits.activations if is_few else 8


def lines(study: Study, rows: list[str], bits: list[int], seeds: list[int]) -> Iterator[list[str]]:
    """Of the table."""
    names = [folder.name for folder in study.judged]
    whole = study.quality(study.model)
    yield ["float", "32", *(f"{whole[f'psnr {n}']:.2f} / {whole[f'ssim {n}']:.4f}" for n in names), "", "", "", ""]
    for width in bits:
        for row in rows:
            trained = "qat" in study.told["rows"][row]
            try:
                cells = [study.cell(row, width, seed) for seed in (seeds if trained else seeds[:1])]
                found = _line(cells, names)
            except UnsupportedError as error:  # a method may need blocks that a network has not
                print(f"{row}: {error}", file=sys.stderr)
                found = [*("–" for _ in names), "", "", "", ""]
            line = [row, str(width), *found]
            print(*line, flush=True)
            yield line


def _line(cells: list[Facts], names: list[str]) -> list[str]:
    psnr, ssim = ({name: [cell[f"{what} {name}"] for cell in cells] for name in names} for what in ("psnr", "ssim"))
    spread = max(max(values) - min(values) for values in psnr.values())
    return [
        *(f"{mean(psnr[name]):.2f} / {mean(ssim[name]):.4f}" for name in names),
        f"{spread:.2f}" if len(cells) > 1 else "",
        "" if cells[0]["bytes"] is None else f"{cells[0]['bytes'] / 1024:.0f}",
        f"{cells[0]['bitops'] / 1e9:.0f}",
        f"{mean(cell['seconds'] for cell in cells):.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a float deploy graph")
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--eval", dest="judged", type=Path, action="append", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 4, 3, 2], choices=[8, 4, 3, 2])
    parser.add_argument("--row", action="append")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--placement", default="tflite", choices=["tflite", "paper"])
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="A.B=C")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    told = yaml.safe_load(ROWS.read_text())
    for override in args.overrides:
        assign(told, override)
    study = Study(args.model, args.data, args.judged, args.output, told, args.placement)
    rows = args.row or list(told["rows"])
    sets = [f"{folder.name}, dB / SSIM" for folder in args.judged]
    head = ["method", "bits", *sets, "spread, dB", "file, KiB", "BitOPs, G", "seconds"]
    print(table(head, list(lines(study, rows, args.bits, args.seeds))))


if __name__ == "__main__":
    main()
