"""``sr2tflite eval``: PSNR and SSIM of checkpoint, ONNX and TFLite side by side."""

from collections.abc import Sequence
from pathlib import Path

from sr2tflite.errors import InputError
from sr2tflite.evaluate.compare import compare, refuse_seen_images
from sr2tflite.evaluate.image_set import image_set
from sr2tflite.evaluate.protocols import protocol_named
from sr2tflite.evaluate.result import EvalResult
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.progress import Progress, silent

DEFAULT_SCALE = 3
"""Of the baseline alone, where no artifact says one."""


def evaluate(
    artifacts: Sequence[Path],
    data: Sequence[Path],
    *,
    protocols: Sequence[str] = ("rgb",),
    scale: int | None = None,
    limit: int | None = None,
    threads: int = 2,
    allow_leak: bool = False,
    progress: Progress = silent,
) -> EvalResult:
    """Score artifacts, and the bicubic baseline, on folders of images.

    Args:
        artifacts: Checkpoints, ONNX and TFLite files; the first is what the others are compared with.
        data: Folders of HR images (LR is made by MATLAB-compatible bicubic), or with ``HR/`` and ``LR/``, or DIV2K's.
        protocols: Names of protocols.
        scale: Of the images; None takes the artifacts' own.
        limit: Only the first so many images of each folder.
        threads: For each runtime.
        allow_leak: Score an artifact even on images it was made with.
        progress: Called after each image.

    Raises:
        RecipeError: An unknown protocol.
        InputError: A file or folder is wrong, scales differ, or an artifact was made with these images.
    """
    chosen = [protocol_named(name) for name in dict.fromkeys(protocols)]
    if not chosen or (limit is not None and limit < 1):
        raise InputError("nothing to evaluate; expected at least one protocol and one image")
    runners = [open_runner(path, threads=threads) for path in artifacts]
    wanted = scale or (runners[0].scale if runners else DEFAULT_SCALE)
    images = image_set(data, wanted, limit)
    if not allow_leak:
        refuse_seen_images(runners, images)
    return compare(runners, images, chosen, progress)
