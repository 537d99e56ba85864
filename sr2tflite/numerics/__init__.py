"""TFLite's integer arithmetic, in NumPy: the single home of every quantization formula and rounding rule.

It knows no graph. ``qparams`` gives scales and zero points, ``requantize`` the accumulators of
convolutions and sums, ``elementwise`` the ops that work value by value, ``fixed_point`` and ``builtin``
the builtin kernels' products, ``activation`` the codes that a fused activation keeps.
"""
