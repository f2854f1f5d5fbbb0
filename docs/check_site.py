"""Check a built site: every link inside it leads somewhere, every figure was drawn.

python docs/check_site.py build/site
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

STATE = "preset="
"""How a state of the explorer begins, which is no place in the page."""
BAD_TEXT = ("<Figure size", "object at 0x")
"""What a page shows where a notebook's output went wrong."""


class Page(HTMLParser):
    """The anchors of a page, the addresses that it refers to and its text."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element's identifier and address."""
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


if __name__ == "__main__":
    complaints = faults(Path(sys.argv[1]))
    print("\n".join(complaints) or "every link inside the site leads somewhere")
    sys.exit(bool(complaints))
