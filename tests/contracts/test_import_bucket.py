"""One contract for every bucket: memory, a folder, S3 over HTTP."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ignite_adapters.directory import DirectoryBucket
from ignite_adapters.memory.bucket import MemoryBucket
from ignite_adapters.s3 import S3Bucket
from ignite_domain.errors import BadInput, NotFound, PortFailure
from ignite_domain.imports import ImportBucket, ObjectChanged


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["memory", "directory", "s3"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> ImportBucket:
    if request.param == "memory":
        return MemoryBucket()
    if request.param == "directory":
        return DirectoryBucket(tmp_path / "a folder" / "jvc-email-data")
    endpoint = request.getfixturevalue("s3_endpoint")
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    name = f"jvc-{uuid4().hex}"
    boto3.client("s3", endpoint_url=endpoint, **keys).create_bucket(Bucket=name)
    return S3Bucket(name, region="us-east-1", endpoint_url=endpoint, access_key="k", secret_key="s")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def put(bucket: ImportBucket, key: str, data: bytes) -> str:
    await bucket.put(key, chunks(data))
    found = await bucket.stat(key)
    assert found is not None
    return found.version


async def content(bucket: ImportBucket, key: str, version: str | None = None) -> bytes:
    return b"".join([chunk async for chunk in bucket.read(key, version)])


async def test_what_is_put_is_listed_by_key_and_read_back(bucket: ImportBucket) -> None:
    assert list(await bucket.objects()) == []
    big = os.urandom(3_000_000)
    await bucket.put("d/Ünï código.csv", chunks(big[:10], b"", big[10:]))
    await put(bucket, "a.csv", b"x")
    listed = await bucket.objects()
    assert [(item.key, item.size) for item in listed] == [("a.csv", 1), ("d/Ünï código.csv", len(big))]
    assert await bucket.stat("d/Ünï código.csv") == listed[1]
    assert await content(bucket, "d/Ünï código.csv", listed[1].version) == big
    assert all([len(chunk) <= 1 << 20 async for chunk in bucket.read("d/Ünï código.csv")])


async def test_an_empty_object_is_an_object(bucket: ImportBucket) -> None:
    await put(bucket, "empty.csv", b"")
    assert await content(bucket, "empty.csv") == b""


async def test_a_new_content_is_a_new_version_and_the_old_one_cannot_be_read(bucket: ImportBucket) -> None:
    old = await put(bucket, "a.csv", b"one")
    new = await put(bucket, "a.csv", b"two!")
    assert old != new
    with pytest.raises(ObjectChanged):
        await content(bucket, "a.csv", old)
    assert await content(bucket, "a.csv", new) == b"two!"


async def test_an_object_that_changes_while_it_is_read_says_so(bucket: ImportBucket) -> None:
    version = await put(bucket, "a.csv", b"a" * 2_500_000)
    reading = bucket.read("a.csv", version)
    seen = [await anext(reading)]
    await put(bucket, "a.csv", b"b" * 2_500_000)

    async def read_on() -> None:
        async for chunk in reading:
            seen.append(chunk)

    with pytest.raises(ObjectChanged):
        await read_on()
    assert b"b" not in b"".join(seen)


async def test_a_move_leaves_the_content_under_the_new_name_only_and_may_be_repeated(bucket: ImportBucket) -> None:
    version = await put(bucket, "in/a.csv", b"one")
    for _ in range(2):
        await bucket.move("in/a.csv", "processed/001-JVC-Mailable.csv", version)
        assert [item.key for item in await bucket.objects()] == ["processed/001-JVC-Mailable.csv"]
    assert await content(bucket, "processed/001-JVC-Mailable.csv") == b"one"


async def test_a_repeated_move_leaves_a_newer_upload_under_the_old_name_alone(bucket: ImportBucket) -> None:
    version = await put(bucket, "a.csv", b"one")
    await bucket.move("a.csv", "held/a.csv", version)
    await put(bucket, "a.csv", b"newer")
    await bucket.move("a.csv", "held/a.csv", version)
    assert await content(bucket, "a.csv") == b"newer"
    assert await content(bucket, "held/a.csv") == b"one"


async def test_a_move_that_died_between_copy_and_delete_is_finished_by_the_next(bucket: ImportBucket) -> None:
    version = await put(bucket, "a.csv", b"one")
    await put(bucket, "processed/001-JVC-Mailable.csv", b"one")
    await bucket.move("a.csv", "processed/001-JVC-Mailable.csv", version)
    assert [item.key for item in await bucket.objects()] == ["processed/001-JVC-Mailable.csv"]


async def test_a_version_that_is_not_there_is_not_moved(bucket: ImportBucket) -> None:
    version = await put(bucket, "a.csv", b"one")
    await put(bucket, "a.csv", b"newer")
    with pytest.raises(ObjectChanged):
        await bucket.move("a.csv", "b.csv", version)
    with pytest.raises(NotFound):
        await bucket.move("nothing.csv", "b.csv", version)
    assert await content(bucket, "a.csv") == b"newer"


async def test_what_is_not_there_is_not_found(bucket: ImportBucket) -> None:
    assert await bucket.stat("nothing.csv") is None
    with pytest.raises(NotFound):
        await content(bucket, "nothing.csv")


async def test_a_put_that_fails_half_way_leaves_nothing(bucket: ImportBucket) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError

    with pytest.raises(ValueError):
        await bucket.put("a.csv", broken())
    assert list(await bucket.objects()) == []


@pytest.mark.parametrize("key", ["../x.csv", "/etc/passwd", "a//b.csv", "a/./b.csv", ""])
async def test_a_folder_bucket_never_leaves_its_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadInput):
        await DirectoryBucket(tmp_path).put(key, chunks(b"x"))


async def test_an_s3_that_is_away_or_refuses_is_a_port_failure(s3_endpoint: str) -> None:
    async def refusing(endpoint: str, name: str) -> bool:
        with pytest.raises(PortFailure) as caught:
            await S3Bucket(name, region="us-east-1", endpoint_url=endpoint, access_key="k", secret_key="s").objects()
        return caught.value.retryable

    assert await refusing("http://127.0.0.1:9", "away")
    assert not await refusing(s3_endpoint, "no-such-bucket-here")
