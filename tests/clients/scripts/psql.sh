#!/bin/sh
# What psql can do, as a transcript. Where to connect comes from the PG… variables; works in the current folder.
set -eu

ask() { psql -X "$@" 2>&1 || echo "exit $?"; }
title() { printf '\n== %s\n' "$*"; }

# What the gateway says otherwise on purpose: WHAT, what is said straight at the server, what through it, and psql's options.
by_design() {
    what=$1 said=$2
    [ "$HOOP_WAY" = direct ] || said=$3
    shift 3
    case $(ask "$@") in
    *"$said"*) echo "by design: $what as expected" ;;
    *) echo "by design: $what: \`$said\` is not said" ;;
    esac
}

# Waits until the statement $1 sleeps on the server: one that is only parsed yet would ignore the cancel.
until_runs() {
    # What others run is not shown through the gateway, but that they sleep is.
    tries=0
    while [ "$(psql -X -At -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")" = 0 ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { echo "never ran: $1" && exit 1; }
        sleep 0.1
    done
}

# ---- describing: the objects of this file's own, then psql's describe family on them and on the shop's tables

title objects
ask -q <<'SQL'
CREATE SCHEMA shapes;
CREATE TYPE shapes.colour AS ENUM ('red', 'green', 'blue');
CREATE TYPE shapes.point3 AS (x int, y int, z int);
CREATE DOMAIN shapes.positive AS int CHECK (VALUE > 0);
CREATE SEQUENCE shapes.counter START 5;
CREATE TABLE shapes.parts (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, colour shapes.colour NOT NULL DEFAULT 'red',
    size shapes.positive, area int GENERATED ALWAYS AS (size * size) STORED, note text COLLATE "C",
    CONSTRAINT small CHECK (size < 1000)
);
COMMENT ON TABLE shapes.parts IS 'one row a part';
COMMENT ON COLUMN shapes.parts.size IS 'in millimetres';
CREATE INDEX by_colour ON shapes.parts (colour, size DESC) WHERE size > 10;
CREATE VIEW shapes.red AS SELECT id, size FROM shapes.parts WHERE colour = 'red';
CREATE MATERIALIZED VIEW shapes.sizes AS SELECT colour, sum(size) FROM shapes.parts GROUP BY colour;
CREATE TABLE shapes.logs (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE shapes.logs_2026 PARTITION OF shapes.logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE FUNCTION shapes.double(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE FUNCTION shapes.shout(what text) RETURNS void LANGUAGE plpgsql AS
    'BEGIN RAISE NOTICE ''heard %'', what USING DETAIL = ''all of it'', HINT = ''whisper''; RAISE WARNING ''once''; END';
CREATE PROCEDURE shapes.paint(n int) LANGUAGE sql AS 'UPDATE shapes.parts SET colour = ''green'' WHERE id = n';
CREATE FUNCTION shapes.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := upper(NEW.note); RETURN NEW; END';
CREATE STATISTICS shapes.together ON colour, size FROM shapes.parts;
INSERT INTO shapes.parts (colour, size, note) VALUES ('red', 3, 'a'), ('blue', 20, 'b'), ('green', 30, NULL);
REFRESH MATERIALIZED VIEW shapes.sizes;
SQL

for describe in \
    '\d' '\d+' '\d cards' '\d+ cards' '\d customers' '\d+ payments' '\d shapes.*' '\d+ shapes.*' '\da pg_catalog.sum' \
    '\dA' '\dAc btree int*' '\dAf btree int*' '\dAo btree integer_ops' '\dAp btree integer_ops' '\db' '\dc utf8_to_w*' \
    '\dC int' '\dconfig work_mem' '\dd shapes.*' '\dD shapes.*' '\ddp' '\dE' '\des' '\det' '\deu' '\dew' '\df shapes.*' \
    '\df+ shapes.*' '\dfa sum' '\dF' '\dFd' '\dFp' '\dFt' '\dg' '\di shapes.*' '\di' '\dl' '\dL' '\dm shapes.*' \
    '\dn' '\dn+' '\do pg_catalog.=' '\dO pg_catalog.uni*' '\dp' '\dp shapes.*' '\dP shapes.*' '\dPtin shapes.*' '\drds' \
    '\dRp' '\dRs' '\ds' '\ds shapes.*' '\dt' '\dt pg_catalog.*' '\dtv information_schema.*' '\dt shapes.*' '\dT shapes.*' '\dT+ shapes.*' '\du' '\dv shapes.*' \
    '\dx' '\dx+' '\dX shapes.*' '\dy' '\l' '\sf shapes.double' '\sf+ shapes.shout' '\sv shapes.red' '\sv+ shapes.red' \
    '\z cards' '\encoding' '\d nothing' '\dt nothing' '\sf nothing' '\h ABORT' '\crosstabview'; do
    printf '\\echo\n\\echo == %s\n%s\n' "'$describe'" "$describe"
done >describe.sql
ask -f describe.sql

# ---- asking

title statements
ask -e <<'SQL'
SELECT id, pan, cvv, expiry FROM cards ORDER BY id;
SELECT * FROM notes ORDER BY id \gx
\pset null '(null)'
SELECT NULL AS n, '' AS empty, E'tab\tnew\nline' AS text, '{1,NULL,3}'::int[] AS a;
\pset format csv
SELECT pan, brand FROM cards ORDER BY id;
\pset format unaligned
SELECT order_no, placed_at AT TIME ZONE 'UTC' FROM orders ORDER BY id;
\pset format html
SELECT 1 AS "<one>";
\pset format aligned
SELECT 1 \; SELECT 2 \; SELECT 3;
SELECT pan FROM cards WHERE id = 1 \gset
\echo :pan
SELECT format('SELECT %s AS n', n) FROM generate_series(1, 3) n \gexec
SELECT brand, id, expiry FROM cards ORDER BY id \crosstabview brand id expiry
SELECT 7 AS seven, 'x'::text AS x, pan, now() AS t FROM cards \gdesc
\timing off
SELECT n FROM generate_series(1, 2) n
\g (format=unaligned tuples_only)
PREPARE two(int) AS SELECT $1 * 2 AS twice;
EXECUTE two(21);
DEALLOCATE two;
SELECT shapes.shout('all');
CALL shapes.paint(1);
\set VERBOSITY verbose
SELECT shapes.shout('verbosely');
SELECT 1/0;
\errverbose
\set VERBOSITY sqlstate
SELECT nothing FROM nowhere;
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE :ROW_COUNT
\set VERBOSITY default
SELEC 1;
SELECT 'unfinished
FROM';
SELECT FROM WHERE;
INSERT INTO shapes.parts (size) VALUES (-1);
INSERT INTO shapes.parts (size) VALUES (5000);
INSERT INTO customers VALUES (1, 'x', 'x', 'XX');
SELECT '99999999999999999999'::int;
SELECT * FROM customers WHERE id = 'x'::text;
SQL

title "by design"
by_design "a masked form that is written back" 'INSERT 0 1' 'the classified column `pan`' \
    -c "INSERT INTO cards VALUES (99, 1, 'visa', '4111*********1111', '1', '01/30')" -c "DELETE FROM cards WHERE id = 99"
by_design "a whole value beside a masked column" '1' 'substitution.lookup' -c "SELECT 1 FROM cards WHERE pan = '4111111111111111'"
by_design "a trigger, which runs code that no statement shows" 'CREATE TRIGGER' 'substitution.definition' \
    -c 'CREATE TRIGGER noted BEFORE INSERT ON shapes.parts FOR EACH ROW EXECUTE FUNCTION shapes.noted()'
by_design "a planner setting" 'SET' 'substitution.planner' -c 'SET enable_seqscan TO off'
by_design "a pinned setting" 'SET' 'gateway.pinned-setting' -c "SET client_encoding TO 'LATIN1'"
by_design "FunctionCall, which large objects need" 'lo_unlink' '0A000' -v VERBOSITY=verbose -c '\lo_import describe.sql' -c '\lo_unlink :LASTOID'

title transactions
ask -e <<'SQL'
BEGIN;
SAVEPOINT a;
SELECT 1/0;
SELECT 'refused here';
ROLLBACK TO a;
SELECT 'and here again' AS said;
RELEASE a;
INSERT INTO shapes.parts (size) VALUES (40) RETURNING id, area;
ROLLBACK;
SELECT count(*) FROM shapes.parts;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT 1/0;
SELECT 'rolled back to before it' AS said;
COMMIT;
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT off
UPDATE shapes.parts SET size = 4 WHERE id = 1;
\echo :AUTOCOMMIT
COMMIT;
\set AUTOCOMMIT on
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SHOW transaction_isolation;
UPDATE shapes.parts SET size = 5 WHERE id = 1;
COMMIT AND CHAIN;
ROLLBACK;
SELECT size FROM shapes.parts WHERE id = 1;
COMMIT;
SQL

title cursors
ask -e <<'SQL'
\set FETCH_COUNT 2
SELECT id, pan, cvv FROM cards ORDER BY id;
SELECT n, 10 / (4 - n) AS q FROM generate_series(1, 5) n;
\unset FETCH_COUNT
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT pan FROM cards ORDER BY id;
FETCH 2 FROM c;
FETCH LAST FROM c;
FETCH PRIOR FROM c;
MOVE FIRST FROM c;
FETCH ALL FROM c;
CLOSE c;
COMMIT;
SQL

title watch
# Its head line says when it was; `i=0.1 c=2` came with PostgreSQL 16, so the loop is ended by an error here.
ask -q -At -v ON_ERROR_STOP=1 <<'SQL' | sed '/^[A-Z].*(every/d; /^$/d'
SELECT 10 / (3 - nextval('shapes.counter') + 4)
\watch 0.1
SQL

case $(psql --version) in
*\ 1[3-5].*) ;;
*)
    title bind
    ask -e <<'SQL'
