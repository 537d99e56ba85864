"""The trainable slopes of a PRELU, and their integers on the grid of one step."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sr2tflite.graph import Graph, Node
from sr2tflite.numerics.qparams import WEIGHT_LIMIT, QuantParams, quantize, symmetric


class SlopeLayer(nn.Module):
    """The slopes of one PRELU, one per channel: int8, symmetric, one scale for all, as converters write them.

    Args:
        graph: A float graph in pixel units.
        node: The PRELU in it.
    """

    def __init__(self, graph: Graph, node: Node) -> None:
        super().__init__()
        slopes = graph.tensors[node.inputs[1]]
        assert slopes.data is not None
        self.shape = slopes.data.shape
        self.slope = nn.Parameter(torch.from_numpy(np.array(slopes.data, np.float32).reshape(-1)))

    @property
    def _values(self) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self.slope.detach().cpu().numpy()
        return values

    def params(self) -> QuantParams:
        """``s = max|slope|/127``, ``z = 0``."""
        return symmetric(np.abs(self._values).max(), None)

    def stored(self) -> tuple[NDArray[np.int8], QuantParams]:
        """The codes as the file holds them, in the graph's shape, with their parameters."""
        params = self.params()
        codes: NDArray[np.int8] = quantize(self._values.reshape(self.shape), params, "int8", WEIGHT_LIMIT)
        return codes, params
