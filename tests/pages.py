"""The pages of the documentation, and what stands in them: blocks of code, links, headings."""

import re
from dataclasses import dataclass

from tests.environment import ROOT

PAGES = ("README.md", "SECURITY.md", *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")))

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    page: str
    line: int
    """Of its first line of code, from 1 on."""
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose_of(page: str) -> str:
    """The page without its blocks of code."""
    return _FENCED.sub("", text_of(page))


def blocks(*languages: str, pages: tuple[str, ...] = PAGES) -> list[Block]:
    """The blocks in these languages, or all."""
    return [
        Block(page, text_of(page).count("\n", 0, found.start()) + 2, found[1], found[2])
        for page in pages
        for found in _FENCED.finditer(text_of(page))
        if not languages or found[1] in languages
    ]


def section(page: str, heading: str) -> str:
    """What stands below a heading of the second level."""
    return text_of(page).split(f"\n## {heading}\n")[1].split("\n## ")[0]


def anchors(page: str) -> set[str]:
    """The anchor of each heading; a heading that comes again has a number."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} (.+)$", prose_of(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading).lower()
        found.append(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return {anchor if (n := found[:i].count(anchor)) == 0 else f"{anchor}-{n}" for i, anchor in enumerate(found)}


def links(page: str) -> list[str]:
    """Where the page's links and pictures point to."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose_of(page)))
