"""From a torch module to the deploy graph: capture, affine regions, collapse, certificate.

No block is known by name. A module is captured as a functional graph of aten ops in float64; the parts between
non-linearities that are affine and shift-invariant, border included, become one convolution each, found by impulse
response and proved on random input; so do those that enlarge by a whole factor (with one DEPTH_TO_SPACE behind) and
those with a stride. What only moves pixels is recognized by where every element went. The rest is mapped op by op or
refused with the user's source line.
"""

from sr2tflite.fuse.certificate import Certificate
from sr2tflite.fuse.module import Fused, fuse_module

__all__ = ["Certificate", "Fused", "fuse_module"]
