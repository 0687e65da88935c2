"""What psycopg 3 can do, as a transcript. Where to connect comes from the PG… variables."""

import asyncio
import datetime
import decimal
import hashlib
import logging
import os
import threading
import time
import uuid
from ipaddress import ip_address

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, namedtuple_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Json, Jsonb
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

THROUGH_GATEWAY = os.environ["HOOP_WAY"] == "gateway"
LARGE = 20 << 20
# What it warns of on leaving a failed pipeline depends on which answers had come by then.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

# Card numbers that nobody classified, one for each card: they are found by what they are.
NUMBER = (
    "(ARRAY[4111111111111111, 5555555555554444, 378282246310005,"
    " 6011111111111117, 3530111333300000, 2223003122003222])[id]"
)


def title(text):
    print(f"\n== {text}")


def error(e):
    """All that an error says, but for where in the server's source it was raised."""
    d = e.diag
    fields = [e.__class__.__name__, d.severity, d.sqlstate, d.message_primary, d.message_detail, d.message_hint]
    fields += [d.statement_position, d.context, d.schema_name, d.table_name, d.column_name, d.constraint_name]
    print("error:", *fields, sep=" | ")


def attempt(connection, statement, parameters=None, **options):
    try:
        print(connection.execute(statement, parameters, **options).fetchall())
    except psycopg.Error as e:
        error(e)


def by_design(what, sqlstate, act):
    """What the gateway refuses and says so; straight at the server it works."""
    try:
        act()
        refused = None
    except psycopg.Error as e:
        refused = e.sqlstate
    expected = sqlstate if THROUGH_GATEWAY else None
    print("by design:", what, "as expected" if refused == expected else f"{refused} instead of {expected}")


def prepared(connection):
    title("prepared statements")
    for n in range(4):
        row = connection.execute("SELECT %s::int * 2, %s::text", [n, "é" * n], prepare=True).fetchone()
        print(row)
    connection.prepare_threshold = 2
    for n in range(6):
        print(connection.execute("SELECT pan FROM cards WHERE id = %s", [n + 1]).fetchone())
    print(connection.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False).fetchone())
    connection.execute("DEALLOCATE ALL")


def binary(connection):
    title("binary results and parameters")
    cursor = connection.cursor(binary=True)
    for statement in [
        "SELECT id, pan, ARRAY[pan, NULL], cvv, expiry FROM cards ORDER BY id",
        "SELECT body, extra FROM notes ORDER BY id",
        "SELECT %b::int, %b::text, %b::bytea, %b::numeric, %b::float8",
    ]:
        parameters = [7, "naïve", b"\0\xff", decimal.Decimal("-12.340"), 0.1] if "%b" in statement else None
        cursor.execute(statement, parameters)
        for row in cursor:
            print(row)
        print([(c.name, c.type_code, c.display_size, c.internal_size, c.precision, c.scale) for c in cursor.description])
    # Numbers stay numbers: their images are others than those of texts.
    for row in cursor.execute(f"SELECT {NUMBER}::numeric, {NUMBER} FROM cards ORDER BY id"):
        print("number", row[0], "number", row[1])


TYPES = """
SELECT true, 1::int2, 2::int4, 3::int8, 4::oid, 1.5::float4, '-inf'::float8, 'NaN'::numeric, 12345678901234567890.123456789::numeric,
'text', 'c'::char, 'char3'::char(7), 'name'::name, '\\x00ff'::bytea, '2026-02-28'::date, '0044-03-15 BC'::date::text, '23:59:59.999999'::time,
'12:00+02'::timetz, '2026-02-28 12:00'::timestamp, '2026-02-28 12:00+05'::timestamptz, '1 day 2:03:04.5'::interval,
'00112233-4455-6677-8899-aabbccddeeff'::uuid, '10.0.0.1'::inet, '10.0.0.0/8'::cidr, '08:00:2b:01:02:03'::macaddr, '{"a": [1, null]}'::json, '{"b": 2}'::jsonb,
ARRAY[1, NULL, 3], ARRAY[['a', 'b'], ['c', NULL]], '[1,5)'::int4range, 'empty'::daterange, '{[1,2),[5,7)}'::int4multirange, B'101', '(1,2)'::point,
'<a/>'::xml, 'a b'::tsvector, '16/B374D848'::pg_lsn, '12.34'::money::text, NULL, row(1, 'x'), 'infinity'::timestamp::text
"""


