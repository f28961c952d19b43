-- A backlog of the accounting log is governed first: deliveries are kept here, in the step that stored their events and
-- its position, until the ledger's marks and the people's scores have followed. Empty while the log is quiet.
create table mailing_engine_unsettled (
    id       bigint generated always as identity primary key,
    sends    bigint[] not null,                          -- ledger rows that were delivered
    people   bigint[] not null,                          -- of each its person
    seen_at  timestamptz[] not null                      -- and when
);
alter table mailing_engine_unsettled alter sends set storage external, alter people set storage external,
      alter seen_at set storage external;
