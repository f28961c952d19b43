-- Hosts whose answers the executor cannot read: they are only observed, whatever the modes say. No row: all can be read.
create table mailing_engine_unread_hosts (
    host   text primary key,
    why    text not null,                                -- the place that is missing in the host's answers
    since  timestamptz not null
);
-- What hangs on a decision: to undo a suppression as a whole, to show its commands, and to prune what is old.
create index mailing_engine_suppressions_decision on mailing_engine_suppressions (decision_id)
 where decision_id is not null;
create index mailing_engine_commands_decision on mailing_engine_commands (decision_id) where decision_id is not null;
