-- A ledger row is written anew when it is claimed, injected and marked. Room for one more version of each row on its
-- own page lets the marks of the accounting log, which touch no index, stay there. Pages written from now on have it.
alter table mailing_sends set (fillfactor = 50);
