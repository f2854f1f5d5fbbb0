"""Reading files, with errors that name the file."""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DataError, InputError

if TYPE_CHECKING:
    import pandas as pd


def read_csv(file: Path, **options: Any) -> "pd.DataFrame":
    """Return a CSV file as a data frame."""
    import pandas as pd

    try:
        # With low_memory types would depend on the number of rows.
        frame = pd.read_csv(file, low_memory=False, **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"it is not a CSV file: {error}") from None
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError("its rows must be as long as its header; they are longer")
    return frame


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn whatever goes wrong with a file into one `DataError` that names it."""
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
