"""What verbs wrote as JSON, read back: those parts that a report shows; what else is there is kept."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sr2tflite.errors import InputError


class Told(BaseModel):
    """A record that a verb wrote; a file may come from an older release, or from anywhere."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        """Name and hash of every file that it is about."""
        return ()


class Versions(Told):
    """What an earlier report of the same run said of what made it."""

    versions: dict[str, str]


ToldT = TypeVar("ToldT", bound=Told)


def parsed(kind: type[ToldT], content: Any, where: str) -> ToldT:
    """A record from plain data.

    Raises:
        InputError: Something that a report shows is missing or of another type.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}", where=where) from error


def json_of(data: bytes, where: str) -> Any:
    """Plain data.

    Raises:
        InputError: It is not JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("is not JSON", where=where, hint="write it with --json > FILE.json") from error
