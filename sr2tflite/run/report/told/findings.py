"""What ``verify`` and ``check`` wrote: rules, and what they found."""

from pathlib import PurePath

from sr2tflite.run.report.told import Told


class RuleFinding(Told):
    """One thing that a rule has to say."""

    severity: str
    where: dict[str, str | int]
    found: str
    expected: str | None = None
    source: str | None = None
    hint: str | None = None
    error_map: str | None = None

    @property
    def place(self) -> str:
        op = f"op {self.where['op']} {self.where.get('kind', '')}".strip() if "op" in self.where else ""
        words = " ".join(part for part in (op, str(self.where.get("tensor", ""))) if part)
        return ": ".join(part for part in (str(self.where.get("file", "")), words) if part) or "the file"


class AskedRule(Told):
    """One rule."""

    rule: str
    title: str
    status: str
    seen: str
    findings: tuple[RuleFinding, ...] = ()


class Checked(Told):
    """``verify`` or ``check``: the rules of a profile, asked of a file."""

    profile: str
    file: str
    sha256: str
    passed: bool
    verdict: str
    rules: tuple[AskedRule, ...]

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return ((self.file_name, self.sha256),)

    @property
    def words(self) -> str:
        """The verdict, with files named as in the folder that they lie in."""
        return self.verdict.replace(f"{PurePath(self.file).parent}/", "")

    @property
    def file_name(self) -> str:
        return PurePath(self.file).name


class Gate(Told):
    """``check``: several profiles, asked of a file or a submission."""

    profiles: tuple[Checked, ...]

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return tuple(pair for one in self.profiles for pair in one.subjects)
