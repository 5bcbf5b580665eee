"""Flow logs in files: a folder with its sub-folders, or a glob."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from inventory.collect import Listing
from inventory.collect.folding import Digest, concluded, too_large, unread
from inventory.collect.names import Named, named
from inventory.errors import MissingExtraError, SourceError
from inventory.flowlog import content, parquet
from inventory.flowlog.fold import Folder
from inventory.flowlog.format import LogFormat
from inventory.flowlog.inflate import PIECE
from inventory.model import Batch, BatchRef, BatchState, Known

_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".swp", "~")
_MAGIC = frozenset("*?[")


class FilesSource:
    """A source of files (:class:`~inventory.collect.Source`).

    ``path`` is a folder, one file, or a glob (``**`` goes through folders). Keys are paths relative to the folder (for a glob: to its part
    before the first wildcard), with ``/`` between. Only regular files inside that folder count, symbolic links are not followed, hidden and
    unfinished (``.tmp``, ``.part``) files are left out. ``format`` as :class:`~inventory.flowlog.fold.Folder` takes it;
    raises :class:`~inventory.errors.ConfigError` for anything else.
    """

    kind = "files"

    def __init__(self, name: str, path: str | os.PathLike[str], format: str = "auto") -> None:  # noqa: A002 - the domain's word
        LogFormat.parse(format)
        self.name = name
        self._path = Path(path)
        self._format = format
        self._root, self._pattern = _root(self._path)
        self._odd: dict[str, Path] = {}

    def listing(self, since: int | None, until: int | None) -> Listing:
        """See :meth:`Source.listing`; the slot of names that AWS gives, widened by nothing, chooses."""
        found = []
        for path in self._files():
            ref = self._ref(path)
            if ref is not None and _chosen(ref, since, until):
                found.append(ref)
        found.sort(key=lambda ref: (ref.slot or (0, 0), ref.key))
        return Listing(found, whole=since is None and until is None)

    def read(self, ref: BatchRef, known: Known) -> Batch:
        """See :meth:`Source.read`. The digest is BLAKE2b of the stored bytes, ``""`` when not all could be read."""
        name = named(PurePosixPath(ref.key).name)
        folder = Folder(self._format, known, ref.slot)
        try:
            with self._open(ref) as file:
                return self._read(file, ref, folder, name)
        except MissingExtraError as error:
            return unread(ref, error.told)
        except OSError as error:
            return unread(ref, f"cannot be read: {error.strerror or error}")

    # -- listing

    def _files(self) -> Iterator[Path]:
        if not self._root.exists():
            msg = f"source {self.name}: {self._root} is not there"
            raise SourceError(msg, hint=f"make it, or mend `path` of [[sources]] {self.name}")
        if self._pattern:
            try:
                # Path.glob would follow symbolic links on some versions of Python
                for relative in glob.iglob(self._pattern, root_dir=self._root, recursive=True):  # noqa: PTH207
                    yield self._root / relative
            except OSError as error:
                raise self._unlistable(error) from error
        elif self._path.is_file():
            yield self._path
        else:
            yield from self._walk()

    def _walk(self) -> Iterator[Path]:
        def fail(error: OSError) -> None:
            raise self._unlistable(error)

        for folder, folders, files in os.walk(self._root, onerror=fail):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in files:
                yield Path(folder, name)

    def _unlistable(self, error: OSError) -> SourceError:
        where = error.filename or self._root
        return SourceError(
            f"source {self.name}: {where} cannot be listed: {error.strerror}",
            hint="let this user read the folder",
        )

    def _ref(self, path: Path) -> BatchRef | None:
        relative = PurePosixPath(*path.relative_to(self._root).parts)
        if any(part.startswith(".") for part in relative.parts) or path.name.endswith(_UNFINISHED):
            return None
        if not self._inside(path):
            return None
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None  # gone since it was listed: then it is not there
        if not stat.S_ISREG(status.st_mode):
            return None
        told = named(path.name)
        key = str(relative).encode("utf-8", "backslashreplace").decode()  # names of any bytes
        if key != str(relative):
            self._odd[key] = path
        return BatchRef(
            key,
            _version(status),
            status.st_size,
            told.flow_log_id,
            told.account,
            told.region,
            told.slot,
        )

    def _inside(self, path: Path) -> bool:
        """No folder on the way from the root is a symbolic link."""
        folder = path.parent
        while folder != self._root and self._root in folder.parents:
            if folder.is_symlink():
                return False
            folder = folder.parent
        return folder == self._root

    # -- reading

    def _path_of(self, ref: BatchRef) -> Path:
        """A name that is no UTF-8 is spelled otherwise in the key."""
        return self._odd.get(ref.key, self._root / ref.key)

    def _open(self, ref: BatchRef) -> BinaryIO:
        path = self._path_of(ref)
        if not self._inside(path) or ".." in PurePosixPath(ref.key).parts:
            msg = "outside the source"
            raise OSError(msg)
        # the last part must not be a link either, and a pipe must not make us wait
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            msg = "not a regular file"
            raise OSError(msg)
        return os.fdopen(handle, "rb", buffering=0)

    def _read(self, file: BinaryIO, ref: BatchRef, folder: Folder, name: Named) -> Batch:
        before = os.fstat(file.fileno())
        if large := too_large(ref, before.st_size):
            return large
        hashed = Digest()
        is_parquet = file.read(len(content.PARQUET)) == content.PARQUET
        file.seek(0)
        pieces = hashed.of(_pieces(file))
        if is_parquet:
            for _ in pieces:
                pass
            state, problem = parquet.fold_parquet(str(self._path_of(ref)), folder)
        else:
            state, problem = _fold(pieces, folder)
        digest = hashed.told()
        known_foreign = state is BatchState.FOREIGN and not name.by_aws
        if not known_foreign and _changed(before, file, ref):
            state, problem, digest = (
                _worse(state),
                "changed while it was read: it is read again at the next run",
                "",
            )
        return concluded(ref, name, folder, (state, problem), digest)


def _fold(pieces: Iterator[bytes], folder: Folder) -> tuple[BatchState, str]:
    try:
        return content.fold_content(pieces, folder)
    except OSError as error:  # a bad disk, a share that went away
        return BatchState.FAILED, f"cannot be read to its end: {error.strerror or error}"


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _changed(before: os.stat_result, file: BinaryIO, ref: BatchRef) -> bool:
    return _version(before) != ref.version or _version(os.fstat(file.fileno())) != ref.version


def _worse(state: BatchState) -> BatchState:
    return BatchState.PARTIAL if state is BatchState.DONE else state


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _chosen(ref: BatchRef, since: int | None, until: int | None) -> bool:
    if ref.slot is None:
        return True
    return (since is None or ref.slot[1] > since) and (until is None or ref.slot[0] < until)


def _root(path: Path) -> tuple[Path, str]:
    """The folder that keys are relative to, and the pattern below it (``""`` without wildcards)."""
    parts = path.parts
    wild = next((number for number, part in enumerate(parts) if _MAGIC.intersection(part)), None)
    if wild is None or path.exists():
        return (path.parent if path.is_file() else path), ""
    return Path(*parts[:wild]), str(Path(*parts[wild:]))
