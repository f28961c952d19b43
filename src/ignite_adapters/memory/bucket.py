"""`ImportBucket` in a dictionary, for tests and for `bucket.kind: memory`."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from hashlib import md5
from typing import Final

from ignite_domain.errors import NotFound
from ignite_domain.imports import BucketObject, ObjectChanged

_CHUNK: Final = 1024 * 1024


class MemoryBucket:
    """`contents` may be filled and looked at directly."""

    def __init__(self, contents: dict[str, bytes] | None = None) -> None:
        self.contents = contents if contents is not None else {}

    def _object(self, key: str) -> BucketObject:
        data = self.contents[key]
        return BucketObject(key, len(data), md5(data, usedforsecurity=False).hexdigest())

    async def objects(self) -> Sequence[BucketObject]:
        return [self._object(key) for key in sorted(self.contents)]

    async def stat(self, key: str) -> BucketObject | None:
        return self._object(key) if key in self.contents else None

    async def read(self, key: str, version: str | None = None) -> AsyncGenerator[bytes, None]:
        if key not in self.contents:
            raise NotFound("no such object in the bucket")
        found = self._object(key).version
        if version is not None and found != version:
            raise ObjectChanged("the object changed before it was read")
        data = self.contents[key]
        for start in range(0, len(data), _CHUNK):
            yield data[start : start + _CHUNK]
        if key not in self.contents or self._object(key).version != found:
            raise ObjectChanged("the object changed while it was read")

    async def move(self, source: str, target: str, version: str) -> None:
        here = source in self.contents and self._object(source).version == version
        if here:
            self.contents[target] = self.contents.pop(source)
        elif target not in self.contents:
            if source in self.contents:
                raise ObjectChanged("the object changed before it was moved")
            raise NotFound("no such object in the bucket")

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        self.contents[key] = b"".join([chunk async for chunk in chunks])
