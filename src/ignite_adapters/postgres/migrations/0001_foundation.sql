-- The seed's 13 tables under their names, and what their rows need around them.
-- Instants are business time unless a column says real_.  isp is null for mail outside the eight brands.

create table mailing_subscribers (
    id                  bigint generated always as identity primary key,
    email               text not null unique,          -- canonical form, the only place an address is kept
    email_md5           text not null unique,          -- md5 of the canonical form, hex
    domain              text not null,
    isp                 text,
    limiter_group       text not null,
    first_name          text not null default '',
    last_name           text not null default '',
    attributes          jsonb not null default '{}',   -- the file's other columns
    from_warmup_file    boolean not null default false,
    data_quality_score  numeric(3,2) not null default 0.00 check (data_quality_score in (0, 0.25, 0.50, 0.75, 1.00)),
    status              text not null default 'active' check (status in ('active', 'unmailable', 'suppressed')),
    status_reason       text,                          -- mx_invalid, api_invalid | hard_bounced, complained, unsubscribed, listed
    verify_state        text not null default 'new' check (verify_state in ('new', 'mx', 'done')),
    verify_after        timestamptz,                   -- not before this instant (a verifier that said "later")
    imported_at         timestamptz not null,
    updated_at          timestamptz not null
);
create index mailing_subscribers_to_verify on mailing_subscribers (verify_state, from_warmup_file desc, id)
    where verify_state <> 'done' and status = 'active';
create index mailing_subscribers_tier on mailing_subscribers (isp, data_quality_score) where status = 'active';

create table data_import_log (
    id                  bigint generated always as identity primary key,
    original_key        text not null,
    fingerprint         text not null,                 -- of the object's content version (etag, or size and mtime)
    processed_key       text,
    rejects_key         text,
    classification      text,                          -- FileType
    reasons             jsonb not null default '[]',
    status              text not null check (status in ('listed', 'importing', 'merged', 'done', 'held', 'failed')),
    error               text,
    number              bigint,                        -- the n of processed/{n:03d}-JVC-..., from import_number
    lines_done          bigint not null default 0,     -- resume point: source lines whose rows are committed
    row_count           bigint not null default 0,
    inserted            bigint not null default 0,
    updated             bigint not null default 0,
    unchanged           bigint not null default 0,
    rejected            bigint not null default 0,
    rejected_by_reason  jsonb not null default '{}',
    started_at          timestamptz not null,
    finished_at         timestamptz
);
-- One unfinished entry per object version; the same version may be uploaded again later.
create unique index data_import_log_open on data_import_log (original_key, fingerprint)
    where status in ('listed', 'importing', 'merged');
create sequence import_number;

create table mailing_global_suppressions (
    email_md5   text primary key,
    reason      text not null,                         -- listed, hard_bounced, complained, unsubscribed
    source      text not null,                         -- import:<id>, decision:<id>, link, api:<name>
    since       timestamptz not null,
    expires     timestamptz
);

create table mailing_engine_decisions (
    id           bigint generated always as identity primary key,
    at           timestamptz not null,
    until        timestamptz not null,
    isp          text,
    agent        text not null,
    action       text not null,
    target_type  text not null,
    target       text not null,
    reason       text not null,
    rule         text not null,
    mode         text not null,
    status       text not null,
    status_note  text,                                 -- why it was rejected, superseded, failed, released
    evidence     jsonb not null,
    parameters   jsonb not null default '{}',
    undoes       bigint references mailing_engine_decisions,  -- probe and release: the decision being undone
    generation   bigint,                               -- of the desired state that carried it to the host
    ended_at     timestamptz
);
create index mailing_engine_decisions_standing on mailing_engine_decisions (status, until);
create index mailing_engine_decisions_at on mailing_engine_decisions (at);

create table mailing_engine_suppressions (
    isp          text not null,                        -- an Isp, or 'elsewhere'
    email_md5    text not null,
    reason       text not null,
    rule         text not null,                        -- the reply rule that said so
    decision_id  bigint references mailing_engine_decisions,
    since        timestamptz not null,
    expires      timestamptz,
    primary key (isp, email_md5)
);

-- Earlier replies of the kind that suppresses only the second time.
create table mailing_engine_strikes (
    email_md5   text not null,
    rule        text not null,
    strikes     int not null,
    last_at     timestamptz not null,
    primary key (email_md5, rule)
);

