"""asyncpg's pool as it is by default, for statements that are held. A line of standard input is an order, the answer one
line: `ok …` or `error SQLSTATE MESSAGE | DETAIL`. Where to connect comes from the PG… variables."""

import asyncio
import sys

import asyncpg

UPDATE = "UPDATE payments SET status = $1 WHERE id = $2"


async def pids(pool):
    """The backends of all connections that the pool may have: lent at once, so that each is another one."""
    connections = [await pool.acquire() for _ in range(pool.get_max_size())]
    found = [await connection.fetchval("SELECT pg_backend_pid()") for connection in connections]
    for connection in connections:
        await pool.release(connection)
    return " ".join(str(pid) for pid in sorted(found))


async def in_transaction(pool, status, row):
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchval("SELECT 1")
        return await connection.execute(UPDATE, status, row)


async def crowd(pool, status, row):
    """As many held statements as the pool has connections, and one that comes later and reads."""
    held = [asyncio.create_task(pool.execute(UPDATE, status, row)) for _ in range(pool.get_max_size())]
    while pool.get_idle_size() > 0:
        await asyncio.sleep(0.05)
    late = asyncio.create_task(pool.fetchval("SELECT 'read'"))
    done = await asyncio.gather(*held, return_exceptions=True)
    return f"{await late}; {done.count('UPDATE 1')} of {len(done)} ran"


async def obey(pool, order, status="", row="0"):
    row = int(row)
    match order:
        case "pool":
            return await pids(pool)
        case "run":
            return await pool.execute(UPDATE, status, row)
        case "short":
            return await pool.execute(UPDATE, status, row, timeout=2)
        case "transaction":
            return await in_transaction(pool, status, row)
        case "crowd":
            return await crowd(pool, status, row)


async def main():
    async with asyncpg.create_pool() as pool:
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            try:
                answer = f"ok {await obey(pool, *line.split())}"
            except asyncpg.PostgresError as e:
                answer = f"error {e.sqlstate} {e.message} | {getattr(e, 'detail', None)}"
            except asyncio.TimeoutError:
                answer = "error TimeoutError"
            print(answer.replace("\n", " "), flush=True)


asyncio.run(main())
