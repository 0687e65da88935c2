"""What asyncpg can do, as a transcript. Where to connect comes from the PG… variables. It asks for binary always."""

import asyncio
import datetime
import decimal
import hashlib
import io
import json
import os
import uuid

import asyncpg

THROUGH_GATEWAY = os.environ["HOOP_WAY"] == "gateway"
LARGE = 20 << 20
FIELDS = (
    "severity sqlstate message detail hint position context schema_name table_name column_name constraint_name".split()
)

# Card numbers that nobody classified, one for each card: they are found by what they are.
NUMBER = (
    "(ARRAY[4111111111111111, 5555555555554444, 378282246310005,"
    " 6011111111111117, 3530111333300000, 2223003122003222])[id]"
)


def title(text):
    print(f"\n== {text}")


def error(e):
    print("error:", e.__class__.__name__, *(getattr(e, field, None) for field in FIELDS), sep=" | ")


async def attempt(waited):
    try:
        print(await waited)
    except asyncpg.PostgresError as e:
        error(e)


async def asking(connection):
    title("statements")
    print(await connection.fetch("SELECT id, pan, cvv, expiry, ARRAY[pan] FROM cards ORDER BY id"))
    # Numbers stay numbers: their images are others than those of texts. The fifth card ends in zeros, which its decimals
    # leave to the exponent.
    for row in await connection.fetch(f"SELECT {NUMBER}::numeric, {NUMBER} FROM cards WHERE id <> 5 ORDER BY id"):
        print("number", row[0], "number", row[1])
    print(await connection.fetch("SELECT body, extra FROM notes ORDER BY id"))
    print(await connection.fetchrow("SELECT $1::int + $2 AS sum, $3::text AS text", 40, 2, "naïve"))
    print(await connection.fetchval("SELECT name FROM customers WHERE id = $1", 2))
    print(await connection.execute("SELECT 1; SELECT 2; UPDATE customers SET name = name WHERE id < 3"))
    print(await connection.execute("UPDATE customers SET name = name WHERE id = $1", 1))
    statement = await connection.prepare("SELECT id, pan FROM cards WHERE id > $1 ORDER BY id")
    print(statement.get_parameters(), statement.get_attributes(), statement.get_statusmsg())
    for n in (0, 3, 9):
        print(await statement.fetch(n), statement.get_statusmsg())
    named = await connection.prepare("SELECT pan FROM cards WHERE id = $1", name="by_name")
    print(named.get_name(), await named.fetchval(5))
    print((await statement.explain(1))[0]["Plan"]["Node Type"])
    await connection.executemany("UPDATE customers SET name = $2 WHERE id = $1", [(n, f"c{n}") for n in range(1, 6)])
    print(await connection.fetchval("SELECT string_agg(name, ',' ORDER BY id) FROM customers"))
    # A cached plan whose result type changes under it: prepared anew, silently.
    await connection.execute("CREATE TABLE shifting (a int); INSERT INTO shifting VALUES (1)")
    print(await connection.fetch("SELECT * FROM shifting"))
    await connection.execute("ALTER TABLE shifting ADD b text DEFAULT 'new'")
    print(await connection.fetch("SELECT * FROM shifting"))
    await connection.execute("DROP TABLE shifting")


