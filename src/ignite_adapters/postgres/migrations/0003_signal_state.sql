-- A scope's whole state now stands in one row (signal 'state'); rows of the earlier form cannot be read any more.
-- Windows and alarms begin afresh: at most a day of counts is lost, decisions stand.
delete from mailing_engine_signals;
create index mailing_engine_signals_state on mailing_engine_signals (signal) where signal = 'state' or signal like 'reply:%';
