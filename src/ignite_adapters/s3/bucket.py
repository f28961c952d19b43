"""`ImportBucket` on S3. boto3 blocks, so each call runs in a thread.

A version is the ETag. S3 has no rename: `move` copies on the condition that the ETag is the expected one,
then deletes; a crash in between leaves two copies and the next call finishes. Objects beyond 5 GB cannot be
copied in one request and are refused by S3.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ignite_domain.errors import NotFound, PortFailure
from ignite_domain.imports import BucketObject, ObjectChanged

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_CHUNK: Final = 1024 * 1024
_SPOOL: Final = 8 * 1024 * 1024
_GONE: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_CHANGED: Final = frozenset({"412", "PreconditionFailed"})
_OUR_FAULT: Final = frozenset(
    {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "EntityTooLarge"}
)
P = ParamSpec("P")
R = TypeVar("R")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


class S3Bucket:
    """The bucket `name`. Empty `endpoint_url` means AWS; empty keys mean the environment's credentials."""

    def __init__(
        self,
        name: str,
        *,
        region: str,
        endpoint_url: str = "",
        access_key: str = "",
        secret_key: str = "",
    ) -> None:
        self._name = name
        self._client: S3Client = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url or None,
            aws_access_key_id=access_key or None,
            aws_secret_access_key=secret_key or None,
            config=Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 3, "mode": "standard"}),
        )

    async def objects(self) -> Sequence[BucketObject]:
        return await self._in_thread(self._list)

    async def stat(self, key: str) -> BucketObject | None:
        try:
            return await self._in_thread(self._head, key)
        except NotFound:
            return None

    async def read(self, key: str, version: str | None = None) -> AsyncGenerator[bytes, None]:
        wanted = version or (await self._in_thread(self._head, key)).version
        answer = await self._in_thread(self._client.get_object, Bucket=self._name, Key=key, IfMatch=f'"{wanted}"')
        body = answer["Body"]
        try:
            while chunk := await self._in_thread(body.read, _CHUNK):
                yield chunk
        finally:
            body.close()
        now = await self.stat(key)
        if now is None or now.version != wanted:
            raise ObjectChanged("the object changed while it was read")

    async def move(self, source: str, target: str, version: str) -> None:
        here = await self.stat(source)
        if here is None or here.version != version:
            if await self.stat(target) is not None:
                return
            if here is None:
                raise NotFound("no such object in the bucket")
            raise ObjectChanged("the object changed before it was moved")
        await self._in_thread(
            self._client.copy_object,
            Bucket=self._name,
            Key=target,
            CopySource={"Bucket": self._name, "Key": source},
            CopySourceIfMatch=f'"{version}"',
        )
        try:
            await self._in_thread(self._client.delete_object, Bucket=self._name, Key=source, IfMatch=f'"{version}"')
        except ObjectChanged:
            return  # a newer upload took the name meanwhile: it stays, as an upload of its own

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
            async for chunk in chunks:
                spool.write(chunk)
            spool.seek(0)
            await self._in_thread(self._client.upload_fileobj, spool, self._name, key)

    def _list(self) -> list[BucketObject]:
        found: list[BucketObject] = []
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name):
            found.extend(
                BucketObject(item["Key"], item["Size"], item["ETag"].strip('"'))
                for item in page.get("Contents", ())
                if not item["Key"].endswith("/")
            )
        return sorted(found, key=lambda item: item.key)

    def _head(self, key: str) -> BucketObject:
        answer = self._client.head_object(Bucket=self._name, Key=key)
        return BucketObject(key, answer["ContentLength"], answer["ETag"].strip('"'))

    async def _in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await asyncio.to_thread(call, *args, **kwargs)
        except ClientError as error:
            code = _code(error)
            if code in _GONE:
                raise NotFound("no such object in the bucket") from None
            if code in _CHANGED:
                raise ObjectChanged("the object is another version") from None
            raise PortFailure("bucket on S3", code or "error", code not in _OUR_FAULT) from error
        except (BotoCoreError, OSError) as error:
            raise PortFailure("bucket on S3", type(error).__name__) from error
