"""Writing results so that nothing half-written is ever left behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import OutputError


@contextmanager
def results_folder(path: str | Path) -> Iterator[Path]:
    """Give a scratch folder whose files move to `path` when the block ends well.

    If the block fails nothing appears in `path`, and `path` itself is removed again if it was
    made here.

    Parameters
    ----------
    path : str or Path
        Made, with its parents, if it does not exist. Files of the same name are replaced.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    target = Path(path)
    made = not target.exists()
    try:
        target.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".writing-", dir=target))
    except OSError as error:
        raise OutputError(f"{target}: cannot write results here: {error.strerror}") from None
    try:
        yield scratch
        for file in sorted(scratch.iterdir()):
            os.replace(file, target / file.name)
    except OSError as error:
        raise OutputError(f"{target}: cannot write results here: {error.strerror}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if made:
            with suppress(OSError):  # not empty: the results are in it
                target.rmdir()
