"""Survey data by name: fetched from its public source, checked by SHA-256, kept in a cache."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from .. import _validate
from ..errors import DataError, InputError
from .readers.opinionqa import OPINIONQA_CITATION

if TYPE_CHECKING:
    import pooch

CACHE_VARIABLE = "SOCIALPREF_CACHE"
"""Environment variable that names another folder to keep the data sets in."""
ADDRESS_VARIABLE = "SOCIALPREF_DATA_ADDRESS"
"""Environment variable with another address, to which the name of a file is appended."""
TIMEOUT = 30.0
"""Seconds to wait for a connection, and for each piece of a file."""
CHUNK = 1 << 14
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416


@dataclass(frozen=True)
class DataSet:
    """A set of public files that can be fetched.

    Attributes
    ----------
    name : str
        What to call it, here and on the command line.
    title : str
        What it holds, in one line.
    citation : str
        Whom to cite, and the terms.
    address : str
        Where its files are; the name of a file is appended to it.
    registry : Traversable
        The list of its files with their SHA-256 sums, in pooch's format.

    Examples
    --------
    >>> from socialpref.surveys.registry import DATA_SETS
    >>> print(DATA_SETS["opinionqa"].title)
    OpinionQA: respondent counts by party, race and sex for 494 questions of Pew's panel
    """

    name: str
    title: str
    citation: str
    address: str
    registry: Traversable = field(repr=False)


DATA_SETS = {
    "opinionqa": DataSet(
        name="opinionqa",
        title="OpinionQA: respondent counts by party, race and sex for 494 questions of Pew's "
        "panel",
        citation=OPINIONQA_CITATION,
        address="https://raw.githubusercontent.com/nicolemeister/"
        "benchmarking-distributional-alignment/36869b56b214b5ddce13dc234d62b4cbce3706cd/"
        "opinions_qa/data/human_resp/Pew_American_Trends_Panel_disagreement_500/",
        registry=files("socialpref.pew") / "registry.txt",
    )
}
"""The data sets that can be fetched, by name."""


def where(name: str) -> Path:
    """Return the folder in which a data set is kept, whether or not it is there.

    Parameters
    ----------
    name : str
        A name in `DATA_SETS`.

    Returns
    -------
    Path
        A folder in the user's cache, or in the folder that the environment variable
        ``SOCIALPREF_CACHE`` names.

    Raises
    ------
    InputError
        If there is no data set of that name.

    Examples
    --------
    >>> from socialpref.surveys.registry import where
    >>> where("opinionqa").name
    'opinionqa'
    """
    import pooch

    name = _data_set(name).name
    cache = os.environ.get(CACHE_VARIABLE) or pooch.os_cache("socialpref")
    return Path(cache).expanduser().absolute() / name


def is_complete(name: str) -> bool:
    """Tell whether every file of a data set is in the cache with the right SHA-256 sum.

    Parameters
    ----------
    name : str
        A name in `DATA_SETS`.

    Returns
    -------
    bool

    Raises
    ------
    InputError
        If there is no data set of that name.

    Examples
    --------
    >>> from socialpref.surveys.registry import is_complete, where
    >>> folder = where("opinionqa") if is_complete("opinionqa") else None
    """
    store = _store(name)
    return all(_sum(store.abspath / file) == _expected(store, file) for file in store.registry)


def cached(name: str) -> Path:
    """Return the folder of a data set that is in the cache, or say how to get it there.

    Parameters
    ----------
    name : str
        A name in `DATA_SETS`.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If there is no data set of that name, or it is not complete. The message holds the
        command that fetches it.
    """
    if not is_complete(name):
        raise InputError(
            f"the data set {name} is not in {where(name)}; "
            f"this command fetches it: socialpref data get {name}"
        )
    return where(name)


def get(name: str, *, progress: bool = True) -> Path:
    """Fetch what is missing of a data set, check it, and return its folder.

    A file gets its name only when it is whole and its SHA-256 sum is right. What a cut
    connection leaves is kept in a file that ends in ``.part``, and the next call goes on from
    there. Without anything missing, nothing is asked of the network.

    Parameters
    ----------
    name : str
        A name in `DATA_SETS`.
    progress : bool
        Show a bar for each file on standard error, if that is a terminal.

    Returns
    -------
    Path
        The same folder as `where`.

    Raises
    ------
    InputError
        If there is no data set of that name.
    DataError
        If a file cannot be fetched or kept, or is not the one that it should be.

    Notes
    -----
    The environment variable ``SOCIALPREF_DATA_ADDRESS`` names another address to fetch from,
    such as a copy within one's own network or a folder (``file:///...``).

    Examples
    --------
    >>> from socialpref.surveys.registry import get
    >>> get("opinions")
    Traceback (most recent call last):
        ...
    socialpref.errors.InputError: 'name' must be one of 'opinionqa'; got 'opinions'.
    """
    store = _store(name)
    with _quiet_pooch():
        for file in store.registry:
            _fetch(store, file, progress)
    return where(name)


def _data_set(name: str) -> DataSet:
    return DATA_SETS[_validate.choice("name", name, sorted(DATA_SETS))]


def _store(name: str) -> "pooch.Pooch":
    import pooch

    data = _data_set(name)
    address = os.environ.get(ADDRESS_VARIABLE) or data.address
    store = pooch.create(path=where(name), base_url=address.rstrip("/") + "/")
    with data.registry.open(encoding="utf-8") as lines:
        store.load_registry(lines)
    return store


def _sum(file: Path) -> str | None:
    """Return a file's SHA-256 sum, or None if there is no such file that can be read."""
    import pooch

    try:
        return pooch.file_hash(file)
    except OSError:
        return None


