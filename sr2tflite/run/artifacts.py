"""The files of a run folder: what each is called, what it is, and what it is made from."""

from collections.abc import Container
from dataclasses import dataclass

STUDENT, FINETUNED, RECALIBRATED = "student.safetensors", "finetuned.safetensors", "recalibrated.safetensors"
DEPLOY, PTQ, QAT = "deploy.onnx", "ptq.onnx", "qat.onnx"
MODEL, MODEL_FREE, MODEL_FLOAT, PTQ_FREE = "model.tflite", "model_free.tflite", "model_float.tflite", "ptq_free.tflite"
CERTIFICATE = f"{DEPLOY}.certificate.json"
CHART = "budget.png"
RECIPE = "recipe.yaml"


@dataclass(frozen=True)
class Role:
    """What a file of a run is."""

    what: str
    """In a few words."""

    stage: str
    """That makes it."""

    sources: tuple[str, ...]
    """The first of these that is there is what it is made from; none of them: weights from outside the folder."""


ROLES = {
    STUDENT: Role("the student, trained", "train", ()),
    FINETUNED: Role("the student, trained on", "finetune", (STUDENT,)),
    RECALIBRATED: Role("batch normalization recalibrated", "recalibrate", (FINETUNED, STUDENT)),
    DEPLOY: Role("the float network, fused", "fuse", (RECALIBRATED, FINETUNED, STUDENT)),
    CERTIFICATE: Role("how exactly it was fused", "fuse", (RECALIBRATED, FINETUNED, STUDENT)),
    PTQ: Role("quantized after training: the baseline", "ptq", (DEPLOY,)),
    QAT: Role("trained on the INT8 grid", "qat", (DEPLOY,)),
    MODEL: Role("the INT8 file, fixed size", "export", (QAT, PTQ)),
    MODEL_FREE: Role("the INT8 file, any size", "export", (QAT, PTQ)),
    PTQ_FREE: Role("the baseline as a file", "export", (PTQ,)),
    MODEL_FLOAT: Role("the float twin, for the bench", "export", (DEPLOY,)),
}
"""Every artifact, in the order in which they are made."""


def source_of(file: str, present: Container[str]) -> str | None:
    """What a file is made from, among those that are there; None for weights from outside the folder."""
    return next((one for one in ROLES[file].sources if one in present), None)


def crop_file(number: int) -> str:
    """The picture of an evaluation image, which are counted from 1."""
    return f"crop{number}.png"
