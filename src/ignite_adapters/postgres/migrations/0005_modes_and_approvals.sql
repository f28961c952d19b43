-- How far agents may go, set by people; '' stands for every agent, or every provider.
create table mailing_engine_modes (
    agent   text not null,
    isp     text not null,
    mode    text not null,
    author  text not null,
    at      timestamptz not null,
    reason  text not null,
    primary key (agent, isp)
);

-- Where agents take no new action at the MTA; '' stands for everywhere.
create table mailing_engine_stops (
    isp     text primary key,
    author  text not null,
    at      timestamptz not null,
    reason  text not null
);

-- A proposal with a deadline waits for a person; whoever made or settled a decision stands with it.
alter table mailing_engine_decisions
    add column deadline      timestamptz,
    add column on_deadline   text check (on_deadline in ('apply', 'reject')),
    add column author        text,
    add column author_reason text;
create index mailing_engine_decisions_waiting on mailing_engine_decisions (deadline)
 where status = 'proposed' and ended_at is null and deadline is not null;
create index mailing_engine_decisions_undoes on mailing_engine_decisions (undoes) where undoes is not null;