def _expected(store: "pooch.Pooch", file: str) -> str:
    return store.registry[file].removeprefix("sha256:")


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from announcing every file: the progress bars do."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def _fetch(store: "pooch.Pooch", file: str, progress: bool) -> None:
    try:
        store.fetch(file, downloader=partial(_download, file=file, progress=progress))
    except OSError as error:
        # pooch words a refusal in its own way, over several sentences.
        refused = isinstance(error, PermissionError)
        reason = "Permission denied" if refused else error.strerror or error
        raise DataError(
            f"{file} from {store.get_url(file)}: cannot keep it in {store.abspath} ({reason}); "
            f"{CACHE_VARIABLE} can name another folder"
        ) from None


def _download(
    url: str, output_file: str, store: "pooch.Pooch", *, file: str, progress: bool
) -> None:
    """Make `output_file` for pooch: continue the part that is there, check it, move it."""
    part = store.abspath / f"{file}.part"
    _continue(part, url, file, progress)
    expected, found = _expected(store, file), _sum(part)
    if found != expected:
        part.unlink()
        raise DataError(
            f"{file} from {url}: its SHA-256 sum must be {expected}; it is {found}. "
            "The download was deleted"
        )
    os.replace(part, output_file)


def _continue(part: Path, url: str, file: str, progress: bool) -> None:
    from tqdm import tqdm

    start = part.stat().st_size if part.exists() else 0
    with _request(url, file, start) as response:
        if response.status != PARTIAL_CONTENT:  # the server sends the file from its beginning
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        with (
            part.open("ab" if start else "wb") as kept,
            tqdm(
                desc=file,
                initial=start,
                total=total,
                unit="B",
                unit_scale=True,
                disable=None if progress else True,  # None: unless it is a terminal
            ) as bar,
        ):
            for chunk in _chunks(response, url, file):
                kept.write(chunk)
                bar.update(len(chunk))
    if total is not None and (size := part.stat().st_size) < total:
        raise _cut(url, file, f"after {size} of {total} bytes")


def _request(url: str, file: str, start: int) -> Any:
    """Open `url` from byte `start` on, or from its beginning if the server will not."""
    import certifi

    trust = ssl.create_default_context()
    trust.load_verify_locations(certifi.where())  # some systems come without certificates
    wanted = {"Range": f"bytes={start}-"} if start else {}
    try:
        return urlopen(Request(url, headers=wanted), timeout=TIMEOUT, context=trust)
    except HTTPError as error:
        error.close()
        if start and error.code == RANGE_NOT_SATISFIABLE:
            return _request(url, file, 0)
        raise DataError(f"{file}: {url} answered {error.code} {error.reason}") from None
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        reason = getattr(cause, "strerror", None) or cause
        raise DataError(f"{file}: cannot reach {url} ({reason})") from None


def _chunks(response: IO[bytes], url: str, file: str) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    except (OSError, HTTPException) as error:
        raise _cut(url, file, f"({error})") from None


def _cut(url: str, file: str, how: str) -> DataError:
    return DataError(
        f"{file}: the connection to {url} was cut {how}; run the same again to continue"
    )
