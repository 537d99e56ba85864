"""Ops whose bias may be left out."""

from dataclasses import replace

import numpy as np

from sr2tflite.graph import Tensor
from sr2tflite.interpret.site import Site, affine, quant
from sr2tflite.numerics.qparams import bias_params


def with_bias(site: Site) -> Site:
    """The site with a bias of zeros where it has none."""
    if len(site.inputs) == 3:
        return site
    x, weight = site.inputs
    data = np.zeros(weight.shape[0] or 0, np.int32)
    bias = Tensor(f"{site.output.name}@bias", data.shape, "int32", bias_params(affine(x)[0], quant(weight)), data)
    return replace(site, inputs=(x, weight, bias))
