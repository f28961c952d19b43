"""One contract for every accounting feed: files in a directory, texts in memory."""

import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncssh
import attrs
import pytest

from ignite_adapters.memory.accounting import MemoryFeed
from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_adapters.pmta.several import SeveralFeeds
from ignite_adapters.pmta.sftp_feed import SftpFeed
from ignite_adapters.pmta.ssh_link import SshHost
from ignite_domain.errors import PortFailure
from ignite_domain.governance.accounting import AccountingRecord, Rejected
from ignite_domain.governance.ports import AccountingFeed, FeedBatch, Position

HEADER = "type,timeLogged,envId,queue\r\n"
FIRST, SECOND = "acct-all-2026-11-02-0001.csv", "acct-all-2026-11-02-0002.csv"


def line(number: int, kind: str = "d") -> str:
    return f"{kind},2026-11-02 09:00:{number % 60:02d}+0000,ig{number},gmail.com/mta1\r\n"


class Files(Protocol):
    feed: AccountingFeed

    def append(self, name: str, text: str) -> None: ...
    def rename(self, old: str, new: str) -> None: ...


@attrs.define
class Reading:
    """What `read` needs of a feed."""

    feed: AccountingFeed


class InMemory:
    def __init__(self) -> None:
        self.memory = MemoryFeed()
        self.feed: AccountingFeed = self.memory

    def append(self, name: str, text: str) -> None:
        self.memory.files[name] = self.memory.files.get(name, b"") + text.encode()

    def rename(self, old: str, new: str) -> None:
        self.memory.files[new] = self.memory.files.pop(old)


class OnDisk:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.feed: AccountingFeed = DirectoryFeed(directory)

    def append(self, name: str, text: str) -> None:
        with (self.directory / name).open("ab") as file:
            file.write(text.encode())

    def rename(self, old: str, new: str) -> None:
        (self.directory / old).rename(self.directory / new)


class OverSsh(OnDisk):
    def __init__(self, directory: Path, feed: SftpFeed) -> None:
        super().__init__(directory)
        self.feed = feed


@asynccontextmanager
async def sftp_server(root: Path) -> AsyncIterator[tuple[SshHost, Path]]:
    """A host that shows `root/log` over SFTP to one key; what it would let a client write is refused."""
    (root / "log").mkdir()
    client, host_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    client.write_private_key(str(root / "client"))
    client.write_public_key(str(root / "authorised"))

    class ReadOnly(asyncssh.SFTPServer):
        def __init__(self, chan: Any) -> None:
            super().__init__(chan, chroot=str(root).encode())

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            if pflags & ~asyncssh.FXF_READ:
                raise asyncssh.SFTPPermissionDenied("read only")
            return super().open(path, pflags, attrs)

    connections: list[Any] = []
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        acceptor=connections.append,
        server_host_keys=[host_key],
        authorized_client_keys=str(root / "authorised"),
        sftp_factory=ReadOnly,
    )
    public = host_key.export_public_key().decode().strip()
    try:
        yield (
            SshHost("127.0.0.1", server.get_port(), "u", str(root / "client"), public, "accounting.hosts.0"),
            root / "log",
        )
    finally:
        server.close()
        for connection in connections:
            connection.abort()
        await server.wait_closed()


@pytest.fixture(params=["memory", "directory", "ssh"])
async def files(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Files]:
    if request.param == "memory":
        yield InMemory()
    elif request.param == "directory":
        yield OnDisk(tmp_path)
    else:
        async with sftp_server(tmp_path) as (host, folder):
            feed = SftpFeed(host, "/log", "mta2")
            yield OverSsh(folder, feed)
            await feed.close()


async def read(files: "Files | Reading", positions: dict[str, Position], limit: int = 1000) -> list[str]:
    """Read once, move `positions` on, and name what came: an envelope id, or the reason of a refusal."""
    found = []
    for batch in await files.feed.read(positions, limit):
        positions[batch.position.source] = batch.position
        everything = sorted([*batch.entries, *batch.deliveries.records()], key=lambda one: one.line)
        found += [one.envid if isinstance(one, AccountingRecord) else one.reason for one in everything]
    return found


async def test_what_is_appended_is_read_once(files: Files) -> None:
    at: dict[str, Position] = {}
    files.append(FIRST, HEADER + line(1))
    assert await read(files, at) == ["ig1"]
    assert await read(files, at) == []
    files.append(FIRST, line(2) + line(3))
    assert await read(files, at) == ["ig2", "ig3"]


async def test_reading_changes_nothing_until_the_caller_moves_on(files: Files) -> None:
    files.append(FIRST, HEADER + line(1))
    assert await read(files, {}) == await read(files, {}) == ["ig1"]


async def test_a_line_that_is_still_being_written_waits_for_its_end(files: Files) -> None:
    at: dict[str, Position] = {}
    files.append(FIRST, HEADER + line(1) + line(2)[:20])
    assert await read(files, at) == ["ig1"]
    files.append(FIRST, line(2)[20:])
    assert await read(files, at) == ["ig2"]