def types(connection):
    title("types")
    connection.execute("SET TimeZone TO 'Asia/Kolkata'")
    for is_binary in (False, True):
        cursor = connection.cursor(binary=is_binary)
        cursor.execute(TYPES)
        for value in cursor.fetchone():
            print(type(value).__name__, repr(value))
    values = [
        True,
        2**15,
        2**31,
        2**63,
        1.5,
        decimal.Decimal("1e-9"),
        "x",
        b"\0",
        datetime.date(2026, 1, 2),
        datetime.time(1, 2),
        datetime.datetime(2026, 1, 2, 3, 4),
        datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc),
        datetime.timedelta(days=1, seconds=2),
        uuid.UUID(int=7),
        ip_address("::1"),
        Json({"k": [1]}),
        Jsonb([None]),
        [1, None],
        [["a"], ["b"]],
        Range(1, 5),
        Multirange([Range(1, 2)]),
        None,
    ]
    for value in values:
        for placeholder in ("%s", "%t", "%b"):
            try:
                query = f"SELECT {placeholder}, pg_typeof({placeholder})::text"
                print(placeholder, *connection.execute(query, [value, value]).fetchone())
            except psycopg.Error as e:
                print(placeholder, e.__class__.__name__, str(e).splitlines()[0])
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
    connection.execute("CREATE TYPE place AS (x int, label text)")
    register_composite(CompositeInfo.fetch(connection, "place"), connection)
    register_enum(EnumInfo.fetch(connection, "mood"), connection)
    row = connection.execute("SELECT (1, 'a')::place, ARRAY[(2, NULL)::place], 'glad'::mood, ARRAY['sad']::mood[]").fetchone()
    print(*row)
    connection.execute("DROP TYPE mood, place")
    connection.execute("RESET TimeZone")


def pipelines(connection):
    title("pipelines")
    connection.execute("CREATE TABLE piped (id int PRIMARY KEY, t text)")
    with connection.pipeline() as pipeline:
        cursors = [connection.execute("INSERT INTO piped VALUES (%s, %s) RETURNING id", [n, "t"]) for n in range(20)]
        pipeline.sync()
        cursors += [connection.execute("SELECT pan FROM cards WHERE id = %s", [n]) for n in range(1, 7)]
    print([c.fetchone() for c in cursors])
    cursors = []
    try:
        with connection.pipeline():
            for n in (100, 5, 101):
                cursors.append(connection.execute("INSERT INTO piped VALUES (%s, 'again')", [n]))
    except psycopg.Error as e:
        error(e)
    print(connection.execute("SELECT count(*), max(id) FROM piped").fetchone())
    with connection.pipeline() as pipeline:
        for n in (200, 201):
            connection.execute("INSERT INTO piped VALUES (%s, NULL)", [n])
            pipeline.sync()
        try:
            connection.execute("SELECT 1/0")
            pipeline.sync()
        except psycopg.Error as e:
            error(e)
        connection.execute("INSERT INTO piped VALUES (202, NULL)")
    print(connection.execute("SELECT count(*), max(id) FROM piped").fetchone())
    with connection.pipeline(), connection.transaction():
        cursor = connection.cursor()
        cursor.executemany("UPDATE piped SET t = %s WHERE id = %s RETURNING id, t", [("m", n) for n in range(50)], returning=True)
        print(cursor.fetchall(), cursor.nextset(), cursor.fetchall())
    print(connection.execute("SELECT t, count(*) FROM piped GROUP BY t ORDER BY t").fetchall())
    connection.execute("DROP TABLE piped")


def copies(connection):
    title("COPY")
    cursor = connection.cursor()
    for options in ("", "(FORMAT csv, HEADER)"):
        with cursor.copy(f"COPY cards TO STDOUT {options}") as copy:
            print(b"".join(bytes(block) for block in copy).decode())
    with cursor.copy("COPY (SELECT id, order_no FROM orders ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        print(list(copy.rows()))
    with cursor.copy("COPY notes TO STDOUT (FORMAT binary)") as copy:
        print(b"".join(bytes(block) for block in copy))
    connection.execute("CREATE TABLE copied (id int, t text, at timestamptz, b bytea)")
    rows = [(n, f"row\t{n}\\", datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), bytes([n])) for n in range(50)]
    with cursor.copy("COPY copied FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    with cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text", "timestamptz", "bytea"])
        for row in rows:
            copy.write_row([*row[:3], None])
    with cursor.copy("COPY copied (id, t) FROM STDIN (FORMAT csv)") as copy:
        copy.write('7,"a\n')
        copy.write('b"\n8,')
        copy.write("\n")
    print(cursor.rowcount, cursor.statusmessage)
    print(connection.execute("SELECT count(*), count(b), md5(string_agg(t, ',' ORDER BY id, t)) FROM copied").fetchone())
    for act in (lambda copy: copy.write(b"x\ty\n"), lambda copy: 1 / 0):
        try:
            with cursor.copy("COPY copied FROM STDIN") as copy:
                act(copy)
        except psycopg.Error as e:
            error(e)
        except ZeroDivisionError as e:
            print(e)
    try:
        with cursor.copy("COPY (SELECT 10 / (5 - n) FROM generate_series(1, 9) n) TO STDOUT") as copy:
            for row in copy:
                print(bytes(row))
    except psycopg.Error as e:
        error(e)
    print(connection.execute("SELECT count(*) FROM copied").fetchone())
    connection.execute("DROP TABLE copied")

    def take(statement):
        with connection.cursor().copy(statement) as copy:
            for part in copy:
                print(bytes(part))

    take("COPY (SELECT pan, cvv, expiry FROM cards ORDER BY id) TO STDOUT")
    take("COPY (SELECT pan, cvv, expiry FROM cards ORDER BY id) TO STDOUT (FORMAT binary)")