SELECT $1::int + $2::int AS sum \bind 40 2 \g
SELECT pan FROM cards WHERE id = $1 \bind 2 \g
SQL
    ;;
esac

# ---- copying

title copy
ask -e <<'SQL'
\copy cards TO 'cards.txt'
\copy cards (id, pan, brand) TO 'cards.csv' CSV HEADER
\copy (SELECT id, name FROM customers ORDER BY id) TO 'customers.bin' BINARY
\copy notes TO STDOUT
COPY cards TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *, NULL 'none');
COPY (SELECT n, E'a\tb\\c' AS t, NULL FROM generate_series(1, 3) n) TO STDOUT;
CREATE TABLE shapes.back (id int PRIMARY KEY, a text, b text);
\copy shapes.back FROM STDIN
1	one	eins
2	\N	zw\tei
\.
\copy shapes.back (id, a) FROM STDIN CSV
3,"dr,ei"
4,"vi""er"
\.
\copy shapes.back (id, a, b) FROM 'cards.csv' WITH (FORMAT csv, HEADER)
\copy shapes.back FROM STDIN
not a number	x	y
\.
COPY shapes.back (a) FROM STDIN;
z
\.
SELECT * FROM shapes.back ORDER BY id;
CREATE TABLE shapes.names (id int, name text);
\copy shapes.names FROM 'customers.bin' BINARY
SELECT * FROM shapes.names ORDER BY id;
\copy shapes.names FROM 'missing.txt'
SQL
cat cards.txt cards.csv
od -An -tx1 customers.bin

