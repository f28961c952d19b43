-- Which limiter the brands' own domains meet, as DNS said last, and their last move.

create table mailing_limiters (
    domain         text primary key,
    isp            text not null,
    limiter_group  text not null,
    hosts          text[] not null,
    former         text,                                 -- the group before the last move
    moved_at       timestamptz
);
