"""The table behind `replies.classify`: which words and tags mean what. Data only; the walk is in `replies`.

Order matters: documented tags of a provider first (a tag decides over the words, except Yahoo's TS03),
then words, then enhanced codes, then the bare reply code. Sources: ISP facts §3.2 and RFC 3463, 5321.
`permanent_only` rows make a reply hard only with a 5xx; `hard` None means: never hard.
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


def _rule(name: str, kind: ReplyClass, words: str, *, hard: bool = False, names: str = "") -> ReplyRule:
    return ReplyRule(name, kind, re.compile(words), hard, names)


TAGS: Final[tuple[ReplyRule, ...]] = (
    # Yahoo (and AT&T, Cox on its MX)
    _rule("yahoo-permanent", C.REPUTATION, r"will be permanently deferred|\[tss(?:09|11)\]", names="ip"),
    _rule("yahoo-ts03-rate", C.RATE_LIMIT, r"\[ts03\].*(?:unusual|volume|traffic)", names="ip"),
    _rule("yahoo-complaints", C.REPUTATION, r"\[(?:tss?\d\d|ipts\d\d)\]", names="ip"),
    _rule("yahoo-spamhaus", C.REPUTATION, r"\[bl2\d\]", names="ip"),
    _rule("yahoo-phishing", C.CONTENT, r"\[ph0\d\]"),
    _rule("yahoo-policy-message", C.POLICY, r"554 5\.7\.9 message not accepted for policy"),
    _rule(
        "yahoo-no-such-user",
        C.INVALID,
        r"delivery error: dd (?:this user doesn.?t have|sorry, your message .* cannot be delivered\. this account)",
        hard=True,
    ),
    _rule(
        "yahoo-no-longer-valid",
        C.INACTIVE,
        r"delivery error: dd .*no longer valid|mailbox is disabled \(554\.30\)",
        hard=True,
    ),
    _rule("yahoo-aborted", C.UNKNOWN, r"delivery error: dd requested mail action aborted"),
    # Microsoft
    _rule(
        "microsoft-connections",
        C.CONNECTION_LIMIT,
        r"\brp-00[23]\b|\(s3115\)|4\.7\.652|concurrent (?:server )?connections|messages per connection",
        names="ip",
    ),
    _rule("microsoft-rate", C.RATE_LIMIT, r"\brp-001\b", names="ip"),
    _rule(
        "microsoft-reputation",
        C.REPUTATION,
        r"\((?:s775|s3114|s3140|s3150)\)|4\.7\.65[01]|rate limited due to ip reputation",
        names="ip",
    ),
    _rule("microsoft-banned", C.REPUTATION, r"\b5\.7\.(?:60[6-9]|6[1-4]\d|70[8]|511)\b|as\(7230\)", names="ip"),
    _rule("microsoft-blocklist", C.REPUTATION, r"\b(?:ou-00[12]|dy-00[12]|sc-00[1-4])\b", names="ip"),
    _rule("microsoft-authentication", C.AUTH, r"\b5\.7\.5(?:09|15)\b", names="domain"),
    _rule(
        "microsoft-recipient-not-found",
        C.INVALID,
        r"\b5\.1\.10\b|resolver\.adr\.recip(?:ient)?notfound|\(s2017062302\)",
        hard=True,
    ),
    _rule("microsoft-recipient-denied", C.INVALID, r"5\.4\.1 recipient address rejected: access denied"),
    _rule("microsoft-recipient-hourly", C.RATE_LIMIT, r"\b5\.2\.12[12]\b", names="recipient"),
    _rule("microsoft-size", C.LOOP_OR_SIZE, r"recipsizelimit"),
    _rule("microsoft-group", C.POLICY, r"resolver\.rst|\b5\.7\.13[3-7]\b|\b5\.7\.12[0-9]\b"),
    _rule(
        "microsoft-busy", C.LOAD, r"as761|4\.7\.[57]00|organization queue quota|4\.4\.0 message failed to be replicated"
    ),
    _rule("microsoft-expired", C.NETWORK, r"\b[45]\.4\.3(?:00|1\d)\b"),
    # Apple
    _rule("apple-authentication", C.AUTH, r"\[hme1\]"),
    _rule("apple-rate", C.RATE_LIMIT, r"\[(?:bs02|hcm1)\]"),
    _rule("apple-policy", C.POLICY, r"\[(?:cs0\d|hm\d\d)\]|\bhvmp\b"),
    # Comcast
    _rule("comcast-domain-rate", C.RATE_LIMIT, r"#?rl000010|domain throttled", names="domain"),
    _rule("comcast-rate", C.RATE_LIMIT, r"\brl0000\d\d|\bthrottled\b", names="ip"),
    _rule("comcast-dmarc", C.AUTH, r"\bdm00000\d"),
    _rule("comcast-phishing", C.CONTENT, r"\bph00000\d"),
    _rule("comcast-block", C.REPUTATION, r"\b(?:bl|es)0000\d\d|block for spam|static address", names="ip"),
    # Cox and Charter
    _rule("cox-url-list", C.CONTENT, r"aup#urlbl", names="url"),
    _rule("cox-connections", C.CONNECTION_LIMIT, r"aup#cxcnct|message threshold exceeded", names="ip"),
    _rule("cox-rate", C.RATE_LIMIT, r"aup#cxmxrt|aup#cxthrt|aup#cxmj"),
    _rule("cox-sender", C.AUTH, r"aup#(?:cxsndr|cxdns)", names="domain"),
    _rule("cox-block", C.REPUTATION, r"aup#(?:cxbl|cdrbl|ipbl)", names="ip"),
    _rule("charter-connections", C.CONNECTION_LIMIT, r"aup#(?:in?|i)-?1(?:30|31|32|33|34)\d", names="ip"),
    _rule("charter-busy", C.LOAD, r"aup#in?-1090"),
    _rule("charter-dns", C.AUTH, r"aup#in?-11[0-5]\d", names="ip"),
    _rule("charter-content", C.CONTENT, r"aup#in?-12(?:00|10)"),
    _rule("charter-no-ipv6", C.NETWORK, r"aup#in?-1260", names="ip"),
    _rule("charter-invalid-recipients", C.POLICY, r"aup#in?-1560"),
    _rule("charter-size", C.LOOP_OR_SIZE, r"aup#in?-1530"),
    _rule("charter-rate", C.RATE_LIMIT, r"aup#in?-1(?:35|36|37|38|39|4\d|54|55|58)\d"),
    _rule("charter-block", C.REPUTATION, r"aup#in?-1(?:000|2[2-5]\d)", names="ip"),
    # Gmail
    _rule("gmail-same-message-id", C.POLICY, r"4\.7\.28 .*same message-id"),
    _rule("gmail-rate", C.RATE_LIMIT, r"unusual rate of|4\.7\.28\b"),
    _rule("gmail-authentication", C.AUTH, r"\b[45]\.7\.(?:26|27|30|32|23|24|25)\b"),
    _rule("gmail-tls", C.TLS, r"\b[45]\.7\.29\b|tls required"),
    _rule("gmail-ip-reputation", C.REPUTATION, r"low reputation of the sending ip", names="ip"),
    _rule("gmail-domain-reputation", C.REPUTATION, r"low reputation of the sending domain", names="domain"),
    _rule("gmail-recipient-rate", C.RATE_LIMIT, r"receiving mail (?:at a rate|too quickly)", names="recipient"),
    _rule("gmail-daily-limit", C.RATE_LIMIT, r"daily user sending (?:limit|quota)"),
    _rule(
        "gmail-likely-unsolicited",
        C.CONTENT,
        r"likely (?:unsolicited|spam)|suspicious due to the nature of the content",
    ),
    _rule("gmail-admin-policy", C.POLICY, r"policy that prohibited|policy that +prohibit"),
    _rule("gmail-busy", C.LOAD, r"try again later, closing connection|connection expired, try reconnecting"),
    # AT&T
    _rule("att-dnsbl", C.REPUTATION, r"dnsbl:(?:rbl|attrbl)|_is_blocked", names="ip"),
    # Orange and others with a code of their own
    _rule("orange-content", C.CONTENT, r"\bofr_?506\b"),
    _rule("orange-busy", C.LOAD, r"\bofr_?005|ofr004_505"),
)

WORDS: Final[tuple[ReplyRule, ...]] = (
    # 1. what only looks like something else
    _rule(
        "mx-lookup-failed",
        C.ROUTING,
        r"dns error.*(?:nxdomain|noerror|doesn't receive email)|invalid domain$|domain is not reachable|doesn't receive email",
        hard=True,
    ),
    _rule("delivery-suspended", C.NETWORK, r"delivery temporarily suspended|refused to talk to me"),
    _rule("recipient-preferences", C.POLICY, r"recipient preferences"),
    _rule("header-malformed", C.CONTENT, r"duplicate header|header .{0,20}(?:missing|malformed|invalid)"),
    _rule("spam-classification", C.CONTENT, r"spam (?:classification|signature)|mcspamsignature"),
    _rule(
        "smtp-auth", C.AUTH, r"smtp authentication|authentication information|mismatches client ip|name lookup failed"
    ),
    _rule("not-accepting", C.REPUTATION, r"not accepting connections|a problem occurred\. \(ask your postmaster"),
    _rule(
        "callback-failed",
        C.AUTH,
        r"(?:sender )?verification failed|sender verify failed|could not verify sender",
        names="domain",
    ),
    _rule(
        "too-many-unknown-users",
        C.REPUTATION,
        r"too many (?:user unknown|unknown users?|invalid (?:recipients|users)|bad recipients)",
        names="ip",
    ),
    _rule(
        "sender-account-disabled",
        C.POLICY,
        r"sending account|sender account .*(?:disabled|suspended)|not found among members|only members may post|blocked senders?\b",
    ),
    _rule("unverified-address", C.GREYLIST, r"unverified address|verification in progress"),
    # 2. coming back later
    _rule(
        "greylisted",
        C.GREYLIST,
        r"gr[ea]y-?list|postgrey|not yet authorized to deliver|come back (?:in|later)|please come back|internal resources are temporarily unavailable",
    ),
    _rule("greylist-as-unavailable", C.GREYLIST, r"450 4\.3\.2 service currently unavailable"),
    # 3. size and loops
    _rule(
        "too-large",
        C.LOOP_OR_SIZE,
        r"message (?:size|exceeded|header is too big|too (?:big|large))|size (?:limit|exceeds)|exceeds (?:the )?max(?:imum)? (?:message )?size|taille limite|too large|max message size",
    ),
    _rule(
        "loop",
        C.LOOP_OR_SIZE,
        r"\bloop(?:ing|s)?\b|hop count|too many hops|routing loop|excessive hops|own delivered-to",
    ),
    # 4. encryption
    _rule(
        "tls",
        C.TLS,
        r"\b(?:start)?tls\b|encryption (?:needed|required)|with an encryption|must issue a starttls|certificate (?:not trusted|expired|verify)|ssl (?:error|handshake)",
    ),
    # 5. authentication and names
    _rule(
        "spf-dkim-dmarc",
        C.AUTH,
        r"\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated|authentication (?:level|checks?|failed|required by)|not permitted by the domain owner|sender id\b",
    ),
    _rule(
        "reverse-dns",
        C.AUTH,
        r"reverse (?:dns|hostname|lookup|address)|\br?dns\b.{0,20}(?:ptr|look-?up)|\bptr\b|cannot find your (?:reverse )?hostname|valid sender domain|no reverse",
    ),
    _rule("helo", C.AUTH, r"\b(?:helo|ehlo)\b.*(?:reject|invalid|fully-qualified|must|bad)|fully-qualified hostname"),
    _rule(
        "sender-domain",
        C.AUTH,
        r"sender address rejected|(?:unresolvable|cannot resolve|can't resolve) .*(?:from|sender)? ?domain|from domain|sender domain .*(?:not exist|must|not found|unresolv)|sender rejected|dmarc sender|domain of sender|sender.{0,20}does not exist",
    ),
    # 6. too much, too many
    _rule(
        "too-many-connections",
        C.CONNECTION_LIMIT,
        r"too many (?:concurrent |smtp |simultaneous )*(?:sessions|connections)|max(?:imum)? (?:number of )?(?:concurrent )?connections|concurrent connections|connection (?:rate )?limit|connections? .{0,20}exceed|message per connection|messages per (?:connection|session)|message limit",
    ),
    _rule(
        "recipient-rate",
        C.RATE_LIMIT,
        r"(?:recipient|user|mailbox) .{0,30}(?:message rate limit|too many (?:recent )?messages|too quickly|too much mail)|too many recent messages|deferred due to excessive volume",
        names="recipient",
    ),
    _rule("reputation-limits", C.REPUTATION, r"ip reputation|reputation ratelimit"),
    _rule(
        "rate-limited",
        C.RATE_LIMIT,
        r"rate.?limit|ratelimit|rate exceeded|try again slower|frequency limited|too many (?:messages|emails|mails)|max (?:emails|messages) per|messages? per (?:hour|day|minute)|sending (?:limit|rate)|message quota exceeded|throttl|rp:orq|exceeded .{0,30}(?:limit|quota) for sending",
    ),
    # 7. mailbox states
    _rule(
        "over-quota",
        C.FULL,
        r"over ?quota|quota (?:exceeded|violation|exceed|full)|(?:mailbox|inbox|mail ?box|storage) (?:is )?(?:full|exceeded)|out of storage|mailbox size limit|blocks limit exceeded|exceeded (?:his|her|its|their|the|storage)? ?(?:storage|mailbox|disk)|insufficient (?:space|disk)|not enough (?:space|storage)|quotaexceeded|disk full|boite.{0,20}pleine|buz[oó]n lleno|postfach (?:ist )?voll",
    ),
    _rule(
        "temporarily-inactive",
        C.INACTIVE,
        r"temporar\w+ (?:inactive|suspended|disabled|locked)|(?:inactive|suspended|disabled) temporar",
    ),
    _rule(
        "inactive-mailbox",
        C.INACTIVE,
        r"(?:account|mailbox|user|recipient|email|address)[^.;]{0,40}(?:disabled|deactivated|inactive|suspended|terminated|expired|archiv|closed|locked|cancel)|(?:deactivated|disabled|inactive|archived|suspended|dormant|closed) (?:mailbox|account|user|recipient)|no longer (?:valid|active|in use|available|exists?|accepts|employed|with)|due to inactivity|archivee",
        hard=True,
    ),
    # 8. no such address
    _rule(
        "user-unknown",
        C.INVALID,
        r"(?:user|recipient|addressee|address|account|mailbox|customer|alias)[^.;]{0,40}(?:unknown|not (?:be )?found|does ?n.?t exist|does not exist|not exist|unallocated|not known|not listed|misspelled)|(?:unknown|no such|invalid|illegal|nonexistent|non-existent|undeliverable|bad destination) (?:or illegal )?(?:local )?(?:user|recipient|mailbox|address|alias|account|person|email)|unknown (?:or illegal )|not our customer|doesn.?t have an? .{0,40}account|user doesn.?t|mailbox not found|no mailbox (?:here )?by that name|there is no one|invalid-recipient|no longer on server|account that you tried to reach does not exist|is not a valid (?:mailbox|user|recipient|address)|not a known user|isn.?t a (?:known|valid)|no one (?:here )?by that|nessun utente|no existe|n.existe pas|utilisateur inconnu|unbekannt|usuario desconocido|gibt es nicht|existiert nicht",
        hard=True,
    ),
    # 9. content
    _rule(
        "content",
        C.CONTENT,
        r"\bvirus\b|\bmalware\b|spam (?:score|message|content|detected|classification|or virus)|suspicion of spam|(?:is|as|considered|looks like|detected as|identified as|classified as|be) (?:unsolicited|spam|junk)|content (?:denied|rejected|reject|filter)|\burl\b.{0,40}(?:listed|blocklist|block list|blacklist)|link.{0,30}blacklist|attachment|eicar|phish|bulk mail rejected|mail rejete|rejected due to (?:spam|content)|spammy|uribl|surbl|missing a valid address in the from|message (?:was )?(?:identified|classified)",
    ),
    # 10. blocks
    _rule(
        "listed",
        C.REPUTATION,
        r"spamhaus|spamcop|barracuda|sorbs|dnsbl|\brbl\b|block ?list|black ?list|blacklisted|is listed (?:at|in|on|by)|found on one or more|dynamic ip|dialup|dial-up|transient ip|bad reputation|poor reputation|reputation|senderscore|cloudmark|client host (?:blocked|rejected)|ip .{0,30}(?:blocked|banned|not allowed|refused|rejected|denied)|blocked (?:for|using|by|due)|your (?:ip|host|network|server) .{0,40}(?:blocked|banned|rejected|refused)|connections? (?:not accepted|refused) from|(?:\d{1,3}\.){3}\d{1,3}\]? (?:is )?blocked|not accepted from this ip|abuse\b.*go away|policy rejection- abuse|no smtp service",
    ),
    # 11. routes and wires
    _rule(
        "no-such-domain",
        C.ROUTING,
        r"(?:recipient address rejected: )?(?:domain|host) (?:name )?(?:not found|does not exist|unknown|invalid)|unrouteable|no mail exchanger|null mx|does not accept mail|unable to route|name or service not known|nxdomain|no such (?:host|domain)",
        hard=True,
    ),
    _rule(
        "relaying",
        C.ROUTING,
        r"relay(?:ing)? (?:access )?(?:denied|not (?:permitted|allowed)|prohibited)|unable to relay|rcpthosts|not (?:a )?local domain|we do not relay|no mx for",
    ),
    _rule(
        "network",
        C.NETWORK,
        r"timed? ?out|timeout exceeded|no route to host|connection (?:refused|reset|closed|lost|dropped|failed)|network (?:is )?unreachable|dns server failure|servfail|message expired|delivery time expired|no answer|broken pipe|could not connect|host unreachable|retry time(?:out)? not reached|queue lifetime",
    ),
    _rule(
        "busy",
        C.LOAD,
        r"insufficient system (?:resources|storage)|system (?:busy|congestion|resources)|server (?:is )?(?:busy|temporarily not available)|service (?:unavailable|shutting down|refuse|temporarily)|temporary (?:system problem|lookup failure)|too busy|load (?:average )?too high|local error|internal error reading|resources temporarily|queue is full|agent busy|congestion|shutting down|service not available|try again later\.? *$",
    ),
    # 12. rules of the house
    _rule(
        "policy",
        C.POLICY,
        r"policy|administrative(?:ly)? (?:prohibit|denied)|not allowed to send|prohibited|access denied|permission denied|not authorized|refused by",
    ),
    _rule("mailbox-unavailable", C.INVALID, r"mailbox (?:is )?unavailable|mailbox unavailable", hard=True),
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
