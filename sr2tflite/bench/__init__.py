"""Latency: fresh processes, interleaved rounds, one result type. No torch."""
