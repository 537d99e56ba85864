"""TFLite's integer arithmetic, in NumPy: the single home of every quantization formula and rounding rule.

It knows no graph. ``qparams`` gives scales and zero points, ``requantize`` XNNPACK's convolutions and sums,
``fixed_point`` the multiplications of the builtin kernels, ``elementwise`` and ``builtin`` both families' other ops.
"""
