"""Writing results so that a failure leaves no incomplete file."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import OutputError, SocialPrefError


@contextmanager
def results_folder(path: str | Path, *, replacing: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a temporary folder whose files move to `path` if the block succeeds.

    If the block fails nothing appears in `path`, and the folders that were made for it are
    removed again. What a process of this machine left behind when it was killed is removed, too.

    Parameters
    ----------
    path : str or Path
        Made, with its parents, if it does not exist. Files of the same name are replaced.
    replacing : sequence of str
        Patterns of the names of earlier results, which go even if nothing of their name comes.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    target = Path(path)
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    try:
        target.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        scratch = Path(tempfile.mkdtemp(prefix=f"{_mark()}{os.getpid()}-", dir=target))
    except OSError as error:
        raise OutputError(f"{target}: cannot write results here: {error.strerror}") from None
    try:
        yield scratch
        files = sorted(scratch.iterdir())
        names = {file.name for file in files}
        for file in files:  # before the first one moves
            if (target / file.name).is_dir():
                raise OutputError(f"{target}: cannot write {file.name}: a folder has that name")
        for file in files:
            os.replace(file, target / file.name)
        for old in [old for pattern in replacing for old in target.glob(pattern)]:
            if old.is_file() and old.name not in names:
                old.unlink()
    except OSError as error:
        raise OutputError(f"{target}: cannot write results here: {error.strerror}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with suppress(OSError):  # not empty: the results are in it
            for folder in made:
                folder.rmdir()


def _mark() -> str:
    """Return how the names of this machine's scratch folders begin."""
    return f".writing-{platform.node()}-"


def _remove_abandoned(target: Path) -> None:
    """Remove the scratch folders of processes that are no more."""
    for folder in list(target.iterdir()):
        number = folder.name.removeprefix(_mark()).partition("-")[0]
        if folder.name.startswith(_mark()) and number.isdigit() and not _runs(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    """Whether a process of this machine is still there, or may be."""
    if os.name == "nt":  # there, to ask it is to end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def forgetting(folder: Path) -> Iterator[None]:
    """Remove a folder after the block, but keep it after an interruption, to resume from."""
    try:
        yield
    except SocialPrefError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