create table mailing_engine_signals (
    isp          text not null,                        -- an Isp, or 'elsewhere'
    scope_type   text not null,                        -- isp, queue, vmta, ip, job, host
    scope        text not null,
    signal       text not null,                        -- bounce, complaint, deferral, cusum:<name>, reply:<rule>
    window_s     int not null,                         -- 0: since the last reset
    n            bigint not null,                      -- exposure
    x            bigint not null,                      -- events among n
    s            bigint not null default 0,            -- CUSUM statistic, where the signal has one
    state        jsonb not null default '{}',          -- buckets of the window, so that a restart goes on
    updated_at   timestamptz not null,
    primary key (isp, scope_type, scope, signal, window_s)
);

create table mailing_engine_signal_history (           -- for charts; kept 90 days
    at           timestamptz not null,
    isp          text not null,
    signal       text not null,
    n            bigint not null,
    x            bigint not null,
    primary key (isp, signal, at)
);

create table mailing_engine_agents (
    isp          text not null,
    agent        text not null,
    mode         text not null,
    state        text not null,                        -- watching, alarmed, holding, probing, no_signal, steered
    reason       text not null,
    evaluations  bigint not null default 0,
    evaluated_at timestamptz not null,
    primary key (isp, agent)
);

create table mailing_engine_feeds (
    source        text primary key,                    -- identity of an accounting file: name and inode, or hash
    path          text not null,
    byte_offset   bigint not null,
    line          bigint not null,
    header        text not null default '',
    ingested      bigint not null default 0,
    rejected      bigint not null default 0,
    updated_at    timestamptz not null
);
create table mailing_engine_progress (               -- one row: how far the accounting log has been read
    sole        boolean primary key default true check (sole),
    read_until  timestamptz not null,                  -- every record logged before it has been ingested
    receipts    boolean not null default false         -- the log holds `r` records: silence about a message means something
);
create table mailing_engine_feed_rejects (
    source   text not null references mailing_engine_feeds on delete cascade,
    line     bigint not null,
    reason   text not null,
    primary key (source, line)
);

create table mailing_engine_commands (                 -- the outbox: one row per mutating command
    id           bigint generated always as identity primary key,
    host         text not null,
    knob         text not null,                        -- what it turns, e.g. queue:gmail.com/mta1, include
    generation   bigint not null,
    decision_id  bigint references mailing_engine_decisions,  -- null: reconcile
    argv         jsonb not null,
    stdin_sha256 text,
    state        text not null check (state in ('pending', 'sent', 'done', 'failed')),
    exit_status  int,
    output       text,
    read_back    text,                                 -- what the MTA said afterwards
    created_at   timestamptz not null,
    finished_at  timestamptz
);
create index mailing_engine_commands_open on mailing_engine_commands (host, id) where state in ('pending', 'sent');

create table mailing_campaigns (
    id             bigint generated always as identity primary key,
    name           text not null,
    kind           text not null default 'campaign' check (kind in ('campaign', 'flow')),
    status         text not null default 'draft'
                   check (status in ('draft', 'scheduled', 'preparing', 'sending', 'paused', 'finished', 'cancelled')),
    status_reason  text,
    from_name      text not null,
    from_address   text not null,
    landing_url    text not null,
    audience       jsonb not null default '{}',        -- the segment expression
    batch_per_min  int not null default 6000,          -- pacing, messages per business minute
    scheduled_at   timestamptz,
    started_at     timestamptz,
    deadline_at    timestamptz,                        -- after it the rest is held, reason stopped
    finished_at    timestamptz,
    created_at     timestamptz not null,
    created_by     text not null
);

create table mailing_ab_tests (
    id            bigint generated always as identity primary key,
    campaign_id   bigint not null unique references mailing_campaigns,
    element       text not null,                       -- what differs: subject, preheader, body
    salt          text not null,
    status        text not null default 'running' check (status in ('running', 'decided', 'undecided')),
    winner_id     bigint,
    decided_at    timestamptz
);
create table mailing_ab_variants (
    id          bigint generated always as identity primary key,
    test_id     bigint not null references mailing_ab_tests,
    name        text not null,                         -- A, B, ...
    weight      int not null check (weight > 0),
    subject     text not null,
    preheader   text not null default '',
    html        text not null,
    unique (test_id, name)
);
alter table mailing_ab_tests add foreign key (winner_id) references mailing_ab_variants;

create table content_learnings (
    id          bigint generated always as identity primary key,
    test_id     bigint not null unique references mailing_ab_tests,
    element     text not null,
    winner      text not null,
    loser       text not null,
    n           bigint not null,
    clicks      bigint not null,
    lift        double precision not null,
    probability double precision not null,             -- that the winner is better
    at          timestamptz not null
);