async def test_an_unfinished_line_is_cut_off_once_the_next_file_has_begun(files: Files) -> None:
    at: dict[str, Position] = {}
    files.append(FIRST, HEADER + line(1) + line(2)[:20])
    files.append(SECOND, HEADER + line(3))
    assert await read(files, at) == ["ig1", "the file ends within this line", "ig3"]
    assert await read(files, at) == []


async def test_a_batch_is_bounded_and_the_next_one_goes_on_with_the_line_numbers_of_the_file(files: Files) -> None:
    at: dict[str, Position] = {}
    files.append(FIRST, HEADER + "".join(line(n) for n in range(1, 6)) + "x,1\r\n")
    assert await read(files, at, 2) == ["ig1", "ig2"]
    assert await read(files, at, 3) == ["ig3", "ig4", "ig5"]
    (batch,) = await files.feed.read(at, 10)
    assert batch.entries == [Rejected(7, "unknown record type")]


async def test_files_are_read_in_order_of_name_and_each_starts_with_its_own_header(files: Files) -> None:
    files.append(SECOND, "type,timeLogged,queue,envId\r\n" + "d,1793610000,q/v,ig9\r\n")
    files.append(FIRST, HEADER + line(1))
    assert await read(files, {}) == ["ig1", "ig9"]


async def test_a_renamed_file_is_the_same_file(files: Files) -> None:
    at: dict[str, Position] = {}
    files.append(FIRST, HEADER + line(1))
    await read(files, at)
    files.append(FIRST, line(2))
    files.rename(FIRST, "moved.csv")
    assert await read(files, at) == ["ig2"]


async def test_a_name_that_is_used_again_is_another_file(files: Files) -> None:
    at: dict[str, Position] = {}
    files.append(FIRST, HEADER + line(1) + line(2))
    await read(files, at)
    files.rename(FIRST, "old.csv.moved-away")
    files.append(FIRST, HEADER + line(7))
    assert await read(files, at) == ["ig7"]


async def test_a_file_without_a_whole_record_is_left_alone(files: Files) -> None:
    files.append(FIRST, HEADER)
    assert await files.feed.read({}, 10) == []


async def test_a_record_of_several_lines_waits_until_its_quote_is_closed(files: Files) -> None:
    at: dict[str, Position] = {}
    files.append(FIRST, HEADER + line(1) + 'd,2026-11-02 09:00:02+0000,ig2,"gmail.com\r\n')
    assert await read(files, at) == ["ig1"]
    files.append(FIRST, "/mta1")
    assert await read(files, at) == []
    files.append(FIRST, '"\r\nx\r\n')
    (batch,) = await files.feed.read(at, 10)
    record, refused = batch.entries
    assert isinstance(record, AccountingRecord)
    assert (record.envid, record.line, record.queue) == ("ig2", 3, "gmail.com\r\n/mta1")
    assert refused == Rejected(5, "unknown record type")


async def test_two_queue_lines_that_are_equal_to_the_byte_are_two_records(files: Files) -> None:
    at: dict[str, Position] = {}
    files.append(FIRST, HEADER + line(1, "tq") + line(1, "tq"))
    assert await read(files, at, 1) == await read(files, at, 1) == ["ig1"]
    files.append(FIRST, line(1, "tq"))
    assert await read(files, at) == ["ig1"]


async def test_a_file_copied_and_truncated_under_its_writer_is_read_on_in_the_copy_and_anew_without_a_header(
    files: Files,
) -> None:
    at: dict[str, Position] = {}
    files.append("acct.csv", HEADER + line(1))
    assert await read(files, at) == ["ig1"]
    files.append("acct.csv", line(2))
    files.rename("acct.csv", "acct.csv.1")  # the copy; what is written from here on has no header
    files.append("acct.csv", line(3) + line(4))
    assert await read(files, at) == ["ig2", "ig3", "ig4"]
    files.append("acct.csv", line(5))
    assert await read(files, at) == ["ig5"]


async def test_what_logrotate_put_aside_comes_first_the_oldest_before_the_others(files: Files) -> None:
    files.append("acct.csv", HEADER + line(4))
    files.append("acct.csv.2", HEADER + line(2))
    files.append("acct.csv.10", HEADER + line(1))
    files.append("acct.csv.1", HEADER + line(3))
    files.append("acct.log", HEADER + line(9))
    assert await read(files, {}) == ["ig1", "ig2", "ig3", "ig4"]


async def test_more_than_a_block_of_lines_is_read_in_one_go(files: Files) -> None:
    at: dict[str, Position] = {}
    text = HEADER + "".join(line(n) for n in range(1, 30_001))
    assert len(text) > 1_200_000
    files.append(FIRST, text + "z" * 70_000)
    assert await read(files, at, 50_000) == [*(f"ig{n}" for n in range(1, 30_001)), "longer than 65536 bytes"]
    files.append(FIRST, "z" * 50 + "\r\n" + line(7))
    assert await read(files, at) == ["ig7"]


