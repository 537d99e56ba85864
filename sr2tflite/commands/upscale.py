"""``sr2tflite upscale``: images enlarged by any network that ``eval`` can judge."""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sr2tflite.commands.upscale_plan import is_image, plan
from sr2tflite.data.bicubic import upscale as bicubic
from sr2tflite.data.images import Layers, decode_layers, encode_layers
from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.evaluate.runners import Runner, open_runner
from sr2tflite.evaluate.tiling import FreeSize, Image, has_integers_alone
from sr2tflite.files import append_line, make_folder, read_bytes, sha256, write_bytes
from sr2tflite.graph.receptive_field import receptive_field
from sr2tflite.progress import Progress, remark, silent

SCHEMA = "sr2tflite.upscale/1"
"""Of the JSON; the number rises where a reader of the old form would misunderstand the new one."""

LOG = "upscaled.jsonl"
"""In the folder: what each image was made of, so that what stands is not made again."""

TILE = 512
"""Height and width of the tiles of integer files with a free shape."""

Status = Literal["made", "stood", "failed"]


@dataclass(frozen=True)
class Upscaled:
    """One image."""

    source: Path
    target: Path
    status: Status
    """``stood``: it was there, made of the same image by the same file."""

    error: str | None = None
    """Why it failed."""

    rounded_from: int | None = None
    """Bits a channel in its file, where they were rounded to 8."""


