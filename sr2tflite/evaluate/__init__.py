"""Quality: metrics with a protocol, runners for every kind of artifact, exact tiling, and comparisons."""
