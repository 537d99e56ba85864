"""A submission: the files of a challenge in their roles, in a folder or an archive; each is opened when asked for."""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.check.case import Case
from sr2tflite.check.contents import WANTED, Contents, read_contents
from sr2tflite.check.finding import Place, counted
from sr2tflite.check.images import GENERATED_SIZE, Sample, Samples, clouds, samples
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.evaluate.compare import compare
from sr2tflite.evaluate.image_set import ImageSet, image_set
from sr2tflite.evaluate.protocols import protocol_named
from sr2tflite.evaluate.result import BICUBIC
from sr2tflite.evaluate.runners import Runner, runner_of, to_pixels
from sr2tflite.evaluate.runners.tflite import survived
from sr2tflite.export.challenges import FOLDER, NAMES, PROTOCOL, Challenge, Role
from sr2tflite.export.cross_check import raw_pixels
from sr2tflite.graph import Graph
from sr2tflite.graph.model import Shape
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.progress import Progress, silent
from sr2tflite.runtime import LiteRT

Pixels = NDArray[np.uint8]

ROLES: tuple[Role, ...] = ("fixed", "free", "float")

INTEGERS: tuple[Role, ...] = ("fixed", "free")

_CLOUDS = (64, 96)
"""Height and width of images that stand in for photographs."""

_SHIFT = {"int8": 128, "uint8": 0}


@dataclass(frozen=True)
class Tried:
    """What a submission is tried on."""

    images: tuple[Path, ...] = ()
    """Images, or folders of them, that are fed as they are."""

    data: tuple[Path, ...] = ()
    """Folders of high-resolution images, for its quality."""

    limit: int = 16
    """At most so many of each folder."""

    runtime_ms: float | None = None
    """Of the fixed file on the challenge's device, for the score."""

    allow_leak: bool = False
    """Judge even on images the file was made with."""

    threads: int = 2