def cursors(connection):
    title("cursors")
    with connection.transaction():
        for is_binary in (False, True):
            with connection.cursor("named", binary=is_binary, scrollable=True) as cursor:
                cursor.itersize = 2
                cursor.execute("SELECT id, pan FROM cards WHERE id > %s ORDER BY id", [0])
                print([row for row in cursor])
                cursor.scroll(-2)
                print(cursor.fetchmany(1), cursor.description[1].name)
                cursor.scroll(0, mode="absolute")
                print(cursor.fetchone())
    with connection.cursor("held", withhold=True) as cursor:
        cursor.execute("SELECT n, repeat('x', n) FROM generate_series(1, 7) n")
        print(cursor.fetchmany(3), cursor.fetchall())
    print(connection.execute("SELECT 1 AS a; SELECT 2 AS b, pan FROM cards WHERE id = 1").nextset())
    cursor = connection.cursor(row_factory=dict_row)
    print(cursor.execute("SELECT id, pan FROM cards WHERE id < 3 ORDER BY id").fetchall())
    cursor = connection.cursor(row_factory=namedtuple_row)
    print(cursor.execute("SELECT 1 AS one").fetchone())
    print([row for row in connection.cursor().stream("SELECT id, cvv FROM cards ORDER BY id")])
    names = sql.SQL("SELECT {} FROM {} ORDER BY 1 LIMIT {}").format(*map(sql.Identifier, ("brand", "cards")), sql.Literal(2))
    print(connection.execute(names).fetchall())
    cursor = psycopg.ClientCursor(connection)
    print(cursor.execute("SELECT pan, %s, %s FROM cards WHERE id = %s", ["o'clock", None, 1]).fetchall())


def errors(connection):
    title("errors and transactions")
    attempt(connection, "SELECT 1/0")
    attempt(connection, "SELECT 1/%s", [0])
    attempt(connection, "SELEC 1")
    attempt(connection, "SELECT missing FROM customers")
    attempt(connection, "SELECT %s::int", ["x"])
    attempt(connection, "SELECT %b::int8", [b"xyz"])
    attempt(connection, "INSERT INTO customers VALUES (1, 'n', 'e', 'DE')")
    attempt(connection, "INSERT INTO customers VALUES (9, NULL, 'e', 'DE')")
    attempt(connection, "INSERT INTO notes VALUES (9, 99, 'b', NULL)")
    attempt(connection, "SELECT 1; SELECT 1/0; SELECT 2")
    connection.execute("CREATE TABLE kept (id int PRIMARY KEY)")
    try:
        with connection.transaction():
            connection.execute("INSERT INTO kept VALUES (1)")
            try:
                with connection.transaction("inner"):
                    connection.execute("INSERT INTO kept VALUES (2)")
                    connection.execute("INSERT INTO kept VALUES (1)")
            except psycopg.Error as e:
                error(e)
            with connection.transaction():
                connection.execute("INSERT INTO kept VALUES (3)")
            attempt(connection, "SELECT 1/0")
            print(connection.info.transaction_status)
            attempt(connection, "SELECT 'not now'")
    except psycopg.Error as e:
        error(e)
    print(connection.execute("SELECT array_agg(id) FROM kept").fetchone(), connection.info.transaction_status)
    with connection.transaction():
        connection.execute("INSERT INTO kept VALUES (1)")
        with connection.transaction(force_rollback=True):
            connection.execute("INSERT INTO kept VALUES (2)")
    print(connection.execute("SELECT array_agg(id) FROM kept").fetchone())
    connection.execute("DROP TABLE kept")
    by_design("the text of an error on classified columns", None, lambda: quoted(connection))


