// What node's pg can do, as a transcript. Where to connect comes from the PG… variables, its packages from HOOP_PG.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { pipeline as through } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'

// Card numbers that nobody classified, one for each card: they are found by what they are.
const NUMBER =
  '(ARRAY[4111111111111111, 5555555555554444, 378282246310005, 6011111111111117, 3530111333300000, 2223003122003222])[id]'

const require = createRequire(`${process.env.HOOP_PG}/`)
const pg = require('pg')
const Cursor = require('pg-cursor')
const copy = require('pg-copy-streams')

const throughGateway = process.env.HOOP_WAY === 'gateway'
const LARGE = 20 << 20

const title = (text) => console.log(`\n== ${text}`)
const show = (...values) => console.log(...values.map((v) => JSON.stringify(v)))
const FIELDS = [
  'severity',
  'code',
  'message',
  'detail',
  'hint',
  'position',
  'where',
  'schema',
  'table',
  'column',
  'constraint',
]
const error = (e) => console.log('error:', ...FIELDS.map((f) => e[f] ?? '-'))
const fields = (result) =>
  // Not where they come from: what is masked comes from an expression.
  result.fields.map((f) => [f.name, f.dataTypeID, f.dataTypeSize, f.dataTypeModifier, f.format])

async function attempt(waited) {
  try {
    show((await waited).rows)
  } catch (e) {
    error(e)
  }
}

// What the gateway refuses and says so; straight at the server it works.
async function byDesign(what, sqlstate, act) {
  let refused
  try {
    await act()
  } catch (e) {
    refused = e.code
  }
  const expected = throughGateway ? sqlstate : undefined
  console.log('by design:', what, refused === expected ? 'as expected' : `${refused} instead of ${expected}`)
}

async function connect(config = {}) {
  const client = new pg.Client(config)
  await client.connect()
  return client
}

async function statements(client) {
  title('statements')
  let result = await client.query('SELECT id, pan, cvv, expiry, ARRAY[pan] AS a FROM cards ORDER BY id')
  show(result.command, result.rowCount, result.rows, fields(result))
  result = await client.query({
    text: 'SELECT id, pan, cvv FROM cards WHERE id > $1 ORDER BY id',
    values: [2],
    rowMode: 'array',
  })
  show(result.rows, fields(result))
  // Numbers stay numbers: their images are others than those of texts.
  const numbers = await client.query(`SELECT ${NUMBER}::numeric AS n FROM cards ORDER BY id`)
  for (const { n } of numbers.rows) console.log('number', n)
  show((await client.query('SELECT body, extra FROM notes ORDER BY id')).rows)
  for (const id of [1, 3, 9]) {
    show((await client.query({ name: 'by-id', text: 'SELECT pan, brand FROM cards WHERE id = $1', values: [id] })).rows)
  }
  result = await client.query({
    text: 'SELECT id, pan, cvv, 1.5::float8 AS f, true AS t FROM cards ORDER BY id',
    binary: true,
  })
  show(
    result.rows.map((r) => [r.id, String(r.pan), String(r.cvv), r.f, r.t]),
    fields(result),
  )
  result = await client.query(
    'SELECT 1 AS one; UPDATE customers SET name = name WHERE id < 3; SELECT pan FROM cards WHERE id = 1',
  )
  show(result.map((r) => [r.command, r.rowCount, r.rows]))
  show((await client.query('')).command, (await client.query('-- nothing')).rows)
  const queued = [1, 2, 3].map((n) => client.query('SELECT $1::int AS n', [n]))
  show((await Promise.all(queued)).map((r) => r.rows))
  await byDesign('a statement of 20 MB', '54001', () => client.query(`SELECT length('${'x'.repeat(LARGE)}')`))
  show((await client.query("SELECT 'and on' AS said")).rows)
}

