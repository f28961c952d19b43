-- Hosts whose answers the executor cannot read: they are only observed, whatever the modes say. No row: all can be read.
create table mailing_engine_unread_hosts (
    host   text primary key,
    why    text not null,                                -- the place that is missing in the host's answers
    since  timestamptz not null
);
