"""How much memory is left."""

import resource

import psutil


def free_bytes() -> int:
    """What this process may still take: what the machine has free, and what its own limit leaves."""
    free = int(psutil.virtual_memory().available)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return free
    return min(free, max(limit - int(psutil.Process().memory_info().vms), 0))
