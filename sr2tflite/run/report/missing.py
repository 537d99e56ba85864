"""What a run folder says nothing of, and the command that would make it, to be typed in that folder."""

from sr2tflite.run.artifacts import CERTIFICATE, DEPLOY, MODEL, MODEL_FLOAT, MODEL_FREE, PTQ, PTQ_FREE, QAT, RECIPE
from sr2tflite.run.report import Missing, Report


def missing(report: Report) -> list[Missing]:
    """Every part that the report lacks, in the order of the page."""
    present = {one.file for one in report.artifacts}
    whole = f"sr2tflite run {RECIPE} -o ." if report.recipe else "sr2tflite run RECIPE.yaml"
    quantized = QAT if QAT in present else PTQ
    model = MODEL if MODEL in present else MODEL_FREE
    free = MODEL_FREE if MODEL_FREE in present else model
    judged = " ".join(name for name in (DEPLOY, PTQ_FREE, free) if name in present) or free
    timed = " ".join(name for name in (MODEL_FLOAT, model) if name in present) or model
    parts = [
        ("qat", QAT in present or PTQ not in present, f"no {QAT}: the files hold the baseline", _qat(report)),
        ("files", bool({MODEL, MODEL_FREE} & present), "no .tflite file", _export(quantized)),
        (
            "quality",
            bool(report.evaluation),
            "nothing was judged",
            f"sr2tflite eval {judged} --data DIR --json > eval.json",
        ),
        ("crops", bool(report.crops), "no pictures", whole),
        ("graph", bool(report.drawing), "no graph that can be read", whole),
        ("budget", bool(report.budget), "not measured", _budget(report, quantized)),
        ("latency", bool(report.benches), "not measured", f"sr2tflite bench {timed} --json > bench.json"),
        ("certificate", bool(report.certificate), f"no {CERTIFICATE}", _fuse(report)),
        ("findings", bool(report.checks), "no rules were asked", "sr2tflite report . --verify"),
    ]
    return [Missing(part, reason, command) for part, is_there, reason, command in parts if not is_there]


def _qat(report: Report) -> str:
    if report.recipe:
        return f"sr2tflite run {RECIPE} -o . --set qat.steps=1000"
    return f"sr2tflite qat {DEPLOY} --data DIR -o {QAT}"


def _budget(report: Report, quantized: str) -> str:
    if report.recipe:
        return "sr2tflite report . --budget 5"
    return f"sr2tflite budget {quantized} --float {DEPLOY} --data DIR --json > budget.json"


def _export(quantized: str) -> str:
    return f"sr2tflite export {quantized} --int8 --free-shape -o {MODEL_FREE}"


def _fuse(report: Report) -> str:
    source = next((one.made_from[0] for one in report.artifacts if one.file == DEPLOY and one.made_from), "STUDENT")
    return f"sr2tflite fuse {source} -o {DEPLOY}"
