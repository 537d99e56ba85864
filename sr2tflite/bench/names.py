"""What files are called in a result."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def distinct(paths: Sequence[Path]) -> list[str]:
    """The files' names; where two are alike their paths, and a number where one file is given twice.

    Example:
        >>> distinct([Path("a/m.tflite"), Path("b/m.tflite"), Path("n.tflite"), Path("n.tflite")])
        ['a/m.tflite', 'b/m.tflite', 'n.tflite', 'n.tflite (2)']
    """
    files = {path.name: {str(other) for other in paths if other.name == path.name} for path in paths}
    names = [path.name if len(files[path.name]) == 1 else str(path) for path in paths]
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return numbered