@dataclass(frozen=True)
class UpscaleResult:
    """All images."""

    model: Path
    sha256: str
    scale: int
    target: Path
    notes: tuple[str, ...]
    """How the file was run."""

    images: tuple[Upscaled, ...]

    @property
    def exit_status(self) -> int:
        """That of a wrong input where an image failed."""
        return InputError.exit_status if self.count("failed") else 0

    def count(self, status: Status) -> int:
        """How many images ended so."""
        return sum(one.status == status for one in self.images)

    @property
    def following(self) -> str:
        """What to type next."""
        return f"sr2tflite eval {shlex.quote(str(self.model))} --data HR_DIR"

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``schema`` names its form."""
        return {
            "schema": SCHEMA,
            "model": str(self.model),
            "sha256": self.sha256,
            "scale": self.scale,
            "target": str(self.target),
            "notes": list(self.notes),
            "images": [{**vars(one), "source": str(one.source), "target": str(one.target)} for one in self.images],
            "next": self.following,
        }


def upscale(
    sources: Sequence[Path],
    target: Path,
    model: Path,
    *,
    tile: int | None = None,
    overwrite: bool = False,
    threads: int = 2,
    progress: Progress = silent,
) -> UpscaleResult:
    """Enlarge images, whole or in tiles that make no difference.

    Color goes through the network, alpha beside it by bicubic; grey stays grey. PNG and TIFF of 16 bits are rounded to
    8, and said to be. Bad images are named and left out.

    Args:
        sources: Images, and folders of them.
        target: A file for one image, else a folder, where folders' own folders are kept; names end in ``.png`` there.
        model: A ``.tflite``, an ``.onnx``, or a checkpoint.
        tile: Height and width of tiles; None is ``TILE`` for integer files and the whole image for others.
        overwrite: Replace images that are there and were made otherwise.
        threads: Of the runtime.
        progress: Told of every image.

    Raises:
        InputError: The file cannot be run, there is no image, or a result would replace what it is made of.
        StorageError: The disk is full, or the folder may not be written.
    """
    pairs = plan(sources, target)
    runner = open_runner(model, threads=threads)
    network, note = _network(runner, tile)
    folder = None if is_image(target) else target
    work = _Work(runner, network, folder, frozenset(_entries(folder / LOG) if folder else ()), overwrite)
    done = []
    for index, (source, place) in enumerate(pairs):
        progress("upscaling", index, len(pairs), source.name)
        one = work.image(source, place)
        if one.error is not None:
            remark(progress, "left out", one.error)
        done.append(one)
    _tell_rounded(done, progress)
    return UpscaleResult(model, runner.sha256, runner.scale, target, (*runner.notes, *note), tuple(done))


def _tell_rounded(images: Sequence[Upscaled], progress: Progress) -> None:
    rounded = [one for one in images if one.rounded_from is not None]
    if rounded:
        first = f"{rounded[0].source} had {rounded[0].rounded_from} bits a channel"
        more = f", and so had {len(rounded) - 1} more" if len(rounded) > 1 else ""
        remark(progress, "rounded to 8 bits", f"{first}{more}")


def _network(runner: Runner, tile: int | None) -> tuple[Any, tuple[str, ...]]:
    """The network over images of any size, and how it is run, in words."""
    graph = runner.network.graph
    is_exact = runner.kind == "tflite" and graph is not None and has_integers_alone(graph)
    if graph is None or (tile is None and not is_exact):
        if tile is not None:
            raise InputError(
                "cannot be cut into tiles: its size is fixed, or what it computes is not known",
                where=str(runner.path),
                hint="leave --tile out",
            )
        return runner, ()
    try:
        halo = receptive_field(graph)
    except Sr2TfliteError:
        if tile is not None:
            raise
        return runner, ()
    free = FreeSize(runner, tile or TILE, halo, runner.scale)
    exact = "which changes no byte" if is_exact else "where float sums may round otherwise than in the whole image"
    return free, (f"larger images in tiles of {free.tile}×{free.tile}, {exact}",)


@dataclass(frozen=True)
class _Work:
    runner: Runner
    network: Any
    folder: Path | None
    """Of the results and of their log; None where there is one file."""

    known: frozenset[tuple[str, ...]]
    """What the log holds."""

    overwrite: bool

    def image(self, source: Path, target: Path) -> Upscaled:
        """One image, made unless it stands."""
        try:
            data = read_bytes(source)
            key = {"source": sha256(data), "model": self.runner.sha256}
            if self._stands(target, key):
                return Upscaled(source, target, "stood")
            layers = self._layers(data, source)
            made, deep = encode_layers(layers, target.suffix.lower()), layers.bits if layers.bits > 8 else None
            if target.exists() and not self.overwrite:
                if read_bytes(target) == made:
                    self._log(target, key, made)
                    return Upscaled(source, target, "stood", rounded_from=deep)
                raise InputError("is there and is another image", where=str(target), hint="give --overwrite")
        except Sr2TfliteError as error:
            return Upscaled(source, target, "failed", _line(error, source))
        make_folder(target.parent)
        write_bytes(target, made)
        self._log(target, key, made)
        return Upscaled(source, target, "made", rounded_from=deep)

    def _layers(self, data: bytes, source: Path) -> Layers:
        layers = decode_layers(data, str(source), rounds=True)
        rgb: Image = self.network(layers.rgb)
        alpha = None if layers.alpha is None else bicubic(layers.alpha, self.runner.scale)
        return replace(layers, rgb=rgb, alpha=alpha)

    def _stands(self, target: Path, key: dict[str, str]) -> bool:
        if self.folder is None or not target.is_file():
            return False
        return _entry(self._said(target, key, read_bytes(target))) in self.known

    def _log(self, target: Path, key: dict[str, str], made: bytes) -> None:
        if self.folder is not None:
            append_line(self.folder / LOG, json.dumps(self._said(target, key, made)))

    def _said(self, target: Path, key: dict[str, str], made: bytes) -> dict[str, str]:
        assert self.folder is not None
        return {"file": str(target.relative_to(self.folder)), **key, "made": sha256(made)}


def _entry(said: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(said.get(name)) for name in ("file", "source", "model", "made"))


def _entries(log: Path) -> Iterator[tuple[str, ...]]:
    """What a log holds, but for lines that a kill cut short."""
    if not log.is_file():
        return
    for line in read_bytes(log).decode(errors="replace").splitlines():
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            yield _entry(said)


def _line(error: Sr2TfliteError, source: Path) -> str:
    text = f"{error.where}: {error.message}" if error.where else error.message
    text = text if str(source) in text else f"{source}: {text}"
    return f"{text}; {error.hint}" if error.hint else text
