"""The providers' half of the table behind `replies.classify`: documented tags and codes. Data only.

Order matters: a provider's tag decides over the words (except Yahoo's TS03), then come the words of
`reply_words`, then what a code means at one provider, then what it means in general. The walk is in `replies`.
Sources: ISP facts §3.2 and RFC 3463, 5321, 7372.
"""

import re
from enum import StrEnum
from typing import Final

import attrs


class ReplyClass(StrEnum):
    INVALID = "invalid"  # nobody has this address
    INACTIVE = "inactive"  # somebody had
    FULL = "full"
    CONTENT = "content"
    POLICY = "policy"
    REPUTATION = "reputation"
    RATE_LIMIT = "rate_limit"
    CONNECTION_LIMIT = "connection_limit"
    AUTH = "auth"
    GREYLIST = "greylist"
    LOAD = "load"
    NETWORK = "network"
    TLS = "tls"
    ROUTING = "routing"
    LOOP_OR_SIZE = "loop_or_size"
    UNKNOWN = "unknown"


C = ReplyClass


@attrs.frozen
class ReplyRule:
    """`names`: kind of identity that such a reply blames, where the text alone does not tell."""

    name: str
    kind: ReplyClass
    words: re.Pattern[str]
    hard: bool = False  # with a 5xx, the address itself is dead for good
    names: str = ""
    certain: bool = False  # hard even under the MTA's own 4.x.x, where no server gave a reply code


def rule(
    name: str, kind: ReplyClass, words: str, *, hard: bool = False, names: str = "", certain: bool = False
) -> ReplyRule:
    return ReplyRule(name, kind, re.compile(words), hard, names, certain)


BLOCK_LISTS: Final = re.compile(
    r"spamhaus|spamcop|sorbs|barracuda|abuseat|uceprotect|proofpoint|senderscore|invaluement"
    r"|mailspike|surriel|psbl"
    r"|dnsbl|\brbl|blacklist|blocklist|cloudmark|junkemailfilter|hostkarma|spamrats|nixspam|manitu"
    r"|truncate|trendmicro"
    r"|ipcheck|ip-?lookup|reputation"
)
"""Names of block lists in links and host names: a reply that only points to one says that we are listed."""