async def types(connection):
    title("types")
    await connection.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE place AS (x int, label text); CREATE DOMAIN pos AS int CHECK (VALUE > 0)"
    )
    row = await connection.fetchrow(
        """SELECT true, 1::int2, 2::int8, 1.5::float4, 'inf'::float8, 'NaN'::numeric, -12345.6789::numeric, 'c'::"char", '\\x00ff'::bytea, '2026-02-28'::date,
        'infinity'::date, '23:59:59.999999'::time, '12:00+02'::timetz, '2026-02-28 12:00'::timestamp, '2026-02-28 12:00+05'::timestamptz, '1 mon 1 day 2:03:04.5'::interval,
        '00112233-4455-6677-8899-aabbccddeeff'::uuid, '10.0.0.1'::inet, '10.0.0.0/8'::cidr, '08:00:2b:01:02:03'::macaddr, '{"a": [1, null]}'::json, '{"b": 2}'::jsonb,
        ARRAY[1, NULL, 3], ARRAY[['a', 'b'], ['c', NULL]], '[1,5)'::int4range, 'empty'::daterange, '{[1,2),[5,7)}'::int4multirange, B'101', '(1,2)'::point,
        '((0,0),(1,1))'::box, '<(0,0),2>'::circle, '16/B374D848'::pg_lsn, '12.34'::money, NULL, row(1, 'x'), 'glad'::mood, (1, 'a')::place, ARRAY[(2, NULL)::place], 7::pos,
        '<a/>'::xml, 'a:1 b'::tsvector, 'a & b'::tsquery, 'pg_class'::regclass, '1 2'::int2vector"""
    )
    for value in row:
        print(type(value).__name__, repr(value))
    values = {
        "int8": 2**62,
        "numeric": decimal.Decimal("1e-9"),
        "text": "x\ny",
        "bytea": b"\0\xff",
        "date": datetime.date(2026, 1, 2),
        "time": datetime.time(1, 2),
        "timestamptz": datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc),
        "interval": datetime.timedelta(days=1, seconds=2),
        "uuid": uuid.UUID(int=7),
        "int4[]": [[1, None], [3, 4]],
        "text[]": ["a", None],
        "int4range": asyncpg.Range(1, 5),
        "mood": "sad",
        "place": (3, "b"),
        "place[]": [(1, "z"), None],
        "point": asyncpg.Point(1, 2),
        "bit(3)": asyncpg.BitString("101"),
        "bool": None,
    }
    for name, value in values.items():
        print(name, await connection.fetchval(f"SELECT $1::{name}", value))
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    await connection.set_type_codec("mood", encoder=str, decoder=lambda v: f"<{v}>", format="text")
    print(await connection.fetchrow("SELECT $1::jsonb, extra, 'sad'::mood FROM notes WHERE id = 3", {"k": [None]}))
    await connection.reset_type_codec("jsonb", schema="pg_catalog")
    await connection.execute("DROP TYPE mood, place; DROP DOMAIN pos")
    await connection.reload_schema_state()
    try:
        await connection.fetchval("SELECT $1::int4", "not a number")
    except asyncpg.DataError as e:
        print(e)


async def copies(connection):
    title("COPY")
    for options in ({"format": "text"}, {"format": "csv", "header": True, "delimiter": ";"}):
        out = io.BytesIO()
        print(await connection.copy_from_table("cards", output=out, **options))
        print(out.getvalue().decode())
    out = io.BytesIO()
    print(
        await connection.copy_from_query(
            "SELECT body FROM notes WHERE id < $1 ORDER BY id", 9, output=out, format="binary"
        )
    )
    print(out.getvalue())
    await connection.execute("CREATE TABLE copied (id int, t text, at timestamptz, tags text[])")
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    records = [(n, f"t{n}", at, ["a", None]) for n in range(1000)]
    print(await connection.copy_records_to_table("copied", records=records))
    print(await connection.copy_to_table("copied", source=io.BytesIO(b'1,"a\nb",,\n2,c,,{x}\n'), format="csv"))

    async def source():
        for n in range(3):
            yield f"{n}\tgenerated\t\\N\t\\N\n".encode()

    print(await connection.copy_to_table("copied", source=source()))
    await attempt(connection.copy_to_table("copied", source=io.BytesIO(b"x\n")))
    print(await connection.fetchrow("SELECT count(*), count(at), sum(id) FROM copied"))
    await connection.execute("DROP TABLE copied")
    taken = io.BytesIO()
    await connection.copy_from_query("SELECT pan, cvv, expiry FROM cards ORDER BY id", output=taken)
    print(taken.getvalue().decode())


async def transactions(connection):
    title("transactions and errors")
    await connection.execute("CREATE TABLE kept (id int PRIMARY KEY)")
    transaction = connection.transaction(isolation="serializable", deferrable=True)
    await transaction.start()
    await connection.execute("INSERT INTO kept VALUES (1)")
    try:
        async with connection.transaction():
            await connection.execute("INSERT INTO kept VALUES (2)")
            await connection.execute("INSERT INTO kept VALUES ($1)", 1)
    except asyncpg.UniqueViolationError as e:
        error(e)
    async with connection.transaction():
        await connection.execute("INSERT INTO kept VALUES (3)")
    await transaction.commit()
    print(await connection.fetchval("SELECT array_agg(id) FROM kept"))
    try:
        async with connection.transaction():
            await attempt(connection.fetch("SELECT 1/$1::int", 0))
            print(connection.is_in_transaction())
            await connection.fetch("SELECT 'not now'")
    except asyncpg.PostgresError as e:
        error(e)
    try:
        async with connection.transaction(readonly=True):
            await connection.execute("DELETE FROM kept WHERE id = 1")
    except asyncpg.PostgresError as e:
        error(e)
    try:
        await connection.executemany("INSERT INTO kept VALUES ($1)", [(10,), (11,), (1,), (12,)])
    except asyncpg.PostgresError as e:
        error(e)
    print(await connection.fetchval("SELECT array_agg(id) FROM kept"))
    await attempt(connection.fetch("SELEC 1"))
    await attempt(connection.fetch("SELECT missing FROM kept WHERE id = $1", 1))
    await attempt(connection.execute("SELECT 1; SELECT 1/0; SELECT 2"))
    await connection.execute("DROP TABLE kept")

    title("cursors")
    async with connection.transaction():
        async for row in connection.cursor("SELECT id, pan FROM cards ORDER BY id", prefetch=2):
            print(row)
        cursor = await connection.cursor("SELECT n, repeat('x', n) FROM generate_series(1, $1::int) n", 9)
        print(await cursor.fetchrow(), await cursor.forward(3), await cursor.fetch(2), await cursor.fetch(9))
        one, two = await connection.cursor("SELECT 1"), await connection.cursor("SELECT pan FROM cards ORDER BY id")
        print(await two.fetch(1), await one.fetch(1), await two.fetch(1))


