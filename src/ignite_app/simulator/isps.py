"""What receivers say: reply texts, codes and hosts by limiter group, and which of them blame the address.

Decides wording only; when a reply is given is `world`'s business. Forms as in the facts on ISPs: the
postmaster pages of the providers name the codes. `{ip}`, `{rcpt}`, `{domain}`, `{mx}`, `{id}` are filled in.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

import attrs


class Situation(StrEnum):
    ACCEPTED = "accepted"
    UNKNOWN_USER = "unknown_user"
    DISABLED = "disabled"
    FULL = "full"  # 5xx: over quota for good
    FULL_LATER = "full_later"  # 4xx
    POLICY = "policy"
    RATE_LIMIT = "rate_limit"
    BLOCKED = "blocked"  # 5xx, names our address
    BUSY = "busy"
    GREYLIST = "greylist"
    CONNECTIONS = "connections"


@attrs.frozen
class ReplyText:
    """`code` of the SMTP reply, `status` enhanced code as PMTA logs it (may differ from the text), `text`."""

    code: int
    status: str
    text: str
    category: str = ""  # PMTA's bounceCat
    hard: bool = False  # the address itself is dead for good

    @property
    def transient(self) -> bool:
        return 400 <= self.code < 500


def _ok(text: str) -> ReplyText:
    return ReplyText(250, "2.0.0", text)


def _gone(code: int, status: str, text: str, category: str = "bad-mailbox") -> ReplyText:
    return ReplyText(code, status, text, category, hard=True)


def _no(code: int, status: str, text: str, category: str) -> ReplyText:
    return ReplyText(code, status, text, category)


S = Situation
_YAHOO_SEE: Final = "see https://postmaster.yahooinc.com/error-codes"
_MS_BLOCK: Final = (
    "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider "
    "since part of their network is on our block list ({code}). You can also refer your provider to "
    "http://mail.live.com/mail/troubleshooting.aspx#errors. [{id}.prod.protection.outlook.com]"
)
_CHARTER_SEE: Final = (
    "Please see https://www.spectrum.net/support/internet/understanding-email-error-codes for more information."
)
_COMCAST_SEE: Final = "http://postmaster.comcast.net/smtp-error-codes.php"

REPLIES: Final = MappingProxyType[str, dict[Situation, tuple[ReplyText, ...]]](
    {
        "gmail": {
            S.ACCEPTED: (_ok("250 2.0.0 OK  {id} - gsmtp"),),
            S.UNKNOWN_USER: (
                _gone(
                    550,
                    "5.1.1",
                    "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 "
                    "double-checking the recipient's email address for typos or unnecessary spaces. 550 5.1.1 For "
                    "more information, go to https://support.google.com/mail/?p=NoSuchUser {id} - gsmtp",
                ),
            ),
            S.DISABLED: (
                _gone(
                    550,
                    "5.2.1",
                    "550-5.2.1 The email account that you tried to reach is disabled. For more 550 5.2.1 information, "
                    "go to https://support.google.com/mail/?p=DisabledUser {id} - gsmtp",
                    "inactive-mailbox",
                ),
            ),
            S.FULL: (
                _no(
                    552,
                    "5.2.2",
                    "552-5.2.2 The recipient's inbox is out of storage space and inactive. Please 552 5.2.2 direct the "
                    "recipient to https://support.google.com/mail/?p=OverQuotaPerm {id} - gsmtp",
                    "quota-issues",
                ),
            ),
            S.FULL_LATER: (
                _no(
                    452,
                    "4.2.2",
                    "452-4.2.2 The recipient's inbox is out of storage space. Please direct the 452 4.2.2 recipient to "
                    "https://support.google.com/mail/?p=OverQuotaTemp {id} - gsmtp",
                    "quota-issues",
                ),
            ),
            S.RATE_LIMIT: (
                _no(
                    421,
                    "4.7.28",
                    "421-4.7.28 Gmail has detected an unusual rate of mail originating from your IP 421-4.7.28 address "
                    "[{ip}]. To protect our users from spam, mail sent from 421-4.7.28 your IP address has been "
                    "temporarily rate limited. For more information, go 421-4.7.28 to "
                    "https://support.google.com/mail/?p=UnsolicitedRateLimitError 421 4.7.28 {id} - gsmtp",
                    "policy-related",
                ),
            ),
            S.BLOCKED: (
                _no(
                    550,
                    "5.7.1",
                    "550-5.7.1 [{ip}] Our system has detected that this message is likely suspicious due to 550-5.7.1 "
                    "the very low reputation of the sending IP address. To best protect 550 5.7.1 our users from spam, "
                    "the message has been blocked. {id} - gsmtp",
                    "spam-related",
                ),
            ),
            S.BUSY: (
                _no(421, "4.7.0", "421 4.7.0 Try again later, closing connection. {id} - gsmtp", "other"),
                _no(421, "4.3.0", "421 4.3.0 Temporary System Problem.  Try again later (10). {id} - gsmtp", "other"),
            ),
        },
        "yahoo": {
            S.ACCEPTED: (_ok("250 ok dirdel"), _ok("250 ok: Message {id} accepted")),
            S.UNKNOWN_USER: (
                _gone(554, "5.0.0", "554 delivery error: dd This user doesn't have a {domain} account ({rcpt}) [0]"),
            ),
            S.DISABLED: (
                _gone(
                    554,
                    "5.0.0",
                    "554 30 Sorry, your message to {rcpt} cannot be delivered. This mailbox is disabled (554.30)",
                    "inactive-mailbox",
                ),
            ),
            S.FULL: (
                _no(
                    552,
                    "5.2.2",
                    "552 5.2.2 Mailbox over quota. See https://senders.yahooinc.com/smtp-error-codes",
                    "quota-issues",
                ),
            ),
            S.FULL_LATER: (
                _no(
                    452,
                    "4.2.2",
                    "452 4.2.2 Mailbox over quota. See https://senders.yahooinc.com/smtp-error-codes",
                    "quota-issues",
                ),
            ),
            S.RATE_LIMIT: (
                _no(
                    421,
                    "4.7.0",
                    "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user "
                    f"complaints - 4.16.55.1; {_YAHOO_SEE}",
                    "policy-related",
                ),
            ),
            S.BLOCKED: (
                _no(
                    553,
                    "5.7.2",
                    "553 5.7.2 [TSS09] All messages from {ip} will be permanently deferred; Retrying will NOT succeed. "
                    f"See {_YAHOO_SEE[4:]}",
                    "spam-related",
                ),
            ),
            S.BUSY: (
                _no(
                    451,
                    "4.3.2",
                    "451 {mx} Resources temporarily unavailable. Please try again later [#4.16.1].",
                    "other",
                ),
            ),
            S.CONNECTIONS: (
                _no(421, "4.0.0", "421 Max message per connection reached, closing transmission channel", "other"),
            ),
        },
        "microsoft": {
            S.ACCEPTED: (
                _ok("250 2.6.0 <{id}@mail> [InternalId={id}, Hostname={id}.prod.outlook.com] Queued mail for delivery"),
            ),
            S.UNKNOWN_USER: (
                _gone(
                    550,
                    "5.5.0",
                    "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). "
                    "[{id}.prod.protection.outlook.com]",
                ),
            ),
            S.DISABLED: (
                _gone(
                    550,
                    "5.5.0",
                    "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). "
                    "[{id}.prod.protection.outlook.com]",
                    "inactive-mailbox",
                ),
            ),
            S.FULL: (_no(552, "5.2.2", "552 5.2.2 Mailbox full [{id}.prod.protection.outlook.com]", "quota-issues"),),
            S.FULL_LATER: (
                _no(452, "4.2.2", "452 4.2.2 Mailbox full [{id}.prod.protection.outlook.com]", "quota-issues"),
            ),
            S.RATE_LIMIT: (
                _no(
                    451,
                    "4.7.650",
                    "451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. For "
                    "e-mail delivery information, see https://postmaster.live.com (S775) [Name=Protocol Filter Agent]"
                    "[AGT=PFA][MxId={id}]",
                    "policy-related",
                ),
            ),
            S.BLOCKED: (
                _no(550, "5.7.1", _MS_BLOCK.replace("{code}", "S3150"), "spam-related"),
                _no(550, "5.7.1", _MS_BLOCK.replace("{code}", "S3140"), "spam-related"),
            ),
            S.BUSY: (
                _no(451, "4.7.500", "451 4.7.500 Server busy. Please try again later (AS761) [{id}]", "other"),
                _no(451, "4.7.700", "451 4.7.700 PFA agent busy, please try again. [{id}]", "other"),
            ),
            S.CONNECTIONS: (
                _no(
                    421,
                    "4.7.0",
                    "421 RP-003 (BAY004-MC2F7) The mail server [{ip}] has exceeded the maximum number of connections.",
                    "policy-related",
                ),
            ),
        },
        "apple": {
            S.ACCEPTED: (_ok("250 2.0.0 Ok: queued as {id}"),),
            S.UNKNOWN_USER: (
                _gone(550, "5.1.1", "550 5.1.1 <{rcpt}>: user does not exist"),
                _gone(550, "5.1.1", "550 5.1.1 unknown or illegal alias: {rcpt}"),
            ),
            S.FULL: (_no(552, "5.2.2", "552 5.2.2 <{rcpt}>: user is over quota", "quota-issues"),),
            S.FULL_LATER: (_no(452, "4.2.2", "452 4.2.2 <{rcpt}>: user is over quota", "quota-issues"),),
            S.RATE_LIMIT: (
                _no(
                    421,
                    "4.7.1",
                    "421 4.7.1 Messages to {rcpt} deferred due to excessive volume. Try again later - "
                    "https://support.apple.com/en-us/HT204137",
                    "policy-related",
                ),
            ),
            S.BLOCKED: (
                _no(
                    550,
                    "5.7.1",
                    "550 5.7.1 Mail from IP {ip} was rejected due to listing in Spamhaus SBL.",
                    "spam-related",
                ),
            ),
            S.BUSY: (_no(451, "4.7.1", "451 4.7.1 Service unavailable - try again later", "other"),),
        },
        "comcast": {
            S.ACCEPTED: (_ok("250 2.0.0 {id} mail accepted for delivery"),),
            S.UNKNOWN_USER: (
                _gone(550, "5.1.1", "550 5.1.1 Not our Customer"),
                _gone(550, "5.1.1", "550 5.1.1 <{rcpt}> recipient mailbox unallocated"),
            ),
            S.FULL: (
                _no(
                    552,
                    "5.1.1",
                    "552 5.1.1 <{rcpt}> recipient rejected - extended quota violation",
                    "quota-issues",
                ),
            ),
            S.FULL_LATER: (
                _no(452, "4.2.2", "452 4.2.2 <{rcpt}> Recipient over quota, try again later", "quota-issues"),
            ),
            S.RATE_LIMIT: (
                _no(
                    421,
                    "4.1.0",
                    f"421 4.1.0 {{ip}} Throttled - try again later. Please see {_COMCAST_SEE}#RL000001",
                    "policy-related",
                ),
            ),
            S.BLOCKED: (
                _no(
                    554,
                    "5.0.0",
                    f"554 {{mx}} comcast {{ip}} found on one or more DNSBLs, see {_COMCAST_SEE}#BL000001",
                    "spam-related",
                ),
            ),
            S.BUSY: (_no(421, "4.3.2", "421 4.3.2 {mx} comcast Try again later", "other"),),
            S.CONNECTIONS: (_no(421, "4.0.0", "421 {mx} comcast Too many sessions opened", "policy-related"),),
        },
        "charter": {
            S.ACCEPTED: (_ok("250 2.0.0 {id} mail accepted for delivery"),),
            S.UNKNOWN_USER: (_gone(550, "5.1.1", "550 5.1.1 <{rcpt}> recipient rejected: user unknown"),),
            S.FULL: (_no(552, "5.2.2", "552 5.2.2 <{rcpt}> mailbox full: over quota", "quota-issues"),),
            S.FULL_LATER: (_no(452, "4.2.2", "452 4.2.2 <{rcpt}> mailbox over quota, try again", "quota-issues"),),
            S.RATE_LIMIT: (
                _no(
                    452,
                    "4.1.0",
                    f"452 4.1.0 <{{rcpt}}> requested action aborted: try again later. {_CHARTER_SEE} AUP#In-1580",
                    "policy-related",
                ),
            ),
            S.BLOCKED: (
                _no(554, "5.0.0", f"554 {{mx}} cmsmtp {{ip}} blocked. {_CHARTER_SEE} AUP#In-1000", "spam-related"),
            ),
            S.BUSY: (
                _no(
                    452,
                    "4.1.0",
                    f"452 4.1.0 <{{rcpt}}> requested action aborted: try again later. {_CHARTER_SEE} AUP#In-1090",
                    "other",
                ),
            ),
            S.CONNECTIONS: (
                _no(421, "4.0.0", f"421 {{mx}} cmsmtp {{ip}} blocked. {_CHARTER_SEE} AUP#In-1340", "policy-related"),
            ),
        },
        "microsoft-business": {
            S.UNKNOWN_USER: (
                _gone(
                    550,
                    "5.1.10",
                    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {rcpt} not found by SMTP address lookup",
                ),
            ),
        },
        "": {  # everyone else
            S.ACCEPTED: (_ok("250 2.0.0 Ok: queued as {id}"), _ok("250 OK id={id}")),
            S.UNKNOWN_USER: (
                _gone(
                    550,
                    "5.1.1",
                    "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table",
                ),
                _gone(550, "5.1.1", "550 5.1.1 <{rcpt}>: No such user here"),
            ),
            S.DISABLED: (_gone(550, "5.2.1", "550 5.2.1 <{rcpt}>: this mailbox is disabled", "inactive-mailbox"),),
            S.FULL: (_no(552, "5.2.2", "552 5.2.2 <{rcpt}>: mailbox is full, quota exceeded", "quota-issues"),),
            S.FULL_LATER: (_no(452, "4.2.2", "452 4.2.2 <{rcpt}>: mailbox is full, try again later", "quota-issues"),),
            S.POLICY: (_no(554, "5.7.1", "554 5.7.1 Message rejected due to local policy", "policy-related"),),
            S.RATE_LIMIT: (
                _no(
                    451,
                    "4.7.1",
                    "451 4.7.1 Too many messages from [{ip}], rate limit exceeded, try again later",
                    "policy-related",
                ),
            ),
            S.BLOCKED: (
                _no(
                    554,
                    "5.7.1",
                    "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org",
                    "spam-related",
                ),
            ),
            S.BUSY: (_no(451, "4.3.0", "451 4.3.0 Temporary server error. Please try again later", "other"),),
            S.GREYLIST: (
                _no(
                    451,
                    "4.7.1",
                    "451 4.7.1 <{rcpt}>: Recipient address rejected: Greylisted, please try again in 300 seconds",
                    "other",
                ),
            ),
            S.CONNECTIONS: (
                _no(421, "4.7.0", "421 4.7.0 {mx} Error: too many connections from {ip}", "policy-related"),
            ),
        },
    }
)
"""Group -> situation -> replies. A group without words for a situation uses those of "" (`words`)."""

_FALLBACK: Final = {S.DISABLED: S.UNKNOWN_USER, S.GREYLIST: S.BUSY, S.CONNECTIONS: S.BUSY}


def words(group: str, situation: Situation) -> tuple[ReplyText, ...]:
    """What `group` says in `situation`; a provider without words of its own speaks as most do."""
    own, general = REPLIES.get(group, {}), REPLIES[""]
    nearest = _FALLBACK.get(situation, situation)
    return own.get(situation) or own.get(nearest) or general.get(situation) or general[nearest]