async function types(client) {
  title('types')
  const text = `SELECT true, 1::int2, 2::int8, 1.5::float4, '-inf'::float8, 'NaN'::numeric, 1e30::numeric, 'c'::char(3), '\\x00ff'::bytea,
    '2026-02-28'::date::text, '12:00+02'::timetz, '2026-02-28 12:00+05'::timestamptz, '1 mon 2:03:04.5'::interval, '00112233-4455-6677-8899-aabbccddeeff'::uuid, '10.0.0.1'::inet,
    '{"a": [1, null]}'::json, '{"b": 2}'::jsonb, ARRAY[1, NULL], ARRAY[['a', 'b'], ['c', NULL]], ARRAY['2026-01-01'::timestamptz], '[1,5)'::int4range, B'101', '(1,2)'::point,
    '<(1,2),3>'::circle, row(1, 'x'), '12.34'::money, 'a'::tsvector, 7::oid, NULL`
  const result = await client.query({ text, rowMode: 'array' })
  for (const [n, value] of result.rows[0].entries()) console.log(n, typeof value, JSON.stringify(value))
  const values = [
    true,
    1,
    1.5,
    12345678901n,
    'é\n',
    Buffer.from([0, 255]),
    new Date(0),
    { k: [1, null] },
    [1, 2],
    [['a', null]],
    null,
  ]
  const casts = ['bool', 'int', 'float8', 'int8', 'text', 'bytea', 'timestamptz', 'jsonb', 'int[]', 'text[]', 'text']
  for (const [n, value] of values.entries()) {
    show(casts[n], (await client.query(`SELECT $1::${casts[n]} AS v`, [value])).rows[0].v)
  }
  const parsers = { getTypeParser: (oid, format) => (oid === 20 ? BigInt : pg.types.getTypeParser(oid, format)) }
  const { rows } = await client.query({ text: 'SELECT 9007199254740993 AS n', types: parsers })
  console.log(typeof rows[0].n, rows[0].n)
}

async function errors(client) {
  title('errors and transactions')
  await attempt(client.query('SELECT 1/0'))
  await attempt(client.query('SELECT 1/$1::int', [0]))
  await attempt(client.query('SELEC 1'))
  await attempt(client.query('SELECT missing FROM customers WHERE id = $1', [1]))
  await attempt(client.query('SELECT $1::int', ['x']))
  await attempt(client.query('SELECT 1; SELECT 1/0; SELECT 2'))
  await attempt(client.query("INSERT INTO customers VALUES (1, 'n', 'e', 'DE')"))
  await attempt(client.query({ name: 'bad', text: 'SELECT nothing' }))
  await attempt(client.query({ name: 'bad', text: 'SELECT 1 AS good' }))
  await attempt(client.query({ name: 'bad', text: 'SELECT 2 AS another' }))
  await client.query('CREATE TABLE kept (id int PRIMARY KEY)')
  await client.query('BEGIN')
  await client.query('INSERT INTO kept VALUES (1)')
  await client.query('SAVEPOINT a')
  await attempt(client.query('INSERT INTO kept VALUES ($1)', [1]))
  await attempt(client.query("SELECT 'not now'"))
  await client.query('ROLLBACK TO a')
  await client.query('INSERT INTO kept VALUES ($1)', [2])
  await client.query('COMMIT')
  await client.query('BEGIN')
  await attempt(client.query('SELECT 1/0'))
  show((await client.query('COMMIT')).command)
  await attempt(client.query('SELECT * FROM kept ORDER BY id'))
  await client.query('DROP TABLE kept')
}

async function copies(client) {
  title('COPY')
  const read = async (text) => Buffer.concat(await client.query(copy.to(text)).toArray())
  console.log(String(await read('COPY cards TO STDOUT')))
  console.log(String(await read('COPY cards (pan, id) TO STDOUT (FORMAT csv, HEADER)')))
  show((await read('COPY (SELECT id, order_no FROM orders ORDER BY id) TO STDOUT (FORMAT binary)')).toString('hex'))
  await client.query('CREATE TABLE copied (id int, t text)')
  const lines = Array.from({ length: 5000 }, (_, n) => `${n}\trow ${n}\n`)
  const into = client.query(copy.from('COPY copied FROM STDIN'))
  await through(Readable.from(lines), into)
  show(into.rowCount)
  try {
    await through(Readable.from(['x\ty\n']), client.query(copy.from('COPY copied FROM STDIN')))
  } catch (e) {
    error(e)
  }
  await attempt(client.query('SELECT count(*), sum(id), max(length(t)) FROM copied'))
  await client.query('DROP TABLE copied')
  console.log(String(await read('COPY (SELECT pan, cvv, expiry FROM cards ORDER BY id) TO STDOUT')))
}

async function cursors(client) {
  title('cursors')
  const cursor = client.query(new Cursor('SELECT id, pan FROM cards WHERE id > $1 ORDER BY id', [0]))
  show(await cursor.read(2), await cursor.read(1), await cursor.read(99), await cursor.read(1))
  await cursor.close()
  const early = client.query(
    new Cursor("SELECT n, repeat('x', 10) AS t FROM generate_series(1, 100000) n", [], { rowMode: 'array' }),
  )
  show(await early.read(2))
  await early.close()
  const failing = client.query(new Cursor('SELECT 10 / (3 - n) AS q FROM generate_series(1, 5) n'))
  try {
    show(await failing.read(1), await failing.read(9))
  } catch (e) {
    error(e)
  }
  await attempt(client.query("SELECT 'and on' AS said"))
}

