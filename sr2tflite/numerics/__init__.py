"""TFLite's integer arithmetic, in NumPy: the single home of every quantization formula and rounding rule.

It knows no graph. ``qparams`` gives scales and zero points, ``requantize`` the fixed- and floating-point multipliers.
"""
