"""The general half of the table behind `replies.classify`: what the words of a reply mean, whoever says them.

Data only, walked in order by `replies`: what merely looks like something else comes first, `policy` last.
The text it is held against is lower case, with addresses as `@`, IP addresses as `ipaddr`, long host names as
`hostname` and links removed, so that nobody's name can decide. Sources: ISP facts §3.2, RFC 5321, 3463.
"""

from typing import Final

from ignite_domain.governance.reply_rules import ReplyClass as C
from ignite_domain.governance.reply_rules import ReplyRule, rule

_MAILBOX: Final = r"(?:account|mail ?box|user|recipient|e-?mail(?: account| address)?|address|customer|inbox)"
_GONE: Final = (
    r"(?:disabled|deactivated|inactive|suspended|terminated|expired|archived|closed|locked|cancell?ed"
    r"|frozen|blocked"
    r"|discontinued|dormant|not (?:been )?(?:active|activated|enabled)|on hold)"
)

WORDS: Final[tuple[ReplyRule, ...]] = (
    # 1. what only looks like something else
    rule("null-mx", C.ROUTING, r"null mx|doesn't receive email|does not accept mail", hard=True, certain=True),
    rule(
        "domain-takes-no-mail",
        C.ROUTING,
        r"dns error.*(?:nxdomain|noerror|doesn't receive email)|invalid domain$|domain is not reachable",
        hard=True,
    ),
    rule("no-such-domain-now", C.NETWORK, r"name service error .*try again|temporary .{0,20}(?:dns|name) "),
    rule("recipient-preferences", C.POLICY, r"recipient preferences|rejected by (?:this|the) (?:user|recipient)"),
    rule(
        "header-malformed",
        C.CONTENT,
        r"duplicate header|header .{0,20}(?:missing|malformed|invalid|error)"
        r"|missing a valid address in the from",
    ),
    rule("spam-classification", C.CONTENT, r"spam (?:classification|signature)|mcspamsignature"),
    rule(
        "smtp-auth",
        C.AUTH,
        r"smtp authentication|authentication (?:is )?required|requires authentication"
        r"|authentication information|mismatches client ip|name lookup failed"
        r"|invalid ip for sending mail of domain|relay quota exceeded for unauth",
    ),
    rule("not-accepting", C.REPUTATION, r"not accepting connections|a problem occurred\. \(ask your postmaster"),
    rule(
        "callback-failed",
        C.AUTH,
        r"(?:sender )?verification failed|sender verify failed|could not verify sender|sender .{0,20}callout",
        names="domain",
    ),
    rule(
        "too-many-unknown-users",
        C.REPUTATION,
        r"too many (?:user unknown|unknown users?|invalid (?:recipients|users|addresses)|bad recipients)"
        r"|directory harvest",
        names="ip",
    ),
    rule(
        "sender-account-disabled",
        C.POLICY,
        r"sending account|\b(?:sender'?s?|your) (?:e-?mail )?(?:account|mail ?box|user)\b(?! full).{0,40}"
        r"(?:disabled|suspended|not (?:be )?found|unknown|not exist|locked)|not found among members"
        r"|only members may post"
        r"|not a member of|blocked senders?\b|permission to post|account is not allowed to send",
    ),
    rule("unverified-address", C.GREYLIST, r"unverified address|verification in progress"),
    # 2. coming back later
    rule(
        "greylisted",
        C.GREYLIST,
        r"gr[ea]y-?\.?list|postgrey|grey\.rbl|not yet authorized to deliver|come back (?:in|later)"
        r"|please come back"
        r"|internal resources are temporarily unavailable|first (?:time|attempt|contact).{0,40}(?:later|retry)",
    ),
    rule("greylist-as-unavailable", C.GREYLIST, r"450 4\.3\.2 service currently unavailable"),
    # 3. size and loops
    rule(
        "too-large",
        C.LOOP_OR_SIZE,
        r"message (?:size|exceeded|header is too big|too (?:big|large|long))|size (?:limit|exceeds)|too large"
        r"|exceeds (?:the )?(?:fixed )?max(?:imum)? (?:message |allowed )?(?:message )?size|taille limite"
        r"|max message size|line limit exceeded|line (?:is )?too long|message (?:is )?(?:larger|bigger) than",
    ),
    rule(
        "loop",
        C.LOOP_OR_SIZE,
        r"\b(?:mail ?)?loop(?:ing|s)?\b|hop count|too many hops|routing loop|excessive hops|own delivered-to"
        r"|too many received",
    ),
    # 4. encryption
    rule(
        "tls",
        C.TLS,
        r"\b(?:start)?tls\b|encryption (?:needed|required)|with an encryption|must issue a starttls"
        r"|certificate (?:not trusted|expired|verif\w+)|ssl (?:error|handshake)|secure connection",
    ),
    # 5. authentication and names
    rule(
        "spf-dkim-dmarc",
        C.AUTH,
        r"\bspf\b|\bdkim|\bdmarc|unauthenticated|authentication (?:level|checks?|failed|required by)"
        r"|not permitted by the domain owner|sender id\b|sender policy framework|domainkeys",
    ),
    rule(
        "reverse-dns",
        C.AUTH,
        r"(?:reverse|inverse)[- ](?:dns|hostname|lookup|address|record|mapping|resolution|name)"
        r"|\brdns\b|\bptr\b|cannot find your (?:reverse )?hostname|valid sender domain|no reverse"
        r"|unverif\w+ sending ip"
        r"|dns (?:a )?record of your|generic (?:dns|hostname|rdns)|fcrdns|forward.confirmed",
        names="ip",
    ),
    rule(
        "helo",
        C.AUTH,
        r"\b(?:helo|ehlo)\b.*(?:reject|invalid|fully-qualified|must|bad|not (?:found|resolve|exist))"
        r"|fully-qualified hostname|(?:bad|invalid) (?:helo|ehlo)",
    ),
    rule(
        "sender-listed",
        C.REPUTATION,
        r"\b(?:you|your|sender|from|domain|ip)\b(?! url)(?!.{0,30}may ).{0,30}\b(?:black|block)-?listed",
        names="domain",
    ),
    rule(
        "sender-domain",
        C.AUTH,
        r"sender address rejected|(?:unresolvable|cannot resolve|can't resolve) .*(?:from"
        r"|sender)? ?domain|from domain"
        r"|sender domain .*(?:not exist|must|not found|unresolv)|sender rejected|dmarc sender|domain of sender"
        r"|\b(?:your|sending|from) domain .{0,20}(?:not exist|not found|unknown|invalid|not resolve)"
        r"|\bsender.{0,30}does not exist|un\w*rout\w+ sender|from: domain is invalid|valid from\b"
        r"|(?:invalid|bad|unknown) (?:sender|from|return|mail from)\b"
        r"|after mail from.{0,80}(?:does not exist|no such domain)"
        r"|[45]\.1\.[78]\b.{0,80}(?:domain|sender|exist|reject)|sender .{0,20}(?:invalid|not valid"
        r"|not verified)"
        r"|(?:email|sender) address is not verified|sender .{0,20}(?:resolve|has no\b|no mx)|dns check failed",
        names="domain",
    ),
    # 6. too much, too many
    rule(
        "too-many-connections",
        C.CONNECTION_LIMIT,
        r"too many (?:concurrent |smtp |simultaneous |open |parallel )*(?:sessions|connections|transactions)"
        r"|max(?:imum)? (?:number of )?(?:concurrent |simultaneous )?connections|(?:concurrent"
        r"|simultaneous) connections"
        r"|connection (?:rate )?limit|connections? .{0,20}exceed|message per connection|message limit"
        r"|(?:messages|mails|emails|recipients) (?:per|in this|in one|on this|this) (?:connection|session)"
        r"|too many (?:recipients|messages|mails)(?: \(?\w+\)?)?(?: \(in reply.*| in (?:this"
        r"|one).*)?$|connection .{0,30}quota",
    ),
    rule(
        "recipient-rate",
        C.RATE_LIMIT,
        r"(?:recipient|user|mailbox) .{0,30}(?:message rate limit|too many (?:recent )?messages|too quickly"
        r"|too much mail)|too many recent messages|deferred due to excessive volume",
        names="recipient",
    ),
    rule("reputation-limits", C.REPUTATION, r"ip reputation|reputation ratelimit"),
    rule(
        "rate-limited",
        C.RATE_LIMIT,
        r"rate.?limit|ratelimit|rate exceeded|try again slower|frequency limited|rp:orq|throttl"
        r"|too many (?:messages|e?mails|recipients|rcpts|requests)"
        r"|max(?:imum)? (?:emails|messages|recipients) per|(?:messages?|mails?|emails?"
        r"|recipients?) (?:per|an|this) "
        r"(?:hour|day|minute|second)|sending (?:limit|rate|quota)|message quota exceeded|(?:relay"
        r"|daily|hourly) (?:\w+ )?quota"
        r"|exceeded .{0,30}(?:limit|quota) for sending|(?:hourly|daily) (?:\w+ )?limit|too (?:fast"
        r"|quickly|frequent)"
        r"|slow down|excessive (?:volume|rate|mail)|unusual(?:ly)? (?:high )?(?:rate|volume|amount|traffic)",
    ),
    # 7. mailbox states
    rule(
        "over-quota",
        C.FULL,
        r"over ?-?quota|quota (?:is )?(?:exceeded|violation|exceed|full|reached)"
        r"|(?:mail ?box|inbox|storage|mail ?folder|maildir|account) (?:is |has been |was )?(?:full|exceeded)"
        r"|(?:mail ?box|user|account|message store).{0,30}(?:exceed\w*|over|reached) .{0,25}(?:size"
        r"|limit|quota|storage|space|capacity)"
        r"|out of storage|mail ?box (?:size )?limit|blocks limit exceeded"
        r"|exceeded (?:his|her|its|their|the|storage)? ?(?:storage|mailbox|disk)"
        r"|(?:insufficient|not enough|no|lacks?) (?!system)(?:\w+ )?(?:space|storage)\b"
        r"|quotaexceeded|disk full|mail ?box.{0,10} full"
        r"|over(?:quotaperm|quotatemp| the (?:maximum )?(?:allowed )?quota)|exceeds (?:\w+ )?quota"
        r"|bo[iî]te.{0,20}pleine|buz[oó]n (?:est[aá] )?lleno|postfach (?:ist )?voll"
        r"|casella (?:\w+ )?piena|cheia",
    ),
    rule(
        "temporarily-inactive",
        C.INACTIVE,
        r"(?<!delivery )temporar\w+ (?:inactive|suspended|disabled|locked|deactivated)|(?:inactive|suspended"
        r"|disabled) temporar",
    ),
    rule(
        "inactive-mailbox",
        C.INACTIVE,
        rf"\b{_MAILBOX}(?:\(s\))?\b(?! (?:was |has been )?blocked (?:by|using|due|for))[^.;:]{{0,40}}\b"
        rf"{_GONE.replace('|blocked', '')}\b"
        rf"|\b(?:mail ?box|account) (?:has been |is |was )?blocked\b(?! (?:by|using|due|for))"
        r"|\b(?:deactivated|disabled|inactive|archived|suspended|dormant|closed|frozen"
        r"|blocked) (?:mailbox|account|user|recipient)"
        r"|no longer (?:valid|active|in use|available|exists?|accepts|employed|with|works?|a (?:valid"
        r"|customer))"
        r"|due to (?:extended )?inactivity|archivee|disableduser|inactiveuser|has left the (?:company|organi)",
        hard=True,
    ),
    # 8. no such address
    rule(
        "no-such-domain-first",
        C.ROUTING,
        r"(?:recipient|destination) (?:address rejected: )?domain (?:name )?(?:not found"
        r"|does not exist|unknown|invalid)"
        r"|illegal host.domain|no such (?:domain|host)\b|unknown (?:host|domain)\b"
        r"|no mx (?:record )?(?:found )?for domain"
        r"|no mx record found|find a(?:ny)? mail exchanger"
        r"|^domain (?:name )?(?:does not exist|not found)",
        hard=True,
    ),
    rule(
        "user-unknown",
        C.INVALID,
        rf"\b(?:{_MAILBOX}|addressee|alias|userid|person|local part)(?:\(s\))?\b[^.;]{{0,40}}"
        r"(?:\bunknown\b|not (?:be )?found|does ?n.?t exist|does not exist|not exist|unallocated"
        r"|not known|not listed"
        r"|misspelled|not recogni[sz]ed|unrecogni[sz]ed|not registered|nonexist|non-exist)"
        r"|\b(?:unknown|no such|invalid|illegal|nonexistent|non-existent|undeliverable"
        r"|bad destination|incorrect|wrong)"
        r" (?:or \w+ )?(?:local |virtual |final )?(?:delivery )?(?:e-?mail )?(?:user ?(?:id|name)?"
        r"|recipients?|mail ?box(?:es)?"
        r"|addressee|address(?! error)|alias|account|person|e-?mail|local.part|rcpt)\b"
        r"|unknown or illegal |no such id\b|cannot deliver mail for @"
        r"|(?<!ip )(?<!sender )(?<!from )(?<!return )(?:mail ?box|user|recipient"
        r"|address) (?:name )?(?:is )?(?:invalid|incorrect)\b|not (?:our|a) (?:customer|user)"
        r"|doesn.?t have an? .{0,40}account|user doesn.?t"
        r"|mail ?box not found|no mail-?box (?:here )?by (?:that|this) name|there is no one|invalid-recipient"
        r"|no longer on server|no mail ?box\b|no (?:such )?(?:user|recipient|account"
        r"|mailbox)s? (?:here|by|with|found|at|in|for)"
        r"|not a (?:valid|known|registered|local) (?:\w+ )?(?:mail ?box|user|recipient|address|account)"
        r"|isn.?t a (?:known|valid)|no one (?:here )?by that|address not found|couldn.?t be found"
        r"|not in (?:our|the) (?:directory|list of users)"
        r"|nessun utente|utente (?:sconosciuto|non)|no existe|n.existe pas|utilisateur inconnu"
        r"|unbekannt|usu[aá]rio (?:desconhecido|inexistente)"
        r"|usuario (?:desconocido|inexistente)|gibt es nicht|existiert nicht|onbekend|nie istnieje",
        hard=True,
    ),
    # 9. content
    rule(
        "content",
        C.CONTENT,
        r"\bvirus\b|\bmalware\b|spam (?:score|message|content|detected|classification|or virus"
        r"|filter)|suspicion of spam"
        r"|(?:is|as|considered|looks like|detected as|identified as|classified as|be"
        r"|marked as) (?:unsolicited|spam\b|junk)"
        r"|[-–:,] spam\b|\bspam(?: |-)?(?:e?mail)? (?:rejected"
        r"|refused|not accepted|blocked)"
        r"|content (?:denied|rejected|reject|filter|restrict|presents|violat)"
        r"|\burls?\b.{0,40}(?:listed|block ?list|blacklist)"
        r"|(?:blacklisted|blocklisted) (?:url|link|domain in)|links?\b.{0,30}blacklist|attachment"
        r"|eicar|phish|bulk mail rejected"
        r"|mail rejete|rejected due to (?:spam|content)|spammy|uribl|surbl"
        r"|message (?:was )?(?:identified|classified)"
        r"|message content|prohibited (?:content|file)|body of (?:the )?message",
    ),
    # 10. blocks
    rule(
        "listed",
        C.REPUTATION,
        r"listed-by-link|spamhaus|spamcop|barracuda|sorbs|dnsbl|\brbl\b|\b[sxpd]bl\b|block ?list"
        r"|black ?list|blacklisted|found in .{0,30}list"
        r"|\blisted (?:at|in|on|by)|found on one or more|(?:dynamic|residential) ip|dialup|dial-up|transient ip"
        r"|reputation|senderscore|cloudmark|client host (?:blocked|rejected)|bad ip\b|open (?:relay"
        r"|proxy)|on our (?:\w+ )?list\b|blocked because"
        r"|\bip .{0,30}(?:blocked|banned|not allowed|refused|rejected|denied)|\bblocked (?:for|using"
        r"|by|due|-|see)|^\W*(?:[245]\d\d )?"
        r"(?:[245]\.\d+\.\d+ )?blocked\b|your (?:ip|host|network|server|access) .{0,60}(?:blocked"
        r"|banned|rejected|refused)"
        r"|connections? (?:not accepted|refused) from|ipaddr\W{0,3} (?:is |was "
        r"|has been )?(?:temporarily |permanently )?"
        r"(?:blocked|banned|listed|rejected|denied)|not accepted from this ip"
        r"|mail from ipaddr (?:rejected|refused)"
        r"|abuse\b.*go away|policy rejection- abuse|no smtp service|\bspammers?\b|sending spam"
        r"|not allowed to connect"
        r"|(?:host )?network not allowed|no access from mail server|geo(?:ip|graphical)"
        r"|\bcomplaints\b|unsolicited mail originating",
        names="ip",
    ),
    rule(
        "junk",
        C.CONTENT,
        r"\bjunk ?mail|reject\w*\W{1,3}spam|unsolicited|potential security issue|not rfc"
        r"|rfc ?\d* complian|must be rfc",
    ),
    # 11. routes and wires
    rule(
        "no-such-domain",
        C.ROUTING,
        r"(?:recipient address rejected: )?(?:domain|host) (?:name )?(?:not found|does not exist"
        r"|unknown|invalid)"
        r"|un-?rout[e]?able|no mail exchanger|does not accept mail|unable to route|name or service not known"
        r"|nxdomain|no such (?:host|domain)|host \S+ not found",
        hard=True,
    ),
    rule(
        "relaying",
        C.ROUTING,
        r"relay(?:ing)? (?:access )?(?:denied|not (?:permitted|allowed)|prohibited)|unable to relay|rcpthosts"
        r"|not (?:a )?local domain|we do not relay|no mx for|no relaying|mail relay|to relay mail"
        r"|not (?:\w+ ){0,2}relay|n't allowed to relay",
    ),
    rule(
        "network",
        C.NETWORK,
        r"timed? ?-?out|timeout exceeded|no route to host|connection (?:refused|reset|closed|lost"
        r"|dropped|failed)"
        r"|network (?:is )?(?:unreachable|error)|dns server failure|servfail|(?:message"
        r"|envelope) expired|delivery time expired"
        r"|no answer|broken pipe|could not connect|host (?:is )?(?:unreachable|not reachable)"
        r"|retry time(?:out)? not reached"
        r"|queue lifetime|in the queue (?:too|for)|giving up|could not deliver for"
        r"|not delivered within|all hosts have been failing"
        r"|delivery failed \d+ attempts|accept our requests to connect|could not be delivered for"
        r"|multiple retries"
        r"|has been delayed|refused to talk|delivery temporarily suspended",
    ),
    rule(
        "busy",
        C.LOAD,
        r"insufficient system (?:resources|storage)|system (?:busy|congestion|resources|load)"
        r"|server (?:is )?(?:too )?(?:busy|overload\w*|temporarily not available)"
        r"|service (?:is )?(?:currently |temporarily )?(?:unavailable|shutting down|refuse"
        r"|temporarily)|temporary (?:system problem|lookup failure|local problem)"
        r"|too busy|load (?:average )?(?:is )?too high|local error|internal (?:server )?error"
        r"|resources temporarily|queue is full"
        r"|agent busy|congestion|shutting down|service not available|try again later\.? *$|overloaded"
        r"|out of memory|system failure",
    ),
    # 12. rules of the house
    rule(
        "policy",
        C.POLICY,
        r"polic(?:y|ies)|administrative(?:ly)? (?:prohibit|denied)|not allowed to send|prohibited"
        r"|access denied|permission denied"
        r"|not authori[sz]ed|refused by|protocol violation|not (?:allowed|permitted|accepted) (?:here"
        r"|to)",
    ),
    # 13. a refusal at RCPT that gives no reason: believed when it is repeated
    rule("recipient-rejected", C.INVALID, r"address rejected\.? *$|mail ?box name not allowed|recipient .{0,40}denied"),
    rule("mailbox-unavailable", C.INVALID, r"mail ?box (?:is )?(?:unavailable|not available)", hard=True),
)
