"""`ImportBucket` on a local folder: keys are paths below it, with `/`.

A version is size, mtime and inode. Writers should write under a name that begins with a dot and rename,
as `put` does; a file that is copied in place slowly is noticed only if it grows while it is read.
Renames and finished writes are atomic (POSIX rename) and synced, folders included.
"""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final, ParamSpec, TypeVar
from uuid import uuid4

from ignite_domain.errors import BadInput, NotFound, PortFailure
from ignite_domain.imports import BucketObject, ObjectChanged

_CHUNK: Final = 1024 * 1024
P = ParamSpec("P")
R = TypeVar("R")


def _version(found: os.stat_result) -> str:
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class DirectoryBucket:
    """The bucket is the folder `root`; it is made on first use."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)

    async def objects(self) -> Sequence[BucketObject]:
        return await self._in_thread(self._list)

    async def stat(self, key: str) -> BucketObject | None:
        return await self._in_thread(self._stat, key)

    async def read(self, key: str, version: str | None = None) -> AsyncGenerator[bytes, None]:
        path = self._path(key)
        file = await self._in_thread(self._open, path)
        try:
            begun = _version(await self._in_thread(os.fstat, file.fileno()))
            if version is not None and begun != version:
                raise ObjectChanged("the file changed before it was read")
            while chunk := await self._in_thread(file.read, _CHUNK):
                yield chunk
            now = await self._in_thread(self._stat, key)
            if now is None or now.version != begun:
                raise ObjectChanged("the file changed while it was read")
        finally:
            file.close()

    async def move(self, source: str, target: str, version: str) -> None:
        await self._in_thread(self._move, source, target, version)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        path = self._path(key)
        part = path.with_name(f".{path.name}.{uuid4().hex}.part")
        file = await self._in_thread(self._create, part)
        try:
            async for chunk in chunks:
                await self._in_thread(file.write, chunk)
            await self._in_thread(self._finish, file, part, path)
        finally:
            file.close()
            part.unlink(missing_ok=True)

    async def _in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await asyncio.to_thread(call, *args, **kwargs)
        except FileNotFoundError:
            raise NotFound("no such file in the bucket folder") from None
        except OSError as error:
            detail = errno.errorcode.get(error.errno or 0, "error")
            raise PortFailure("bucket folder", detail) from error

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not key or any(part in ("", ".", "..") for part in parts) or "\0" in key:
            raise BadInput("not a key of the bucket: a path below it without . and ..")
        return self._root.joinpath(*parts)

    def _list(self) -> list[BucketObject]:
        self._root.mkdir(parents=True, exist_ok=True)
        found = []
        for folder, folders, names in os.walk(self._root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(folder, name)
                if name.startswith(".") or not path.is_file():
                    continue
                if (item := self._stat(path.relative_to(self._root).as_posix())) is not None:
                    found.append(item)
        return sorted(found, key=lambda item: item.key)

    def _stat(self, key: str) -> BucketObject | None:
        try:
            found = self._path(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return BucketObject(key, found.st_size, _version(found))

    def _open(self, path: Path) -> BinaryIO:
        return path.open("rb")

    def _create(self, path: Path) -> BinaryIO:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")

    def _finish(self, file: BinaryIO, part: Path, path: Path) -> None:
        file.flush()
        os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)

    def _move(self, source: str, target: str, version: str) -> None:
        here, there = self._stat(source), self._stat(target)
        if here is not None and here.version == version:
            path = self._path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._path(source).replace(path)
            _sync_folder(path.parent)
        elif there is None:
            if here is not None:
                raise ObjectChanged("the file changed before it was moved")
            raise FileNotFoundError(source)
