#!/bin/sh
# pg_dump in its formats, and that each restores, as a transcript. HOOP_SPARE leads straight to an empty database behind the same
# connection.
set -eu

title() { printf '\n== %s\n' "$*"; }
# Lines that differ in every dump: the key of \restrict, the time.
steady() { sed -E '/^\\(un)?restrict /d; /^;.*(Archive created at|Dumped|dbname)/d'; }
dump() { pg_dump --no-owner --no-privileges "$@"; }
# The dump of the spare database, compared with that of the first; then it is emptied again. The rows of `cards` are
# looked at by themselves, without what is masked in them.
same_in_spare() {
    dump -d "$HOOP_SPARE" --exclude-table-data=cards | steady | diff without-cards.sql - && echo "the same in the other database"
    psql -X -d "$HOOP_SPARE" <<'SQL'
SELECT id, customer_id, brand, left(pan, 1) AS first, length(pan), length(cvv) AS cvv, length(expiry) AS expiry FROM cards ORDER BY id;
SQL
    psql -X -q -d "$HOOP_SPARE" -c 'SET client_min_messages = error' -c 'DROP TABLE cards, customers, notes, orders, payments, more CASCADE' \
        -c 'DROP FUNCTION plus'
}

psql -X -q <<'SQL'
CREATE TABLE more (id serial PRIMARY KEY, at timestamptz, data bytea, tags text[], doc jsonb, card text, price numeric(9, 3));
INSERT INTO more (at, data, tags, doc, card, price) VALUES
    ('2026-03-01 12:00+00', '\x00ff10', '{a,"b c",NULL}', '{"k": [1, null]}', '4012888888881881', 12.500),
    (NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO more (tags) SELECT array_agg(translate(n::text, '0123456789', 'abcdefghij')) FROM generate_series(1, 5000) n;
CREATE VIEW expensive AS SELECT id, price FROM more WHERE price > 10;
CREATE FUNCTION plus(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b';
COMMENT ON VIEW expensive IS 'not cheap';
SQL

title plain
dump >dump.sql
steady <dump.sql | tee plain.sql
dump --exclude-table-data=cards | steady >without-cards.sql

for options in '--schema-only' '--data-only -t cards' '--inserts -t cards -t more' '--column-inserts -t cards' \
    '--inserts --rows-per-insert=2 -t customers' '--section=pre-data' '-t nothing'; do
    title "pg_dump $options"
    # shellcheck disable=SC2086 # words
    dump $options 2>&1 | steady | cut -c 1-2000
done

title "the plain dump restores"
# A dump of the whole: tables of the same names, in another database.
psql -X -q -d "$HOOP_SPARE" -v ON_ERROR_STOP=1 -f dump.sql
psql -X -d "$HOOP_SPARE" -c 'SELECT plus(1, 2)' -c 'SELECT * FROM expensive'
same_in_spare

title "custom format"
dump -Fc -f dump.custom
pg_restore --no-owner --no-privileges -f - dump.custom | steady | diff plain.sql - && echo "the same as text"
pg_restore -l dump.custom | steady | sed -E 's/^[0-9]+; [0-9]+ [0-9]+ //'
pg_restore --no-owner --no-privileges --exit-on-error -d "$HOOP_SPARE" dump.custom
same_in_spare

title "tar format"
dump -Ft -f dump.tar
pg_restore --no-owner --no-privileges -f - dump.tar | steady | diff plain.sql - && echo "the same as text"

title "directory format, two workers each way"
dump -Fd -j 2 -f dump.folder
pg_restore --no-owner --no-privileges -f - dump.folder | steady | diff plain.sql - && echo "the same as text"
pg_restore --no-owner --no-privileges --exit-on-error -j 2 -d "$HOOP_SPARE" dump.folder
pg_restore --no-owner --no-privileges --exit-on-error -j 2 --clean --if-exists -d "$HOOP_SPARE" dump.folder
same_in_spare

psql -X -q -c 'DROP VIEW expensive' -c 'DROP TABLE more' -c 'DROP FUNCTION plus'