-- Audience and send ledger in one: one row per person and campaign, written before injection.
create table mailing_sends (
    id             bigint generated always as identity primary key,  -- X-EnvID is 'ig' || id
    campaign_id    bigint not null references mailing_campaigns,
    subscriber_id  bigint not null references mailing_subscribers on delete cascade,
    variant_id     bigint references mailing_ab_variants,
    isp            text,
    domain         text not null,
    state          text not null check (state in ('waiting', 'claimed', 'in_doubt', 'injected', 'suppressed', 'held')),
    reason         text,                               -- of suppressed and held
    vmta           text,
    claimed_at     timestamptz,
    doubted_at     timestamptz,                        -- not before the doubt arose: injection had ended by then
    injected_at    timestamptz,
    outcome        text,                               -- last word of the accounting log: delivered, hard_bounced, ...
    attempts       int not null default 0,             -- accounting attempts seen (d, b, t)
    unique (campaign_id, subscriber_id)
);
create index mailing_sends_todo on mailing_sends (campaign_id, id) where state in ('waiting', 'claimed', 'in_doubt');
create index mailing_sends_doubt on mailing_sends (doubted_at) where state in ('claimed', 'in_doubt');
create index mailing_sends_person on mailing_sends (subscriber_id)
    where state in ('claimed', 'in_doubt', 'injected');  -- the gate's frequency rule

create table mailing_warmup_days (
    vmta         text not null,
    ip           text not null,
    isp          text not null,                        -- an Isp, or 'elsewhere'
    day          date not null,
    budget       int not null,
    on_hand      int not null default 0,               -- people that the tiers and budgets allowed that day
    selected     int not null default 0,
    accepted     int not null default 0,
    deferred     int not null default 0,
    bounced      int not null default 0,
    complained   int not null default 0,
    slow_start   boolean not null default true,
    note         text not null default '',             -- why the budget is what it is
    primary key (vmta, isp, day)
);

create table automation_flows (
    id           bigint generated always as identity primary key,
    name         text not null unique,
    trigger      text not null,                        -- an EventType
    steps        jsonb not null,
    min_score    numeric(3,2) not null default 0.50,    -- at the time of entry
    share        int not null default 100 check (share between 1 and 100),  -- percent of those who qualify, by hash
    status       text not null default 'active' check (status in ('active', 'paused')),
    campaign_id  bigint not null references mailing_campaigns,  -- of the flow's one mail
    seen_id      bigint not null default 0,            -- events up to here have been looked at
    horizon_id   bigint,                               -- next: up to here, once every transaction that
    horizon_xid  xid8,                                 -- began before this one has ended
    created_at   timestamptz not null
);
create table automation_executions (
    id             bigint generated always as identity primary key,
    flow_id        bigint not null references automation_flows,
    subscriber_id  bigint not null references mailing_subscribers on delete cascade,
    step           int not null default 0,
    state          text not null check (state in ('waiting', 'done', 'exited')),
    wake_at        timestamptz not null,
    entered_at     timestamptz not null,
    ended_at       timestamptz,
    reason         text,
    unique (flow_id, subscriber_id)
);
create index automation_executions_due on automation_executions (wake_at) where state = 'waiting';

create table subscriber_events (
    id             bigint generated always as identity,
    event_type     text not null,
    event_at       timestamptz not null,
    subscriber_id  bigint,
    campaign_id    bigint,
    variant_id     bigint,
    isp            text,
    verdict        text,
    metadata       jsonb not null default '{}',
    primary key (event_at, id)
) partition by range (event_at);
create index subscriber_events_id on subscriber_events (id);  -- keyset of the event list
create index subscriber_events_person on subscriber_events (subscriber_id, event_at);
create index subscriber_events_campaign on subscriber_events (campaign_id, event_type);
-- Takes what lies outside the months that were made (an old log ingested late, a clock that was wrong), so
-- that no writer ever fails on a date; making a month moves its rows there.
create table subscriber_events_other partition of subscriber_events default;

-- What the live feed pushes. Rows are inserted last in a transaction, under one advisory lock, so that
-- ids become visible in the order in which they grow.
create table live_feed (
    id     bigint generated always as identity primary key,
    type   text not null,
    at     timestamptz not null,
    isp    text,
    data   jsonb not null
);

create table partition_log (
    partition   text primary key,
    from_at     timestamptz not null,
    to_at       timestamptz not null,
    created_at  timestamptz not null,
    dropped_at  timestamptz
);