class Package:
    """Files of a submission.

    Args:
        path: Folder or archive.
        challenge: Whose.
        tried: What it is tried on.
        source: What it could be made of, as a word of a command to type.
        progress: Told what is tried.

    Raises:
        InputError: There is no such folder or archive, or it cannot be read.
    """

    def __init__(
        self,
        path: Path,
        challenge: Challenge,
        tried: Tried | None = None,
        *,
        source: str = "RUN",
        progress: Progress = silent,
    ) -> None:
        self._source = source
        self.path, self.challenge, self.tried, self.progress = path, challenge, tried or Tried(), progress
        self.contents: Contents = read_contents(path, WANTED)
        self._cases: dict[Role, tuple[Case | None, str | None]] = {}
        self._engines: dict[Role, LiteRT] = {}
        self._bound: set[Role] = set()

    @property
    def remake(self) -> str:
        """The line that makes it anew."""
        return f"sr2tflite package {self._source} --profile {self.challenge.name} -o submission.zip"

    def holds(self, role: Role) -> bool:
        """Whether the file is there."""
        return f"{FOLDER}/{NAMES[role]}" in self.contents.data

    def case(self, role: Role) -> Case | None:
        """A file that is whole; None where it is not there, or damaged."""
        return self._opened(role)[0]

    def honest(self, role: Role) -> Case | None:
        """A file that is whole and read as it says."""
        case = self.case(role)
        return case if case is not None and case.is_truthful else None

    def damage(self, role: Role) -> str | None:
        """Why a file that is there cannot be opened."""
        return self._opened(role)[1]

    def graph(self, role: Role) -> Graph:
        """Of a file that is honest."""
        case = self.honest(role)
        assert case is not None
        return case.graph

    def place(self, role: Role, tensor: str | None = None) -> Place:
        """A file, or a tensor of it."""
        return Place(tensor=tensor, file=NAMES[role])

    def shapes(self, role: Role) -> tuple[Shape, Shape]:
        """What the challenge asks of a file's input and output; None where a size is free."""
        if role != "fixed":
            return (1, None, None, 3), (1, None, None, 3)
        (height, width), scale = self.challenge.size, self.challenge.scale
        return (1, height, width, 3), (1, scale * height, scale * width, 3)

    def dtype(self, role: Role) -> str:
        """What the challenge asks of the type of a file's ends."""
        return "float32" if role == "float" else self.challenge.io

    def unfit(self, *roles: Role) -> str | None:
        """Why some files are not run: one has other ends than the challenge asks for; None where all are."""
        for role in roles:
            ends = self.graph(role).input, self.graph(role).output
            if any(end.dtype != self.dtype(role) for end in ends):
                return f"{NAMES[role]} has ends of another type"
            if any(len(end.shape) != 4 or end.shape[3] != 3 for end in ends) or ends[0].shape != self.shapes(role)[0]:
                return f"{NAMES[role]} has another shape"
        return None

    def small(self, role: Role) -> tuple[int, int]:
        """A size that a file can be tried at, small where its ops have none written into them."""
        return self.challenge.size if role in self._bound else GENERATED_SIZE

    def run(self, role: Role, pixels: Pixels) -> NDArray[Any]:
        """What LiteRT makes of an image's raw pixels, raw: a scorer looks at no scale.

        Raises:
            InputError: It refuses the file, or the size.
        """
        codes = raw_pixels(pixels, np.dtype(self.graph(role).input.dtype))
        engine = self._engine(role, (pixels.shape[0], pixels.shape[1]))
        try:
            return engine.run(codes, strict=False)
        except InputError:
            del self._engines[role]  # what it allocated last is no size of its own
            raise

    def _engine(self, role: Role, size: tuple[int, int]) -> LiteRT:
        """A file in LiteRT, first opened at a size; memory is taken for one size at a time."""
        if role not in self._engines:
            case = self.honest(role)
            assert case is not None
            self._engines[role] = LiteRT(case.data, threads=self.tried.threads, size=size, where=str(case.path))
        return self._engines[role]

    def seen(self, role: Role, pixels: Pixels) -> Pixels:
        """The picture that a scorer makes of it: raw bytes, or raw floats rounded and clipped.

        Raises:
            InputError: LiteRT refuses the file, or the size.
        """
        codes = self.run(role, pixels)[0]
        if codes.dtype.name not in _SHIFT:
            return to_pixels(np.nan_to_num(codes))
        return np.asarray(codes.astype(np.int16) + _SHIFT[codes.dtype.name], np.uint8)

    @cached_property
    def pairs(self) -> ImageSet | None:
        """High-resolution images with their low-resolution ones, where there are any.

        Raises:
            InputError: A folder or image cannot be read.
        """
        return image_set(self.tried.data, self.challenge.scale, self.tried.limit) if self.tried.data else None

    @cached_property
    def samples(self) -> Samples:
        """The images that the files are compared on: those that are judged, those that are given, or the usual ones.

        Raises:
            InputError: A folder or image cannot be read.
        """
        if self.pairs is None or self.tried.images:
            return samples(self.tried.images, 3, size_multiple(self.graph("free")), self.tried.limit)
        images = tuple(Sample(pair.name, pair.load(self.challenge.scale)[0]) for pair in self.pairs.pairs)
        return Samples(images, counted(len(images), "low-resolution image"))

    @property
    def photographs(self) -> tuple[Sample, ...]:
        """Those of the images that are photographs, or else such as have their spectrum.

        Integers saturate on generated extremes, which no calibration has seen; there a float file differs by rights.
        """
        if self.is_given_images:
            return self.samples.images
        given = tuple(one for one in self.samples.images if "." in one.name)
        return given or tuple(Sample(f"clouds {seed}", clouds(*_CLOUDS, seed)) for seed in range(3))

    @cached_property
    def runner(self) -> Runner:
        """The judged file, as ``sr2tflite eval`` runs it."""
        case = self.honest("free")
        assert case is not None
        return runner_of(case.path, "tflite", case.data, self.tried.threads)

    @cached_property
    def quality(self) -> tuple[float, float]:
        """PSNR of the judged file and of bicubic enlargement by the challenge's protocol; there are pairs.

        Raises:
            InputError: An image cannot be read, or is too small.
        """
        assert self.pairs is not None
        result = compare([self.runner], self.pairs, [protocol_named(PROTOCOL)], self.progress)
        return result.row(self.runner.name, PROTOCOL).mean.psnr, result.row(BICUBIC, PROTOCOL).mean.psnr

    @property
    def is_given_images(self) -> bool:
        """Whether somebody asked for certain images."""
        return bool(self.tried.images or self.tried.data)

    @property
    def images_used(self) -> str | None:
        """What it was tried on, in words, once it was."""
        return self.samples.words if "samples" in vars(self) else None

    def _opened(self, role: Role) -> tuple[Case | None, str | None]:
        if role not in self._cases:
            self._cases[role] = self._open(role) if self.holds(role) else (None, None)
        return self._cases[role]

    def _open(self, role: Role) -> tuple[Case | None, str | None]:
        name = f"{FOLDER}/{NAMES[role]}"
        try:
            case = Case(
                self.path / name,
                folders=self.tried.images,
                limit=self.tried.limit,
                threads=self.tried.threads,
                progress=self.progress,
                data=self.contents.data[name],
                beside=self.honest("free") if role == "fixed" else None,
                remake=self.remake,
            )
            if case.is_truthful:
                _ = case.graph
                survived(case.data, str(case.path))
                self._load(case, role)
        except (InputError, UnsupportedError) as error:
            return None, " ".join(error.message.split())
        return case, None

    def _load(self, case: Case, role: Role) -> None:
        """Open a file in LiteRT, small; a fixed one whose ops know no other size, at its own where that is right.

        Raises:
            InputError: LiteRT refuses it.
        """
        open_in = partial(LiteRT, case.data, threads=self.tried.threads, where=str(case.path))
        try:
            self._engines[role] = open_in(size=GENERATED_SIZE)
        except InputError:
            if role != "fixed" or case.graph.input.shape != self.shapes(role)[0]:
                raise
            self._engines[role] = open_in()
            self._bound.add(role)
