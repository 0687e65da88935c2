"""A client of another language that asks for binary results: psycopg 3. Settings come from the PG… variables."""

import psycopg

with psycopg.connect(autocommit=True) as connection:
    cursor = connection.cursor(binary=True)
    cursor.execute("SELECT id, pan, 4111111111111111::numeric, ARRAY[pan] FROM cards WHERE id < %s ORDER BY id", [4])
    for row in cursor:
        print(*row)
