"""Every profile and rule in words, for ``docs/check.md``: made of the registries, so that it says what is asked."""

from collections.abc import Iterator
from typing import Any

from sr2tflite.check.profile import Profile, load_profile, profiles
from sr2tflite.check.rewrites import REWRITES
from sr2tflite.check.rules import RULES, Rule
from sr2tflite.check.rules._unit import UnitRule

_HEAD = """\
# Profiles, rules and rewrites

`sr2tflite check FILE.tflite --profile NAME` asks the rules of a profile; exit status 4 where one says no (severity
`error`). A profile is a YAML file that names rules, with settings where they are not the usual ones; a path of your
own works as well as a name. `--fix -o FIXED.tflite` applies the rewrites below, runs both files on images with XNNPACK
and with LiteRT's builtin kernels, and keeps only what changes no byte; `--allow-difference` keeps the others too and
says how many bytes differ, and by how much.

A file may pass a profile and still run slowly, or not at all, on a phone: drivers differ. A rule says what its source
says, no more; `sr2tflite bench` on the device has the last word.

This page is made of the program: `sr2tflite/check/catalog.py`.
"""

_SHOWN = 6
"""Entries of a long setting that are spelled out."""


def catalog() -> str:
    """The page, as Markdown."""
    parts = [_HEAD, *(_profile(load_profile(name)) for name in profiles()), _rules(), _rewrites()]
    return "\n".join(parts)


def _profile(profile: Profile) -> str:
    lines = [f"## Profile `{profile.name}`\n", f"{profile.question}\n", "| rule | severity | settings | source |"]
    lines.append("|---|---|---|---|")
    for name, rule in profile.rules:
        source = getattr(rule, "cites", None) or rule.source or ""
        settings = ", ".join(f"{key}: {_short(value)}" for key, value in _told(rule))
        lines.append(f"| [`{name}`](#{name}) | {rule.severity} | {settings} | {_link(source)} |")
    return "\n".join(lines) + "\n"


def _told(rule: Rule) -> Iterator[tuple[str, Any]]:
    """The settings that differ from the usual ones."""
    for name, field in type(rule).model_fields.items():
        value = getattr(rule, name)
        if name not in ("cites", "severity") and value != field.get_default(call_default_factory=True):
            yield name, value


def _short(value: Any) -> str:
    if isinstance(value, dict):
        entries = [f"{key} {one}" if one else str(key) for key, one in value.items()]
        more = f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
        return ", ".join(entries[:_SHOWN]) + more
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _link(source: str) -> str:
    address, _, rest = source.partition(", ")
    if not address.startswith("https://"):
        return source
    words = address.split("//")[1].split("/")
    return f"[{words[0]}, {words[-1]}]({address})" + (f" {rest}" if rest else "")


def _rules() -> str:
    lines = ["## Rules\n"]
    for name in RULES.names():
        rule = RULES[name]
        lines += [f"### `{name}`\n", f"Where it finds nothing: {rule.title}.\n", _paragraphs(rule.__doc__ or "")]
        lines += [f"- `{key}`: {_one_line(field.description or '')}" for key, field in _settings(rule)]
        if issubclass(rule, UnitRule) and rule.rewrites:
            lines.append(f"- rewrites: {', '.join(f'`{one}`' for one in rule.rewrites)}")
        lines.append("")
    return "\n".join(lines)


def _settings(rule: type[Rule]) -> list[tuple[str, Any]]:
    return [(name, field) for name, field in rule.model_fields.items() if name not in ("cites", "severity")]


def _rewrites() -> str:
    lines = ["## Rewrites\n", "Tried in this order.\n", "| name | what it does | changes bytes |", "|---|---|---|"]
    for one in REWRITES.values():
        lines.append(f"| `{one.name}` | {one.words} | {'never' if one.is_exact else 'yes: one rounding less'} |")
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> str:
    """A docstring without its indentation."""
    return "\n".join(line.strip() for line in text.strip().splitlines()) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