TAGS: Final[tuple[ReplyRule, ...]] = (
    # Yahoo (and AT&T, Cox on its MX)
    rule("yahoo-permanent", C.REPUTATION, r"will be permanently deferred|\[tss(?:09|11)\]", names="ip"),
    rule("yahoo-ts03-rate", C.RATE_LIMIT, r"\[ts03\].*(?:unusual|volume|traffic)", names="ip"),
    rule("yahoo-complaints", C.REPUTATION, r"\[(?:tss?\d\d|ipts\d\d)\]", names="ip"),
    rule("yahoo-spamhaus", C.REPUTATION, r"\[bl2\d\]", names="ip"),
    rule("yahoo-phishing", C.CONTENT, r"\[ph0\d\]"),
    rule("yahoo-policy-message", C.POLICY, r"554 5\.7\.9 message not accepted for policy"),
    rule(
        "yahoo-no-such-user",
        C.INVALID,
        r"delivery error: dd (?:this user doesn.?t have"
        r"|sorry, your message .* cannot be delivered\. this account)",
        hard=True,
    ),
    rule(
        "yahoo-no-longer-valid",
        C.INACTIVE,
        r"delivery error: dd .*no longer valid|mailbox is disabled \(554\.30\)",
        hard=True,
    ),
    rule("yahoo-aborted", C.UNKNOWN, r"delivery error: dd requested mail action aborted"),
    # Microsoft
    rule("microsoft-connections", C.CONNECTION_LIMIT, r"\brp-00[23]\b|\(s3115\)|4\.7\.652", names="ip"),
    rule("microsoft-rate", C.RATE_LIMIT, r"\brp-001\b", names="ip"),
    rule(
        "microsoft-reputation",
        C.REPUTATION,
        r"\((?:s775|s3114|s3140|s3150)\)|4\.7\.65[01]|rate limited due to ip reputation",
        names="ip",
    ),
    rule("microsoft-banned", C.REPUTATION, r"\b5\.7\.(?:60[6-9]|6[1-4]\d|70[8]|511)\b|as\(7230\)", names="ip"),
    rule("microsoft-blocklist", C.REPUTATION, r"\b(?:ou-00[12]|dy-00[12]|sc-00[1-4])\b", names="ip"),
    rule("microsoft-authentication", C.AUTH, r"\b5\.7\.5(?:09|15)\b", names="domain"),
    rule(
        "microsoft-recipient-not-found",
        C.INVALID,
        r"\b5\.1\.10\b|resolver\.adr\.recip(?:ient)?notfound|\(s2017062302\)",
        hard=True,
    ),
    rule(
        "microsoft-recipient-denied", C.INVALID, r"5\.4\.1\b.{0,80}recipient address(?:es)? rejected ?: access denied"
    ),
    rule("microsoft-recipient-hourly", C.RATE_LIMIT, r"\b5\.2\.12[12]\b", names="recipient"),
    rule("microsoft-size", C.LOOP_OR_SIZE, r"recipsizelimit"),
    rule("microsoft-group", C.POLICY, r"resolver\.rst|\b5\.7\.13[3-7]\b|\b5\.7\.12[0-9]\b"),
    rule(
        "microsoft-busy", C.LOAD, r"as761|4\.7\.[57]00|organization queue quota|4\.4\.0 message failed to be replicated"
    ),
    rule("microsoft-expired", C.NETWORK, r"\b[45]\.4\.3(?:00|1\d)\b"),
    # Apple
    rule("apple-authentication", C.AUTH, r"\[hme1\]"),
    rule("apple-rate", C.RATE_LIMIT, r"\[(?:bs02|hcm1)\]"),
    rule("apple-policy", C.POLICY, r"\[(?:cs0\d|hm\d\d)\]|\bhvmp\b"),
    # Comcast
    rule("comcast-domain-rate", C.RATE_LIMIT, r"#?rl000010|domain throttled", names="domain"),
    rule("comcast-rate", C.RATE_LIMIT, r"\brl0000\d\d|\bthrottled\b", names="ip"),
    rule("comcast-dmarc", C.AUTH, r"\bdm00000\d"),
    rule("comcast-phishing", C.CONTENT, r"\bph00000\d"),
    rule("comcast-block", C.REPUTATION, r"\b(?:bl|es)0000\d\d|block for spam|static address", names="ip"),
    # Cox and Charter
    rule("cox-url-list", C.CONTENT, r"aup#urlbl", names="url"),
    rule("cox-connections", C.CONNECTION_LIMIT, r"aup#cxcnct|message threshold exceeded", names="ip"),
    rule("cox-rate", C.RATE_LIMIT, r"aup#cxmxrt|aup#cxthrt|aup#cxmj"),
    rule("cox-sender", C.AUTH, r"aup#(?:cxsndr|cxdns)", names="domain"),
    rule("cox-block", C.REPUTATION, r"aup#(?:cxbl|cdrbl|ipbl)", names="ip"),
    rule("charter-connections", C.CONNECTION_LIMIT, r"aup#(?:in?|i)-?1(?:30|31|32|33|34)\d", names="ip"),
    rule("charter-busy", C.LOAD, r"aup#in?-1090"),
    rule("charter-dns", C.AUTH, r"aup#in?-11[0-5]\d", names="ip"),
    rule("charter-content", C.CONTENT, r"aup#in?-12(?:00|10)"),
    rule("charter-no-ipv6", C.NETWORK, r"aup#in?-1260", names="ip"),
    rule("charter-invalid-recipients", C.POLICY, r"aup#in?-1560"),
    rule("charter-size", C.LOOP_OR_SIZE, r"aup#in?-1530"),
    rule("charter-rate", C.RATE_LIMIT, r"aup#in?-1(?:35|36|37|38|39|4\d|54|55|58)\d"),
    rule("charter-block", C.REPUTATION, r"aup#in?-1(?:000|2[2-5]\d)", names="ip"),
    # Gmail
    rule("gmail-same-message-id", C.POLICY, r"4\.7\.28 .*same message-id"),
    rule("gmail-rate", C.RATE_LIMIT, r"unusual rate of|4\.7\.28\b"),
    rule("gmail-authentication", C.AUTH, r"\b[45]\.7\.(?:26|27|30|32|23|24|25)\b"),
    rule("gmail-tls", C.TLS, r"\b[45]\.7\.29\b|tls required"),
    rule("gmail-ip-reputation", C.REPUTATION, r"low reputation of the sending ip", names="ip"),
    rule("gmail-domain-reputation", C.REPUTATION, r"low reputation of the sending domain", names="domain"),
    rule("gmail-recipient-rate", C.RATE_LIMIT, r"receiving mail (?:at a rate|too quickly)", names="recipient"),
    rule("gmail-daily-limit", C.RATE_LIMIT, r"daily user sending (?:limit|quota)"),
    rule(
        "gmail-likely-unsolicited",
        C.CONTENT,
        r"likely (?:unsolicited|spam)|suspicious due to the nature of the content",
    ),
    rule("gmail-admin-policy", C.POLICY, r"policy that prohibited|policy that +prohibit"),
    rule("gmail-busy", C.LOAD, r"try again later, closing connection|connection expired, try reconnecting"),
    # AT&T
    rule("att-dnsbl", C.REPUTATION, r"dnsbl:(?:rbl|attrbl)|_is_blocked", names="ip"),
    # Orange and others with a code of their own
    rule("orange-content", C.CONTENT, r"\bofr_?506\b"),
    rule("orange-busy", C.LOAD, r"\bofr_?005|ofr004_505"),
)

