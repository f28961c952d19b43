-- More than one accounting log, and what is known about each: files that hosts push, counts, alerts.

create table mailing_engine_pushed_files (           -- accounting files that hosts push over HTTP
    host        text not null,
    identity    text not null,                         -- the sender's name for this very file, for its life
    file        text not null,
    received    bigint not null,                       -- bytes so far: where the next push must begin
    closed      boolean not null,                      -- no more will come
    updated_at  timestamptz not null,
    primary key (host, identity)
);
create table mailing_engine_pushed_chunks (          -- kept until what they say is committed
    host         text not null,
    identity     text not null,
    byte_offset  bigint not null,
    data         bytea not null,
    primary key (host, identity, byte_offset),
    foreign key (host, identity) references mailing_engine_pushed_files on delete cascade
);

create table mailing_engine_hosts (                  -- how each host's log stands; '' is the one of pmta.accounting_dir
    host       text primary key,
    read_at    timestamptz not null,                   -- when it was last looked at
    failure    text not null,                          -- why it could not be read, else empty
    record_at  timestamptz,                            -- when something new was last in it
    logged_at  timestamptz,                            -- the newest timeLogged
    ahead_s    double precision not null               -- how far the newest record of the last batch was ahead of our clock
);
create table mailing_engine_record_types (           -- record types by host, unknown ones included
    host      text not null,
    type      text not null,
    records   bigint not null,
    first_at  timestamptz not null,
    last_at   timestamptz not null,
    primary key (host, type)
);
create table mailing_engine_record_minutes (         -- by minute of timeLogged; kept for a day, to hold against the MTA's totals
    host     text not null,
    at       timestamptz not null,
    type     text not null,
    records  bigint not null,
    primary key (host, at, type)
);

create table mailing_engine_unknown_replies (        -- texts that no rule knows, masked; the least seen are dropped
    isp       text not null,                           -- an Isp, or 'elsewhere'
    status    text not null,
    text      text not null,
    count     bigint not null,
    first_at  timestamptz not null,
    last_at   timestamptz not null,
    primary key (isp, status, text)
);

create table mailing_engine_reported_complaints (    -- rates that an ISP reports by other ways than a feedback loop
    isp          text not null,
    domain       text not null,                        -- the sending domain that the rate is of
    day          date not null,
    rate         double precision not null,            -- complaints per delivered message
    complaints   bigint,                               -- where the source gives counts
    delivered    bigint,
    source       text not null,
    imported_at  timestamptz not null,
    primary key (isp, domain, day)
);

create table mailing_engine_alerts (
    id          bigint generated always as identity primary key,
    kind        text not null,
    subject     text not null,                         -- what it is about: a host, a type of a host
    text        text not null,
    first_seen  timestamptz not null,
    last_seen   timestamptz not null,
    ended_at    timestamptz
);
create unique index mailing_engine_alerts_open on mailing_engine_alerts (kind, subject) where ended_at is null;
create table mailing_engine_alert_tellings (         -- what went out
    alert_id  bigint not null references mailing_engine_alerts on delete cascade,
    channel   text not null,                           -- webhook, email
    what      text not null,                           -- begun, ended
    told_at   timestamptz not null,
    primary key (alert_id, channel, what)
);
