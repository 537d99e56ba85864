"""A page as a strict reader sees it: what it consists of, and everything that is not well-formed."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input", "br", "stop"}
"""Elements without an end."""

SELF_CLOSED = {"path", "rect", "line"}
"""Of SVG, as ``<rect/>``."""


@dataclass
class Page(HTMLParser):
    """Read with ``feed``; ``faults`` is empty where all is well."""

    faults: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"<{tag}> has an attribute twice: {names}")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in SELF_CLOSED | VOID:
            self.faults.append(f"<{tag}/> is not closed in HTML")
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()} closes nothing")

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("script", "style"):
            self.text.append(data)

    @property
    def words(self) -> str:
        """All that is read, with single spaces."""
        return " ".join("".join(self.text).split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def read(text: str) -> Page:
    """A page, with what is wrong: unclosed elements, ids given twice, references to none, pictures without words."""
    page = Page()
    page.feed(text)
    page.close()
    page.faults += [f"<{tag}> is not closed" for tag in page._open]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    page.faults += [f"id {one} is given twice" for one in set(ids) if ids.count(one) > 1]
    for tag, attributes in page.elements:
        pointed = [attributes.get("aria-labelledby"), (attributes.get("href") or "").partition("#")[2] or None]
        page.faults += [f"<{tag}> points to {one}" for one in pointed if one is not None and one not in ids]
        if tag == "img" and "alt" not in attributes:
            page.faults.append("a picture has no words")
    return page
