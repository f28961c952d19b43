-- A backlog of the accounting log is governed first: deliveries are kept here, in the step that stored their events and
-- its position, until the ledger's marks and the people's scores have followed. Empty while the log is quiet.
create table mailing_engine_unsettled (
    id       bigint generated always as identity primary key,
    sends    bigint[] not null,                          -- ledger rows that were delivered
    seconds  bigint[] not null                           -- and when, since 1970
);
alter table mailing_engine_unsettled alter sends set storage external, alter seconds set storage external;
