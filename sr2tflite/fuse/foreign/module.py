"""A foreign graph as a torch module without any size in it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sr2tflite.fuse.foreign.names import Tree


@dataclass(frozen=True)
class Step:
    """One submodule and the values it reads and writes."""

    path: str
    inputs: tuple[str, ...]
    output: str


class OnnxModule(nn.Module):
    """Runs the steps in order; one submodule per ONNX node, named after it.

    Args:
        entry: The value that is the input image.
    """

    def __init__(self, entry: str) -> None:
        super().__init__()
        self.entry = self.exit = entry
        self.steps: list[Step] = []
        self._tree = Tree(self)

    def add(self, name: str, module: nn.Module, inputs: tuple[str, ...], output: str) -> str:
        """Append a step; returns its submodule's path."""
        path = self._tree.add(name, module)
        self.steps.append(Step(path, inputs, output))
        return path

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] > 1:  # the file knows one image only
            return torch.cat([self(image[None]) for image in x.unbind()])
        return self.values(x)[self.exit]

    def values(self, x: Tensor) -> dict[str, Tensor]:
        """Every value of one image, by its name in the file."""
        values = {self.entry: x}
        for step in self.steps:
            values[step.output] = self.get_submodule(step.path)(*(values[name] for name in step.inputs))
        return values
