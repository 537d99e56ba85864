"""sr2tflite: from a PyTorch super-resolution student to a proved INT8 TFLite file."""

__version__ = "0.1.0"
