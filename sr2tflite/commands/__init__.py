"""One file per verb, a plain typed function each: the Python API, and what the command line calls."""