# ---- large values, both ways; only their digest is shown

title large
# Letters only: among so many digits some would look like card numbers.
ask -q -At <<'SQL'
CREATE TABLE shapes.large (t text);
\copy (SELECT string_agg(translate(md5(n::text), '0123456789', 'ghijklmnop'), '') FROM generate_series(1, 640000) n) TO 'large.txt'
\copy shapes.large FROM 'large.txt'
SELECT length(t), md5(t) FROM shapes.large;
SQL
wc -c <large.txt
psql -X -At -c 'SELECT t FROM shapes.large' | md5sum

# ---- notifications

title notifications
ask -e <<'SQL' | sed 's/PID [0-9]*/PID n/'
LISTEN shop;
NOTIFY shop, 'open';
SELECT pg_notify('shop', 'card ' || pan) FROM cards WHERE id = 1;
UNLISTEN shop;
NOTIFY shop, 'nobody hears';
SQL

# ---- Ctrl-C

title "interrupt of a script"
psql -X -c 'SELECT pg_sleep(601)' >interrupted.txt 2>&1 &
interrupted=$!
until_runs 'SELECT pg_sleep(601'
kill -INT "$interrupted"
wait "$interrupted" || echo "exit $?"
cat interrupted.txt

title "Ctrl-C at a terminal, and on with the same connection"
mkfifo keys
script -qec "psql -X -n" typescript <keys >screen.txt 2>&1 &
terminal=$!
exec 3>keys
printf '\\o seen.txt\nSELECT pg_backend_pid() AS before \\gset\nSELECT pg_sleep(602);\n' >&3
until_runs 'SELECT pg_sleep(602'
printf '\003' >&3
# Typed only after the answer: what is typed ahead of it, the terminal throws away.
tries=0
until grep -q 'canceling statement' screen.txt || [ "$tries" -ge 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
# shellcheck disable=SC2016 # psql's words
printf '\\qecho :ERROR :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE\nSELECT :before = pg_backend_pid() AS same;\n\\q\n' >&3
exec 3>&-
wait "$terminal" || echo "exit $?"
cat seen.txt

title "cleaning up"
ask -q -c 'DROP SCHEMA shapes CASCADE' -c '\dn'
