"""What ``eval`` wrote: the quality of several artifacts on some images."""

from sr2tflite.run.report.told import Told


class ImageScore(Told):
    """One image."""

    image: str
    psnr: float | None
    ssim: float


class ScoreRow(Told):
    """One artifact under one protocol."""

    artifact: str
    protocol: str
    psnr: float | None
    """dB; None is infinite."""

    ssim: float
    images: tuple[ImageScore, ...] = ()


class Evaluated(Told):
    """One artifact."""

    name: str
    kind: str
    sha256: str


class Apart(Told):
    """One artifact's output against another's."""

    artifact: str
    reference: str
    psnr: float | None
    equal_images: int
    steps: dict[str, float]
    """Share of the values by distance."""


class Evaluation(Told):
    """``eval``: quality of several artifacts on some images."""

    scale: int
    image_set: str
    images: tuple[str, ...]
    artifacts: tuple[Evaluated, ...]
    rows: tuple[ScoreRow, ...]
    differences: tuple[Apart, ...] = ()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return tuple((one.name, one.sha256) for one in self.artifacts)

    @property
    def protocols(self) -> tuple[str, ...]:
        """In order; the first one is what gates look at."""
        return tuple(dict.fromkeys(row.protocol for row in self.rows))

    def row(self, artifact: str, protocol: str) -> ScoreRow | None:
        return next((one for one in self.rows if (one.artifact, one.protocol) == (artifact, protocol)), None)