async def test_a_file_gzipped_after_it_was_read_half_is_read_on_where_it_was(tmp_path: Path) -> None:
    files, at = OnDisk(tmp_path), dict[str, Position]()
    files.append(FIRST, HEADER + line(1))
    await read(files, at)
    (tmp_path / FIRST).unlink()
    packed = gzip.compress((HEADER + line(1) + line(2)).encode())
    (tmp_path / f"{FIRST}.gz").write_bytes(packed[:-12])  # gzip is still at it
    assert await read(files, at) == []
    (tmp_path / f"{FIRST}.gz").write_bytes(packed)
    assert await read(files, at) == ["ig2"]
    assert await read(files, at) == []


async def test_a_damaged_gzip_does_not_hold_up_the_others(tmp_path: Path) -> None:
    files = OnDisk(tmp_path)
    (tmp_path / f"{FIRST}.gz").write_bytes(b"no gzip at all")
    files.append(SECOND, HEADER + line(3))
    assert await read(files, {}) == ["ig3"]


async def test_a_directory_that_is_not_there_is_the_ports_failure(tmp_path: Path) -> None:
    with pytest.raises(PortFailure, match="accounting files"):
        await DirectoryFeed(tmp_path / "nowhere").read({}, 10)


async def test_a_gzipped_file_is_fetched_over_ssh_and_read_in_steps(tmp_path: Path) -> None:
    async with sftp_server(tmp_path) as (host, folder):
        (folder / f"{FIRST}.gz").write_bytes(gzip.compress((HEADER + line(1) + line(2) + line(3)).encode()))
        (folder / f"{SECOND}.gz").write_bytes(gzip.compress((HEADER + line(4)).encode())[:-12])
        feed = SftpFeed(host, "/log", "mta2")
        files, at = OverSsh(folder, feed), dict[str, Position]()
        assert await read(files, at, 2) == ["ig1", "ig2"]
        await feed.close()  # a restart
        assert await read(files, at, 2) == ["ig3"]
        assert await read(files, at, 2) == []
        assert {one.path for one in at.values()} == {f"mta2/{FIRST}.gz"}
        await feed.close()


async def test_another_host_key_than_the_pinned_one_is_not_talked_to(tmp_path: Path) -> None:
    async with sftp_server(tmp_path) as (host, _):
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        with pytest.raises(PortFailure, match=r"another key than accounting\.hosts\.0\.ssh_host_key"):
            await SftpFeed(attrs.evolve(host, host_key=other), "/log", "mta2").read({}, 10)
        with pytest.raises(PortFailure, match=r"accounting\.hosts\.0\.ssh_key does not name"):
            await SftpFeed(attrs.evolve(host, key_path="nowhere"), "/log", "mta2").read({}, 10)
        with pytest.raises(PortFailure, match="mta2"):
            await SftpFeed(host, "/nowhere", "mta2").read({}, 10)


async def test_a_dropped_connection_is_opened_again_and_nothing_is_read_twice(tmp_path: Path) -> None:
    async with sftp_server(tmp_path) as (host, folder):
        feed = SftpFeed(host, "/log", "mta2")
        files, at = OverSsh(folder, feed), dict[str, Position]()
        files.append(FIRST, HEADER + line(1))
        assert await read(files, at) == ["ig1"]
        feed._connection.abort()
        await feed._connection.wait_closed()
        files.append(FIRST, line(2))
        assert await read(files, at) == ["ig2"]
        await feed.close()


async def test_equal_files_of_two_hosts_are_two_files_and_a_host_that_is_away_does_not_hold_up_the_other(
    tmp_path: Path,
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / FIRST).write_text(HEADER + line(1, "tq"), newline="")
    feeds = {"": DirectoryFeed(tmp_path / "one"), "mta2": DirectoryFeed(tmp_path / "two", "mta2")}
    several = SeveralFeeds({**feeds, "mta3": DirectoryFeed(tmp_path / "none", "mta3")})
    at: dict[str, Position] = {}
    for _ in range(3):
        assert set(await read(Reading(several), at)) <= {"ig1"}
    assert sorted((one.path, one.line) for one in at.values()) == [(FIRST, 2), (f"mta2/{FIRST}", 2)]
    assert list(several.failures) == ["mta3"]


class Counting:
    """A feed that is away until it is `there`, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.there = False

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        self.asked += 1
        if not self.there:
            raise PortFailure("accounting files", "away")
        return []


async def test_a_host_that_is_away_is_asked_less_and_less_often_and_is_known_to_be_unread_until_it_answers() -> None:
    far = Counting()
    several = SeveralFeeds({"": MemoryFeed(), "far": far})
    for _ in range(40):
        await several.read({}, 10)
        assert several.failures == {"far": "away"}
    assert far.asked == 6  # at readings 1, 3, 6, 11, 20 and 37
    far.there = True
    for _ in range(17):
        await several.read({}, 10)
    assert several.failures == {}
