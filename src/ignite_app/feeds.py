"""Which accounting logs there are: the one of `pmta.accounting_dir` and those of `accounting.hosts`, as one feed."""

from pathlib import Path

from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_adapters.pmta.several import SeveralFeeds
from ignite_adapters.pmta.sftp_feed import SftpFeed
from ignite_adapters.pmta.ssh_link import SshHost
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.pushed import PushedFeed
from ignite_app.settings import AccountingHost, Settings
from ignite_domain.governance.ports import AccountingFeed

MAIN = ""
"""The host that `pmta.*` is about: it is commanded too, the others are only read."""


def feeds_of(settings: Settings, pool: Pool) -> SeveralFeeds:
    """Every host's feed under its name."""
    feeds: dict[str, AccountingFeed] = {}
    if settings.pmta.accounting_dir:
        feeds[MAIN] = DirectoryFeed(Path(settings.pmta.accounting_dir))
    for index, host in enumerate(settings.accounting.hosts):
        if host.dir:
            feeds[host.name] = DirectoryFeed(Path(host.dir), host.name)
        elif host.ssh_host:
            feeds[host.name] = sftp_of(host, index)
        else:
            feeds[host.name] = PushedFeed(pool, [host.name])
    return SeveralFeeds(feeds)


def sftp_of(host: AccountingHost, index: int) -> SftpFeed:
    """The feed of the `index`-th of `accounting.hosts`."""
    settings = f"accounting.hosts.{index}"
    link = SshHost(host.ssh_host, host.ssh_port, host.ssh_user, host.ssh_key, host.ssh_host_key, settings)
    return SftpFeed(link, host.ssh_dir, host.name)
