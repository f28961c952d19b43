-- The changes to the rule table that were ever in force; the newest are in force now. Without a row it is as shipped.
create table mailing_engine_policies (
    version   int primary key check (version > 0),
    at        timestamptz not null,
    author    text not null,
    reason    text not null,
    document  text not null                            -- YAML: rule name -> fields that are other than shipped
);
