-- The rungs that a throttle's rate has stood on; the first is the cut that it began with.
create table mailing_engine_rate_steps (
    id           bigint generated always as identity primary key,
    decision_id  bigint not null references mailing_engine_decisions,
    at           timestamptz not null,
    rung         int not null,
    rate_per_min double precision not null,
    reason       text not null
);
create index mailing_engine_rate_steps_decision on mailing_engine_rate_steps (decision_id, id);
create index mailing_engine_rate_steps_at on mailing_engine_rate_steps (at);
