-- Where signals stand now and how they got there are two tables: the state of the ingestor, kept up to date in place,
-- and what came on top in each slice of record time, a row only where something did, dropped by the month.
create table mailing_engine_signal_state (
    isp          text not null,                        -- an Isp, 'elsewhere', or 'host'
    scope_type   text not null,                        -- isp, ip, job, queue, host
    scope        text not null,
    signal       text not null,                        -- state, a signal's name, or reply:<rule>
    window_s     int not null,                         -- 60, 300, 3600, 86400; 0: the whole state
    n            bigint not null,                      -- exposure
    x            bigint not null,                      -- events among n
    s            bigint not null default 0,            -- CUSUM statistic, where the signal has one
    state        jsonb not null default '{}',          -- everything a restart goes on from
    updated_at   timestamptz not null,
    primary key (isp, scope_type, scope, signal, window_s)
);
insert into mailing_engine_signal_state (isp, scope_type, scope, signal, window_s, n, x, s, state, updated_at)
select isp, scope_type, scope, signal, window_s, n, x, s, state, updated_at from mailing_engine_signals;
drop table mailing_engine_signals;
create index mailing_engine_signal_state_rows on mailing_engine_signal_state (signal)
    where signal = 'state' or signal like 'reply:%';

create table mailing_engine_signals (
    at           timestamptz not null,                 -- where the slice begins: 5 minutes of a provider and of the
                                                       -- host, 15 of an address, a job, a queue
    isp          text not null,
    scope_type   text not null,
    scope        text not null,
    signal       text not null,
    n            bigint not null,                      -- exposure in the slice
    x            bigint not null,                      -- events in the slice; of latency: seconds
    s            bigint,                               -- highest CUSUM statistic in the slice, where an alarm runs
    h            bigint,                               -- its limit
    primary key (isp, scope_type, scope, signal, at)
) partition by range (at);
-- Months that were not made: an old log ingested late. Making a month moves its rows there.
create table mailing_engine_signals_other partition of mailing_engine_signals default;

insert into mailing_engine_signals (at, isp, scope_type, scope, signal, n, x)
select at, isp, 'isp', isp, signal, n, x from mailing_engine_signal_history where n > 0 or x > 0;
drop table mailing_engine_signal_history;
