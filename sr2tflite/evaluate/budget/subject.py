"""A quantized graph with its float side: what can be left out of it, and how its images are judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
import torch

from sr2tflite.errors import InputError, VerificationError
from sr2tflite.evaluate.budget.mixed import Mixed
from sr2tflite.evaluate.budget.samples import Image
from sr2tflite.evaluate.metrics import psnr
from sr2tflite.evaluate.protocols import Protocol
from sr2tflite.evaluate.runners import to_pixels
from sr2tflite.graph import Graph, Node, tflite
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.graph.passes.pixel_units import to_pixel_units
from sr2tflite.interpret.site import Codes
from sr2tflite.quant.counterpart import Counterpart, counterpart, rounds
from sr2tflite.runtime import LiteRT
from sr2tflite.torch_view import FloatView

Values = Mapping[str, torch.Tensor]
Judged = tuple[float, float]
"""PSNR against float and against HR."""


@dataclass(frozen=True)
class Part:
    """What one row leaves out."""

    node: Node
    constants: tuple[str, ...]
    """None for the activation that the node writes."""

    @property
    def tensors(self) -> tuple[str, ...]:
        return self.constants or (self.node.output,)


class Subject:
    """A quantized graph and its float side, and how images are judged.

    Args:
        graph: Quantized, raw pixels at its ends, free height and width.
        source: The float graph.
        protocol: For PSNR against HR.

    Raises:
        InputError: The two are of different networks.
        UnsupportedError: An op cannot be run in integers, or not in real numbers.
    """

    def __init__(self, graph: Graph, source: Graph, protocol: Protocol) -> None:
        self.graph, self.protocol, self.scale = graph, protocol, graph.scale_factor
        self.float_side: Counterpart = counterpart(graph, source)
        self.mixed = Mixed(graph, self.float_side)
        self._float_view = FloatView(to_pixel_units(source))
        self._multiple = size_multiple(graph)
        self._runtime = LiteRT(tflite.write(graph))

    def parts(self) -> list[Part]:
        """All that can be left out, in execution order; weights only where the float graph has them."""
        found = []
        for node in self.graph.nodes:
            constants = tuple(name for name in node.inputs if self.graph.tensors[name].is_constant)
            if rounds(node) and constants and self.float_side.holds_weights:
                found.append(Part(node, constants))
            if rounds(node):
                found.append(Part(node, ()))
        return found

    def float_values(self, lr: Image) -> Values:
        """Every activation of the float graph, NCHW, in pixel units.

        Raises:
            InputError: It takes no image of this size.
        """
        if any(size % self._multiple for size in lr.shape[:2]):
            found, hint = f"an image of {lr.shape[0]}×{lr.shape[1]}", "choose or crop images for it"
            raise InputError(f"{found}; expected multiples of {self._multiple}", where=self.graph.name, hint=hint)
        with torch.inference_mode():
            return self._float_view.activations(torch.from_numpy(np.array(lr)).permute(2, 0, 1)[None].float())

    def output_of(self, values: Values) -> Image:
        """The image among the activations of the float graph."""
        return to_pixels(values[self._float_view.graph.output.name][0].permute(1, 2, 0).numpy())

    def float_pixels(self, lr: Image) -> Image:
        """The float graph's image."""
        return self.output_of(self.float_values(lr))

    def codes(self, lr: Image) -> dict[str, Codes]:
        """Every activation of the file, which LiteRT's bytes are compared with.

        Raises:
            VerificationError: The interpreter's output is not LiteRT's.
        """
        base = self.mixed.codes(lr)
        runs = self._runtime.run(base[self.graph.input.name])
        if (apart := int((runs != base[self.graph.output.name]).sum())) > 0:
            raise VerificationError(
                f"{apart} bytes of the interpreter's output are not LiteRT's", where=self.graph.name
            )
        return base

    def judged(self, sr: Image, float_sr: Image, hr: Image | None) -> Judged:
        """PSNR of one image against float, and against HR."""
        return psnr(sr, float_sr), self.against_hr(sr, hr)

    def against_hr(self, sr: Image, hr: Image | None) -> float:
        """PSNR of one image by the protocol; not a number without HR."""
        if hr is None:
            return nan
        return psnr(self.protocol.samples(sr, self.scale), self.protocol.samples(hr, self.scale))