CODES: Final[tuple[tuple[re.Pattern[str], str, ReplyClass, bool], ...]] = tuple(
    (re.compile(pattern), f"code-{name}", kind, hard)
    for pattern, name, kind, hard in (
        (r"5\.1\.[1346]|5\.1\.0", "bad-destination", C.INVALID, True),
        (r"5\.1\.2", "bad-destination-system", C.ROUTING, True),
        (r"5\.1\.10", "recipient-not-found", C.INVALID, True),
        (r"[45]\.1\.[78]", "bad-sender", C.AUTH, False),
        (r"5\.2\.1", "mailbox-disabled", C.INACTIVE, True),
        (r"4\.2\.1", "mailbox-disabled-for-now", C.INACTIVE, False),
        (r"[45]\.2\.2", "mailbox-full", C.FULL, False),
        (r"[45]\.2\.3|[45]\.3\.4|[45]\.4\.6|5\.4\.14", "size-or-loop", C.LOOP_OR_SIZE, False),
        (r"4\.3\.\d|4\.4\.5", "system", C.LOAD, False),
        (r"[45]\.4\.[1247]|4\.4\.3", "network", C.NETWORK, False),
        (r"5\.4\.4", "cannot-route", C.ROUTING, False),
        (r"[45]\.6\.\d", "content", C.CONTENT, False),
        (r"[45]\.7\.(?:4|5|10)", "encryption", C.TLS, False),
        (r"[45]\.7\.(?:8|9|2[0-7])", "authentication", C.AUTH, False),
        (r"[45]\.7\.(?:1|7|0)", "policy", C.POLICY, False),
    )
)
"""Enhanced codes, for replies whose words say nothing. x.7.1 may be anything: it comes last and never kills."""


HOST_CODES: Final[tuple[tuple[str, re.Pattern[str], str, ReplyClass], ...]] = (
    # suffix of the receiving host, code, rule, class
    (".google.com", re.compile(r"4\.2\.1"), "gmail-code-recipient-rate", C.RATE_LIMIT),
    (".google.com", re.compile(r"4\.7\.0|4\.4\.2"), "gmail-code-busy", C.LOAD),
    (".yahoodns.net", re.compile(r"4\.7\.0|5\.7\.[12]"), "yahoo-code-reputation", C.REPUTATION),
    (".yahoodns.net", re.compile(r"5\.7\.9"), "yahoo-code-policy", C.POLICY),
    (".outlook.com", re.compile(r"4\.7\.[57]\d\d"), "microsoft-code-busy", C.LOAD),
    (".outlook.com", re.compile(r"5\.4\.1"), "microsoft-code-recipient", C.INVALID),
    (".icloud.com", re.compile(r"4\.7\.1"), "apple-code-rate", C.RATE_LIMIT),
)
"""What a code means at one provider, for replies whose words say nothing. None of these is ever hard."""
