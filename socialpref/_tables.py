"""Tables in files of any usual ending, separator and encoding."""

import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._extras import require
from .errors import DataError, InputError

if TYPE_CHECKING:
    import pandas as pd

TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt")
TABLE_ENDINGS = (*TEXT_ENDINGS, ".json", ".jsonl", ".parquet", ".xlsx")
"""Endings of the files that `read_table_file` reads; texts may be gzipped (``.csv.gz``)."""
MISSING = ("", "NA", "NaN", "nan", ".", "#N/A", "NULL")
"""What stands for an empty cell in a text file; "None" and "N/A" are answers."""
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+\s*")
_NUMBER = re.compile(r"\s*([-+]?\d*,?\d+|[*–—-])\s*")


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn whatever goes wrong with a file into one `DataError` that names it.

    Raises
    ------
    InputError
        If a package that reads such files is not installed.
    """
    if ending_of(file) == ".xlsx":
        require("excel", "reading Excel files")
    try:
        yield
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from None
    except (EOFError, zlib.error) as error:
        raise DataError(f"{file}: not a complete gzip file ({error})") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{file}: not a complete JSON file ({error})") from None
    except InputError as error:
        raise DataError(f"{file}: {error}") from None
    except (ValueError, SyntaxError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: not of the form it should have ({error})") from None


def ending_of(file: Path) -> str:
    """Return a file's ending in small letters, that of ``.gz`` left out."""
    endings = [ending.lower() for ending in file.suffixes if ending.lower() != ".gz"]
    return endings[-1] if endings else ""


def read_table_file(file: Path, *, text: bool = False, rows: int | None = None) -> "pd.DataFrame":
    """Return the table in a file; call it within `reading`.

    Parameters
    ----------
    file : Path
        CSV (separated by commas, semicolons or tabs; UTF-8, UTF-16 with its mark, or
        Windows-1252, which includes Latin-1), JSON lines, a JSON array of objects, Parquet, or
        the first sheet of an Excel file, as its ending says; CSV if the ending is another.
    text : bool
        Whether every cell stays the text that it is: ``"01"`` and ``"1.50"``.
    rows : int, optional
        How many rows to read; all if omitted.

    Raises
    ------
    InputError
        If it is not a file of that form.
    """
    ending = ending_of(file)
    if ending == ".parquet":
        frame = _read_parquet(file, rows)
    elif ending == ".xlsx":
        frame = _read_excel(file, text, rows)
    elif ending in (".json", ".jsonl"):
        frame = _read_json(file, rows)
    else:
        return _read_text(file, text, rows)
    # As in CSV: empty texts are empty cells.
    return frame.map(_as_text, na_action="ignore").replace("", None) if text else frame


def _read_text(file: Path, text: bool, rows: int | None) -> "pd.DataFrame":
    import pandas as pd

    opened: Any = gzip.open if file.suffix.lower() == ".gz" else open
    with opened(file, "rb") as stream:
        content = _decoded(stream.read())
    separator = _separator(content, ending_of(file))
    options: dict[str, Any] = {"dtype": str} if text else {"low_memory": False}
    try:
        frame = pd.read_csv(
            io.StringIO(content),
            sep=separator,
            nrows=rows,
            keep_default_na=False,
            na_values=[""] if text else list(MISSING),
            **options,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"it is not a CSV file: {str(error).strip()}") from None
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError("its rows must be as long as its header; they are longer")
    return _without_decimal_commas(frame, text) if separator == ";" else frame


def _decoded(content: bytes) -> str:
    """Return text from its bytes: by its mark, else UTF-8 if it can be, else Windows-1252."""
    if b"\0" in content[:4096] and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("it is not a text file: there are zero bytes in it")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")  # has a letter for every byte


def _separator(content: str, ending: str) -> str:
    """Return what separates the columns: what parts the header into the most of them."""
    if ending in (".tsv", ".tab"):
        return "\t"
    header = content.lstrip("\r\n").partition("\n")[0]
    parts = {sep: len(next(csv.reader([header], delimiter=sep), [])) for sep in (",", ";", "\t")}
    return max(parts, key=lambda sep: parts[sep])


def _without_decimal_commas(frame: "pd.DataFrame", text: bool) -> "pd.DataFrame":
    """Return a table with 0,5 as 0.5 in columns that hold nothing but such numbers."""
    import pandas as pd

    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if pd.api.types.is_numeric_dtype(column):
            continue
        cells = [str(cell) for cell in column.dropna()]
        if any(map(_DECIMAL_COMMA.fullmatch, cells)) and all(map(_NUMBER.fullmatch, cells)):
            changed = column.str.replace(",", ".")
            frame[name] = changed if text else pd.to_numeric(changed, errors="coerce")
    return frame


def _read_parquet(file: Path, rows: int | None) -> "pd.DataFrame":
    import pandas as pd

    try:
        if rows == 0:
            from pyarrow.parquet import read_schema

            return read_schema(file).empty_table().to_pandas()
        frame = pd.read_parquet(file)
    except ValueError as error:  # pyarrow's errors are such
        raise InputError(f"it is not a Parquet file: {error}") from None
    return frame if rows is None else frame.head(rows)


def _read_excel(file: Path, text: bool, rows: int | None) -> "pd.DataFrame":
    import pandas as pd

    options: dict[str, Any] = {"dtype": object} if text else {}
    try:
        return pd.read_excel(
            file, nrows=rows, engine="openpyxl", keep_default_na=False, na_values=[""], **options
        )
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"it is not an Excel file (.xlsx): {error}") from None


def _read_json(file: Path, rows: int | None) -> "pd.DataFrame":
    """Return the objects of an array, or of the lines, as rows."""
    import pandas as pd

    opened: Any = gzip.open if file.suffix.lower() == ".gz" else open
    with opened(file, "rt", encoding="utf-8-sig") as stream:
        whole = ending_of(file) == ".json"
        items = _items(stream.read()) if whole else _lines(stream)
        records: list[dict[str, Any]] = []
        for where, record in items:
            if rows is not None and len(records) >= max(rows, 1):
                break
            if not isinstance(record, dict):
                raise InputError(f"{where} is not a JSON object")
            records.append(record)
    frame = pd.DataFrame(records)
    return frame if rows is None else frame.head(rows)


def _items(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the items of a JSON array; other texts are lines, though the ending is .json."""
    if not text.lstrip().startswith("["):
        yield from _lines(text.splitlines())
        return
    for number, item in enumerate(json.loads(text), start=1):
        yield f"item {number}", item


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield what is in the lines that are not empty."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except json.JSONDecodeError:
                raise InputError(f"line {number} is not JSON") from None


def _as_text(value: object) -> str:
    """Return a cell as the text that a CSV file would hold."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
