"""An error map as a picture: the image that was fed, and beside it how far the tensor is off, pixel by pixel."""

from io import BytesIO

from matplotlib.figure import Figure

from sr2tflite.check.finding import ErrorMap


def png(found: ErrorMap) -> bytes:
    """The map as the bytes of a PNG; colors from black (equal) to yellow (the largest difference)."""
    height, width = found.difference.shape
    figure = Figure(figsize=(11, 1.2 + 4.3 * min(height / width, 2)), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(found.pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    left.set_title(f"input: {found.image}", fontsize=10)
    drawn = right.imshow(found.difference, cmap="inferno", vmin=0, vmax=max(found.largest, 1), interpolation="nearest")
    right.set_title(f"{found.place}\n{found.line()}", fontsize=10)
    figure.colorbar(drawn, ax=right, label="largest |difference|, steps", shrink=0.9)
    for axes in (left, right):
        axes.tick_params(labelsize=8)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
