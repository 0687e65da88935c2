//! Which columns statements touch, and how: every shape in which a value of `cards.pan` can be read, compared or written.

use hoop_statement::{Facts, How};

use crate::facts;

/// Is `cards.pan` touched in this way?
fn pan(f: &Facts, how: How) -> bool {
    f.touches.iter().any(|t| {
        t.relation == "cards"
            && t.how == how
            && t.column.as_deref().is_none_or(|c| c == "pan")
            && t.schema.as_deref().is_none_or(|s| s == "public")
    })
}

/// `o`, `p` and `w` for output, predicate and write.
fn how(text: &str) -> String {
    let f = facts(text);
    [(How::Output, 'o'), (How::Predicate, 'p'), (How::Write, 'w')]
        .into_iter()
        .filter_map(|(how, letter)| pan(&f, how).then_some(letter))
        .collect()
}

/// Statements, and the ways in which they touch `public.cards.pan`.
const TOUCHED: &[(&str, &str)] = &[
    // Not at all.
    ("select id from cards", ""),
    ("select c.id from cards c where c.id = 1", ""),
    ("select count(*) from cards", ""),
    ("select * from (select id from cards) s", ""),
    ("with c as (select id from cards) select * from c", ""),
    ("with cards as (select 1 as pan) select pan from cards", ""),
    ("select o.pan from cards c join other o on o.id = c.id", ""),
    ("select p.* from cards c, payments p where c.id = p.id", ""),
    ("update cards set name = 'x' where id = 1", ""),
    ("insert into cards (id, name) values (1, 'x')", ""),
    ("delete from cards where id = 1", ""),
    ("copy cards (id) to stdout", ""),
    ("insert into cards default values", ""),
    ("select pan from other.cards", ""),
    // Into the answer.
    ("select pan from cards", "o"),
    ("select cards.pan from cards", "o"),
    ("select public.cards.pan from public.cards", "o"),
    ("select c.pan as x from cards as c", "o"),
    ("select * from cards", "o"),
    ("select c.* from cards c, payments p", "o"),
    ("table cards", "o"),
    ("select c from cards c", "o"),
    ("select cards from cards", "o"),
    ("copy cards to stdout", "o"),
    ("copy cards (pan) to stdout", "o"),
    ("copy (select pan from cards) to stdout", "o"),
    ("select pan from cards union all select 'x'", "o"),
    ("update payments p set status = c.pan from cards c where c.id = p.id", "o"),
    ("insert into other select pan from cards", "o"),
    ("create table t as select pan from cards", "o"),
    ("create view v as select * from cards", "o"),
    ("declare c cursor for select pan from cards", "o"),
    ("prepare p as select pan from cards", "o"),
    ("explain analyze select pan from cards", "o"),
    ("delete from cards where id = 1 returning pan", "o"),
    ("select pan from cards tablesample system (1)", "o"),
    ("select pan from payments, lateral (select 1) s, cards", "o"),
    // By way of an expression, or of a table of its own.
    ("select pan = '4111' from cards", "op"),
    ("select (c).pan from cards c", "op"),
    ("select lower(pan) from cards", "op"),
    ("select to_json(c) from cards c", "op"),
    ("select row(c.*) from cards c", "op"),
    ("select case when pan like '4%' then 1 end from cards", "op"),
    ("select a from cards as c(id, a)", "op"),
    ("select x from (cards join payments using (id)) as j(x, y)", "op"),
    ("select x from (select pan as x from cards) s where x like '4%'", "op"),
    ("with x as (select pan from cards) select 1 from x", "op"),
    ("select (with x as (select c.pan) select pan from x) from cards c", "op"),
    ("select distinct pan from cards", "op"),
    ("select pan from cards union select 'x'", "op"),
    ("select pan from cards intersect all select '4111'", "o"),
    ("select * from cards natural join payments", "op"),
    ("select pan from cards order by pan", "op"),
    ("select (select pan from cards limit 1)", "op"),
    ("select s.x from cards c, lateral (select c.pan as x) s", "op"),
    ("select f.x from cards c, lateral unnest(array[c.pan]) f(x)", "op"),
    // Where a nearer name hides nothing.
    ("select (select c.pan from (orders as c cross join payments) as j limit 1) from cards c", "op"),
    ("select (select s.v from orders c, (select c.pan as v) s limit 1) from cards c", "op"),
    // By its place or a new name, and by the row that was written.
    ("select id, pan from cards order by 2 limit 1", "op"),
    ("select pan as p, count(*) from cards group by p", "op"),
    ("update cards set id = 1 where id = 2 returning to_jsonb(old)", "op"),
    ("update cards set id = 1 where id = 2 returning new", "o"),
    ("delete from cards where id = 2 returning with (old as o) o", "o"),
    ("insert into cards (id) values (1) on conflict (pan) do nothing", "p"),
    // Into a decision.
    ("select 1 from cards where pan = '4111'", "p"),
    ("select 1 from cards c where c.pan like '4%'", "p"),
    ("select 1 from payments p join cards c on c.pan = p.ref", "p"),
    ("select 1 from payments join cards using (pan)", "p"),
    ("select 1 from payments natural join cards", "p"),
    ("select count(*) from cards group by pan", "p"),
    ("select 1 from cards order by pan", "p"),
    ("select 1 from cards having max(pan) > '4'", "p"),
    ("select rank() over w from cards window w as (order by pan)", "p"),
    ("select count(*) filter (where pan = '4') from cards", "op"),
    ("select 1 from payments where exists (select 1 from cards where pan = ref)", "p"),
    ("select 1 from payments where ref in (select pan from cards)", "p"),
    ("select 1 from cards limit (select length(pan) from cards limit 1)", "p"),
    ("delete from cards where pan = '4111'", "p"),
    ("delete from payments using cards where pan = ref", "p"),
    ("update cards set name = 'x' where pan = '4111'", "p"),
    ("insert into cards (id) values (1) on conflict (pan) where pan > '4' do nothing", "p"),
    // Written.
    ("update cards set pan = '4111' where id = 1", "w"),
    ("update cards set (id, pan) = (1, '4111') where id = 1", "w"),
    ("update public.cards set pan = default where id = 1", "w"),
    ("insert into cards (id, pan) values (1, '4111')", "w"),
    ("insert into cards values (1, '4111')", "w"),
    ("insert into cards select 1, '4111'", "w"),
    ("insert into cards (id) values (1) on conflict (id) do update set pan = '4111'", "w"),
    ("copy cards from stdin", "w"),
    ("copy cards (pan) from stdin", "w"),
    ("merge into cards c using payments p on c.id = p.id when matched then update set pan = 'x'", "w"),
    ("merge into cards using payments p on true when not matched then insert values (1, 'x')", "w"),
    ("merge into cards using payments p on true when not matched then insert (pan) values ('x')", "w"),
    ("alter table cards alter pan type text using 'x'", "w"),
    ("create trigger t before update on cards execute function f()", "w"),
    ("update cards set pan = pan || '1' where id = 1", "opw"),
    ("merge into cards c using payments p on c.pan = p.ref when matched then delete", "p"),
    ("merge into payments p using cards c on true when matched then update set ref = c.pan", "o"),
];

#[test]
fn what_is_touched() {
    for (text, expected) in TOUCHED {
        assert_eq!(how(text), *expected, "{text}");
    }
}

#[test]
fn where_and_limit_are_known() {
    for (text, unfiltered, limited) in [
        ("select 1", false, false),
        ("select 1 from t", true, false),
        ("select 1 from t where a", false, false),
        ("select 1 from t limit 10", true, true),
        ("select 1 from t limit all", true, false),
        ("select 1 from t limit null", true, false),
        ("select 1 from t where a limit $1", false, true),
        ("select 1 from (select 1 from t limit 1) s where a", true, false),
        ("select 1 from t where a fetch first 3 rows only", false, true),
        ("values (1)", false, false),
    ] {
        let f = facts(text);
        assert_eq!((f.unfiltered, f.limited), (unfiltered, limited), "{text}");
    }
}