async def speaking(connection):
    title("notices and notifications")
    notices = []
    connection.add_log_listener(
        lambda _, message: notices.append((message.severity, message.sqlstate, message.message))
    )
    await connection.execute("DROP TABLE IF EXISTS never_there")
    await connection.execute("ROLLBACK")
    await asyncio.sleep(0)
    print(notices)
    heard = asyncio.Queue()
    await connection.add_listener("shop", lambda c, pid, channel, payload: heard.put_nowait((channel, payload, pid)))
    other = await asyncpg.connect()
    for n in range(3):
        await other.execute("SELECT pg_notify('shop', $1)", f"n{n}")
    await other.execute("SELECT pg_notify('shop', pan) FROM cards WHERE id = 1")
    for _ in range(4):
        channel, payload, pid = await asyncio.wait_for(heard.get(), 60)
        print(channel, payload, pid == other.get_server_pid(), pid == await other.fetchval("SELECT pg_backend_pid()"))
    await other.close()
    await connection.reset()


async def until_runs(pattern):
    watcher = await asyncpg.connect()
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND $1::text IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(600):
        if await watcher.fetchval(query, pattern):
            break
        await asyncio.sleep(0.05)
    else:
        print("never ran:", pattern)
    await watcher.close()


async def cancelling(connection):
    title("cancel")
    task = asyncio.create_task(connection.fetch("SELECT pg_sleep(605)"))
    await until_runs("SELECT pg_sleep(605%")
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled")
    print(await connection.fetchval("SELECT 'and on'"))
    try:
        await connection.fetch("SELECT pg_sleep(606)", timeout=0.2)
    except asyncio.TimeoutError:
        print("timed out")
    print(await connection.fetchval("SELECT 'and on'"))
    await connection.execute("SET statement_timeout = 500")
    await attempt(connection.fetch("SELECT pg_sleep(607)"))
    await connection.execute("RESET ALL")


async def large(connection):
    title("large values")
    # No digits: among so many of them some would look like card numbers.
    text = "abcdefghij" * (LARGE // 10)
    data = bytes(range(128, 256)) * (LARGE // 128)
    row = await connection.fetchrow("SELECT $1::text, $2::bytea, length($1)", text, data)
    print(row[0] == text, hashlib.sha256(row[1]).hexdigest() == hashlib.sha256(data).hexdigest(), row[2])
    rows = await connection.fetch("SELECT n, repeat('z', 1000) FROM generate_series(1, 20000) n")
    print(len(rows), sum(len(row[1]) for row in rows))


async def pools():
    title("pools")
    async with asyncpg.create_pool(
        min_size=2, max_size=4, server_settings={"application_name": "pooled", "search_path": "public"}
    ) as pool:
        numbers = await asyncio.gather(
            *(pool.fetchval("SELECT pan FROM cards WHERE id = $1", 1 + n % 6) for n in range(24))
        )
        print(numbers)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL work_mem = '8MB'")
            print(await connection.fetchval("SHOW work_mem"))
        print(await pool.fetchval("SHOW work_mem"), await pool.fetchval("SHOW application_name"))


async def main():
    connection = await asyncpg.connect()
    settings = connection.get_settings()
    print(
        connection.get_server_version(),
        [
            getattr(settings, name)
            for name in ("server_encoding", "client_encoding", "is_superuser", "TimeZone", "in_hot_standby")
        ],
    )
    for story in (asking, types, copies, transactions, speaking, cancelling, large):
        await story(connection)
    await connection.close()
    await pools()


asyncio.run(main())