def quoted(connection):
    """The server's message would quote the row."""
    try:
        connection.execute("INSERT INTO cards (id, customer_id, brand) VALUES (1, 1, 'b')")
    except psycopg.errors.IntegrityError as e:
        assert ("Failing row" in (e.diag.message_detail or "")) != THROUGH_GATEWAY, e.diag.message_detail


def notices_and_notifications(connection):
    title("notices and notifications")
    connection.add_notice_handler(lambda d: print("notice:", d.severity, d.sqlstate, d.message_primary, d.message_detail))
    connection.execute("DROP TABLE IF EXISTS never_there")
    connection.execute(
        "CREATE FUNCTION tell(what text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'told %', what USING DETAIL = 'd'; RAISE WARNING USING MESSAGE = what; RETURN 1; END $$"
    )
    print(connection.execute("SELECT tell(%s)", ["something"]).fetchone())
    connection.execute("DROP FUNCTION tell")
    with psycopg.connect(autocommit=True) as other:
        connection.execute("LISTEN shop")
        for n in range(3):
            other.execute("SELECT pg_notify('shop', %s)", [f"n{n}"])
        other.execute("SELECT pg_notify('shop', pan) FROM cards WHERE id = 1")
        generator = connection.notifies()
        for _ in range(4):
            notify = next(generator)
            print(notify.channel, notify.payload, notify.pid == other.info.backend_pid)
        generator.close()
        connection.execute("UNLISTEN *")


def until_runs(pattern):
    with psycopg.connect(autocommit=True) as watcher:
        for _ in range(600):
            query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND %s::text IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()"
            if watcher.execute(query, [pattern]).fetchone()[0]:
                return
            time.sleep(0.05)
    print("never ran:", pattern)


def cancelling(connection):
    title("cancel")

    def cancel():
        until_runs("SELECT pg_sleep(603%")
        connection.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    attempt(connection, "SELECT pg_sleep(603), %s", [1])
    thread.join()
    connection.execute("SET statement_timeout = '500ms'")
    attempt(connection, "SELECT pg_sleep(604)")
    connection.execute("RESET statement_timeout")
    print(connection.execute("SELECT 'and on'").fetchone())


def large(connection):
    title("large values")
    # No digits: among so many of them some would look like card numbers.
    text = "abcdefghij" * (LARGE // 10)
    data = bytes(range(128, 256)) * (LARGE // 128)
    digest = hashlib.sha256(data).hexdigest()
    for is_binary in (False, True):
        cursor = connection.cursor(binary=is_binary)
        row = cursor.execute("SELECT %s::text, length(%s::bytea)", [text, data]).fetchone()
        print(row[0] == text, row[1])
        row = cursor.execute("SELECT %b::bytea", [data]).fetchone()
        print(hashlib.sha256(row[0]).hexdigest() == digest)
    print(connection.execute("SELECT sum(length(t)) FROM (SELECT repeat('y', 1000) AS t FROM generate_series(1, 20000)) q").fetchone())
    print(sum(len(row[0]) for row in connection.execute("SELECT repeat('z', 1000) FROM generate_series(1, 20000)")))


async def asynchronous():
    title("asynchronous, several connections at once")
    connections = [await psycopg.AsyncConnection.connect(autocommit=True) for _ in range(4)]

    async def ask(connection, n):
        cursor = await connection.execute("SELECT %s::int, pan FROM cards WHERE id = %s", [n, n])
        return await cursor.fetchone()

    print(await asyncio.gather(*(ask(c, n + 1) for n, c in enumerate(connections))))
    for connection in connections:
        await connection.close()


def main():
    with psycopg.connect(autocommit=True) as connection:
        info = connection.info
        parameters = ["server_version", "server_encoding", "client_encoding", "is_superuser", "session_authorization", "DateStyle"]
        parameters += ["IntervalStyle", "TimeZone", "integer_datetimes", "standard_conforming_strings", "in_hot_standby"]
        print(info.server_version, info.encoding, [info.parameter_status(p) for p in parameters])
        for story in (prepared, binary, types, pipelines, copies, cursors, errors, notices_and_notifications, cancelling, large):
            story(connection)
    asyncio.run(asynchronous())
    with psycopg.connect(options="-c statement_timeout=5s -c search_path=pg_catalog", application_name="with options") as connection:
        print(connection.execute("SHOW statement_timeout").fetchone(), connection.execute("SHOW search_path").fetchone())


main()
