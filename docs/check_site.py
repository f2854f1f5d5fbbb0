"""Check a built site.

Every link inside it leads somewhere, every figure was drawn and says in words what it shows, and
the search finds what readers look for.

python docs/check_site.py build/site
"""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

STATE = "preset="
"""How a state of the explorer begins, which is no place in the page."""
BAD_TEXT = ("<Figure size", "object at 0x")
"""What a page shows where a notebook's output went wrong."""
WORDS = 5
"""An image's alternative text has at least so many."""
SOUGHT = {"borda": "theory", "flip": "flips"}
"""What readers search for, and a page whose text or title must hold it."""
IN_TITLE = {"borda": "theory"}
"""What a page must have in one of its titles, so that the search puts it first."""


class Page(HTMLParser):
    """The anchors of a page, the addresses that it refers to, its images' words and its text."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.addresses: list[str] = []
        self.images: list[tuple[str, str]] = []
        self.text = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element's identifier and address, and what an image says."""
        if tag == "img":
            known = dict(attrs)
            self.images.append((known.get("src") or "", known.get("alt") or ""))
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.addresses.append(value)

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data


def faults(site: Path) -> list[str]:
    """Return what is wrong with the pages of a site, one line each."""
    pages = {file.resolve(): Page(file) for file in sorted(site.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        name = file.relative_to(site.resolve())
        found += [f"{name}: shows {text!r}" for text in BAD_TEXT if text in page.text]
        found += [
            f"{name}: the image {source} does not say what it shows: {words!r}"
            for source, words in page.images
            if len(words.split()) < WORDS and "_static/" not in source  # the theme's ornaments
        ]
        for address in page.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            if not target.is_file():
                found.append(f"{name}: {address} leads to no file")
            elif anchor.startswith(STATE):
                continue
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{name}: {address} leads to no place in the page")
    return found if pages else [f"{site}: holds no pages"]


def unfound(site: Path) -> list[str]:
    """Return what the site's search does not find, one line each."""
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    found = json.loads(index[index.index("(") + 1 : index.rindex(")")])

    def pages(kind: str, word: str) -> set[str]:
        places = found[kind].get(word, [])
        return {found["docnames"][i] for i in (places if isinstance(places, list) else [places])}

    return [
        f"search: {word!r} does not find {page} by its {place}"
        for place, kinds, sought in (
            ("text", ("terms", "titleterms"), SOUGHT),
            ("titles", ("titleterms",), IN_TITLE),
        )
        for word, page in sought.items()
        if not any(page in pages(kind, word) for kind in kinds)
    ]


if __name__ == "__main__":
    built = Path(sys.argv[1])
    complaints = faults(built) + unfound(built)
    print("\n".join(complaints) or "links lead somewhere, images say what they show, search finds")
    sys.exit(bool(complaints))
