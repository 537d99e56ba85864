"""The deploy graph as a trainable torch module on the TFLite grid: ranges, exact arithmetic, weight clipping.

``QuantizedView`` (``quant.view``) computes what the exported file computes, integer for integer, with gradients.
"""
