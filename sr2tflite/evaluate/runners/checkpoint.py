"""Running the float student of a checkpoint, or a teacher, through torch."""

from pathlib import Path

import numpy as np

from sr2tflite.evaluate.runners import Image, Network, to_pixels


def open_network(path: Path, data: bytes, threads: int) -> Network:  # noqa: ARG001  # the loader reads the file itself
    """The network in eval mode, on the CPU, in its own value range."""
    import torch

    from sr2tflite.networks.teacher import teacher_in

    torch.set_num_threads(threads)
    teacher = teacher_in(path)
    if teacher is None:
        return _student(path)
    note = f"teacher {teacher.name}, run with {teacher.teacher}"
    return Network(lambda lr: to_pixels(teacher.enlarge(lr[None])[0]), teacher.scale, {}, (note,))


def _student(path: Path) -> Network:
    import torch

    from sr2tflite.networks.checkpoint import load

    loaded = load(path)
    module, high = loaded.module.eval(), float(loaded.student.value_range[1])

    def upscale(lr: Image) -> Image:
        x_NCHW = torch.from_numpy(np.ascontiguousarray(lr)).permute(2, 0, 1)[None].float() / (255.0 / high)
        with torch.inference_mode():
            y_NCHW = module(x_NCHW) * (255.0 / high)
        return to_pixels(y_NCHW[0].permute(1, 2, 0).numpy())

    return Network(
        upscale, int(loaded.student.scale), getattr(loaded, "metadata", {}), multiple=loaded.student.multiple
    )
