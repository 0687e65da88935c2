#!/bin/sh
# pgbench's own scripts in every protocol mode, as a transcript: how many transactions there were and what they left
# behind, never how fast they were.
set -eu

title() { printf '\n== %s\n' "$*"; }

# What does not depend on time, of one run.
bench() {
    title "pgbench $*"
    code=0
    pgbench -n --random-seed=7 "$@" >out.txt 2>err.txt || code=$?
    grep -E '^(transaction type|scaling|query mode|number of (clients|threads|transactions|failed))' out.txt || true
    grep -vE '^(pgbench \(|pgbench: (setting random|INFO))' err.txt || true
    echo "exit $code"
}

# All tables, but for the time in the history. Digests in letters: three digits of theirs could be those of a cvv.
contents() {
    psql -X -At <<'SQL' | tr 0123456789 ghijklmnop
SELECT 'accounts', count(*), sum(abalance), md5(string_agg(aid || ' ' || bid || ' ' || abalance, ',' ORDER BY aid))
    FROM pgbench_accounts;
SELECT 'tellers', count(*), sum(tbalance), md5(string_agg(tid || ' ' || bid || ' ' || tbalance, ',' ORDER BY tid))
    FROM pgbench_tellers;
SELECT 'branches', count(*), sum(bbalance) FROM pgbench_branches;
SELECT 'history', count(*), sum(delta),
    md5(string_agg(tid || ' ' || bid || ' ' || aid || ' ' || delta, ',' ORDER BY tid, bid, aid, delta)) FROM pgbench_history;
SQL
}

title "pgbench -i"
code=0
pgbench -i -q -s 1 --foreign-keys >init.txt 2>&1 || code=$?
echo "exit $code"
[ "$code" = 0 ] || cat init.txt
psql -X -c '\d pgbench_*'
contents

for mode in simple extended prepared; do
    for builtin in tpcb-like simple-update select-only; do
        bench -M "$mode" -b "$builtin" -c 1 -t 30
        contents
    done
    # Several clients at once: in which order is left to chance, that the money adds up is not.
    bench -M "$mode" -b tpcb-like -c 4 -j 2 -t 10
    psql -X -At -c 'SELECT sum(abalance) = (SELECT sum(delta) FROM pgbench_history), (SELECT count(*) FROM pgbench_history) FROM pgbench_accounts'
    # From the same money on, so that every mode starts alike.
    psql -X -q -c 'UPDATE pgbench_accounts SET abalance = 0 WHERE abalance <> 0' -c 'UPDATE pgbench_tellers SET tbalance = 0 WHERE true' \
        -c 'UPDATE pgbench_branches SET bbalance = 0 WHERE true' -c 'DELETE FROM pgbench_history WHERE true'
done

bench -S -C -c 2 -t 5

# What their own scripts do not have: pipelines, \gset, \aset, several statements in one message.
cat >pipeline.sql <<'SQL'
\set id random(1, 6)
\startpipeline
SELECT pan AS pan1 FROM cards WHERE id = :id;
UPDATE pgbench_branches SET filler = 'x' WHERE bid = 1;
SELECT 1 AS one;
\endpipeline
SELECT abalance AS balance FROM pgbench_accounts WHERE aid = :id \gset
SELECT 1 AS three \aset
INSERT INTO pgbench_history (tid, bid, aid, delta) VALUES (:id, :three, :id, :balance);
SQL
for mode in extended prepared; do
    bench -M "$mode" -f pipeline.sql -c 2 -t 10
done
cat >compound.sql <<'SQL'
SELECT 2 AS two \; SELECT 3 AS three \aset
BEGIN \; UPDATE pgbench_branches SET bbalance = bbalance + :three WHERE true \; SELECT bbalance AS now FROM pgbench_branches \gset
END;
INSERT INTO pgbench_history (tid, bid, aid, delta) VALUES (:two, 1, :three, 9);
SQL
bench -f compound.sql -c 1 -t 10
bench -M extended -f compound.sql -c 1 -t 1
echo 'SELECT 1/0;' >failing.sql
bench -f failing.sql -c 1 -t 3
contents
psql -X -q -c 'DROP TABLE pgbench_history, pgbench_accounts, pgbench_tellers, pgbench_branches'