async function pipelines() {
  title('pipelines')
  const client = await connect({ pipeline: true })
  await client.query('CREATE TABLE piped (id int PRIMARY KEY)')
  const asked = []
  for (let n = 0; n < 20; n++) asked.push(client.query('INSERT INTO piped VALUES ($1) RETURNING id', [n % 15]))
  for (let n = 1; n <= 6; n++)
    asked.push(client.query({ name: 'card', text: 'SELECT pan FROM cards WHERE id = $1', values: [n] }))
  asked.push(
    client.query('SELECT 1/0'),
    client.query('SELECT 2 AS two; SELECT pan FROM cards WHERE id = 2'),
    client.query('SELECT 3 AS three'),
  )
  for (const { status, value, reason } of await Promise.allSettled(asked)) {
    if (status === 'rejected') error(reason)
    else show([value].flat().map((r) => r.rows))
  }
  await attempt(client.query('SELECT count(*) FROM piped'))
  await client.query('DROP TABLE piped')
  await client.end()
}

async function speaking(client) {
  title('notices and notifications')
  client.on('notice', (n) => console.log('notice:', n.severity, n.code, n.message))
  await client.query('DROP TABLE IF EXISTS never_there')
  await client.query('ROLLBACK')
  const other = await connect()
  const heard = []
  const all = new Promise((resolve) => client.on('notification', (n) => heard.push(n) === 4 && resolve()))
  await client.query('LISTEN shop')
  for (let n = 0; n < 3; n++) await other.query("SELECT pg_notify('shop', $1)", [`n${n}`])
  await other.query("SELECT pg_notify('shop', pan) FROM cards WHERE id = 1")
  await all
  show(heard.map((n) => [n.channel, n.payload, n.processId === other.processID]))
  await other.end()
}

async function untilRuns(pattern) {
  const watcher = await connect()
  const text =
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND $1::text IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()"
  let tries = 0
  while ((await watcher.query(text, [pattern])).rows[0].n === 0 && tries++ < 600) await sleep(50)
  await watcher.end()
}

async function cancelling(client) {
  title('cancel')
  const slow = new pg.Query('SELECT pg_sleep(608)')
  const ended = new Promise((resolve) =>
    slow.once('error', resolve).once('end', () => resolve({ message: 'it slept' })),
  )
  client.query(slow)
  await untilRuns('SELECT pg_sleep(608%')
  new pg.Client().cancel(client, slow)
  error(await ended)
  await client.query('SET statement_timeout = 500')
  await attempt(client.query('SELECT pg_sleep(609)'))
  await client.query('SET statement_timeout TO DEFAULT')
  await attempt(client.query("SELECT 'and on' AS said"))
}

async function large(client) {
  title('large values')
  // No digits: among so many of them some would look like card numbers.
  const text = 'abcdefghij'.repeat(LARGE / 10)
  const data = Buffer.alloc(LARGE, Buffer.from(Array.from({ length: 128 }, (_, n) => 128 + n)))
  const digest = (b) => createHash('sha256').update(b).digest('hex')
  const { rows } = await client.query('SELECT $1::text AS t, $2::bytea AS b, length($1) AS n', [text, data])
  show(rows[0].t === text, digest(rows[0].b) === digest(data), rows[0].n)
  const many = await client.query("SELECT repeat('z', 1000) AS t FROM generate_series(1, 20000)")
  show(
    many.rows.length,
    many.rows.reduce((n, r) => n + r.t.length, 0),
  )
}

async function pools() {
  title('pools')
  const pool = new pg.Pool({
    max: 4,
    application_name: 'pooled',
    statement_timeout: 60_000,
    options: '-c work_mem=8MB',
  })
  const numbers = Array.from({ length: 12 }, (_, n) => pool.query('SELECT pan FROM cards WHERE id = $1', [1 + (n % 6)]))
  show((await Promise.all(numbers)).map((r) => r.rows[0].pan))
  show(
    (await pool.query('SHOW application_name')).rows,
    (await pool.query('SHOW work_mem')).rows,
    (await pool.query('SHOW statement_timeout')).rows,
  )
  await pool.end()
}

const client = await connect()
for (const story of [statements, types, errors, copies, cursors, speaking, cancelling, large]) await story(client)
await client.end()
await pipelines()
await pools()
