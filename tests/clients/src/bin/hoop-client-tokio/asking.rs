//! Statements: named, pipelined, by portals, in transactions; types in binary; errors.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use futures_util::{TryStreamExt as _, future, pin_mut};
use tokio_postgres::types::{FromSql, Kind, PgLsn, ToSql, Type};
use tokio_postgres::{Client, Error, IsolationLevel, Row, SimpleQueryMessage};

use crate::{show, title};

/// Any value as its bytes: what the server sent, whatever the type.
#[derive(Debug)]
struct Raw(Option<Vec<u8>>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw.to_vec())))
    }
    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Tells its stories.
pub async fn all(client: &mut Client) {
    statements(client).await;
    types(client).await;
    pipelines(client).await;
    portals(client).await;
    transactions(client).await;
    errors(client).await;
}

fn texts(rows: &[Row]) -> Vec<Vec<String>> {
    let raw = |row: &Row, n| match row.get::<_, Raw>(n).0 {
        Some(bytes) => bytes.escape_ascii().to_string(),
        None => "NULL".to_owned(),
    };
    rows.iter().map(|row| (0..row.len()).map(|n| raw(row, n)).collect()).collect()
}

async fn ask(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Vec<String>>, Error> {
    client.query(sql, parameters).await.map(|rows| texts(&rows))
}

async fn statements(client: &Client) {
    title("statements");
    show(ask(client, "SELECT id, pan, cvv, expiry, ARRAY[pan, NULL] FROM cards ORDER BY id", &[]).await);
    show(ask(client, "SELECT body, extra FROM notes ORDER BY id", &[]).await);
    let statement = client.prepare("SELECT pan, $2::text FROM cards WHERE id = $1").await.expect("prepares");
    println!(
        "{:?} {:?}",
        statement.params(),
        statement.columns().iter().map(|c| (c.name(), c.type_().name())).collect::<Vec<_>>()
    );
    for n in 1..=6_i32 {
        show(client.query(&statement, &[&n, &"naïve"]).await.map(|rows| texts(&rows)));
    }
    let typed = client.prepare_typed("SELECT $1 AS n", &[Type::INT8]).await.expect("prepares");
    show(client.query_one(&typed, &[&7_i64]).await.map(|row| row.get::<_, i64>("n")));
    show(client.query_opt("SELECT pan FROM cards WHERE id = $1", &[&99_i32]).await.map(|row| row.is_none()));
    show(client.execute("UPDATE customers SET name = name WHERE id < $1", &[&3_i32]).await);
    let typed: [(&(dyn ToSql + Sync), Type); 1] = [(&2_i32, Type::INT4)];
    show(client.query_typed("SELECT pan FROM cards WHERE id = $1", &typed).await.map(|rows| texts(&rows)));
    let simple = client.simple_query("SELECT 1 AS one, NULL; SELECT pan FROM cards WHERE id = 1; UPDATE customers SET name = name WHERE id = 1");
    show(simple.await.map(|messages| messages.iter().map(simply).collect::<Vec<_>>()));
    show(client.batch_execute("SELECT 1; SELECT 2").await);
    let rows = client.query_raw("SELECT n FROM generate_series(1, $1) n", [1000_i32]).await.expect("runs");
    pin_mut!(rows);
    let mut sum = 0;
    while let Some(row) = rows.try_next().await.expect("rows come") {
        sum += row.get::<_, i32>(0);
    }
    println!("{sum} {:?}", rows.rows_affected());
}

fn simply(message: &SimpleQueryMessage) -> String {
    match message {
        SimpleQueryMessage::Row(row) => {
            format!("{:?}", (0..row.len()).map(|n| row.get(n)).collect::<Vec<_>>())
        }
        SimpleQueryMessage::CommandComplete(n) => format!("complete {n}"),
        SimpleQueryMessage::RowDescription(columns) => {
            format!("{:?}", columns.iter().map(tokio_postgres::SimpleColumn::name).collect::<Vec<_>>())
        }
        _ => "something else".to_owned(),
    }
}

async fn round_trip<T>(client: &Client, name: &str, value: T)
where
    T: ToSql + Sync + for<'a> FromSql<'a> + PartialEq + std::fmt::Debug,
{
    let back = client.query_one(&format!("SELECT $1::{name}"), &[&value]).await;
    show(back.map(|row| (name.to_owned(), row.get::<_, T>(0) == value)));
}

async fn types(client: &Client) {
    title("types");
    client
        .batch_execute("CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE place AS (x int, label text)")
        .await
        .expect("makes types");
    let all = "SELECT true, 1::int2, 2::int8, 1.5::float4, '-inf'::float8, -12345.6789::numeric, 'c'::\"char\", \
               '\\x00ff'::bytea, '2026-02-28'::date, '12:00+02'::timetz, '2026-02-28 12:00+05'::timestamptz, \
               '1 mon 2:03:04.5'::interval, '00112233-4455-6677-8899-aabbccddeeff'::uuid, '10.0.0.0/8'::cidr, \
               '{\"a\": [1, null]}'::json, '{\"b\": 2}'::jsonb, ARRAY[1, NULL], '[1,5)'::int4range, B'101', \
               '(1,2)'::point, '16/B374D848'::pg_lsn, '12.34'::money, NULL, row(1, 'x'), 'a'::tsvector, \
               'glad'::mood, 3.25::numeric(5, 3)";
    show(ask(client, all, &[]).await);
    round_trip(client, "bool", true).await;
    round_trip(client, "int2", -7_i16).await;
    round_trip(client, "int8", 1_i64 << 60).await;
    round_trip(client, "float8", 0.1_f64).await;
    round_trip(client, "text", "é\n".to_owned()).await;
    round_trip(client, "text", None::<String>).await;
    round_trip(client, "bytea", vec![0_u8, 255]).await;
    round_trip(client, "int4[]", vec![Some(1), None]).await;
    round_trip(client, "text[]", vec!["a", "b"].into_iter().map(str::to_owned).collect::<Vec<_>>()).await;
    round_trip(client, "inet", "::1".parse::<IpAddr>().expect("an address")).await;
    round_trip(client, "timestamptz", SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)).await;
    round_trip(client, "pg_lsn", PgLsn::from(7)).await;
    let statement = client.prepare("SELECT $1::mood, $2::place").await.expect("prepares");
    for parameter in statement.params() {
        match parameter.kind() {
            Kind::Enum(labels) => println!("{parameter} {labels:?}"),
            Kind::Composite(fields) => {
                println!(
                    "{parameter} {:?}",
                    fields.iter().map(|f| (f.name(), f.type_().name())).collect::<Vec<_>>()
                );
            }
            other => println!("{parameter} is of another kind: {other:?}"),
        }
    }
    client.batch_execute("DROP TYPE mood, place").await.expect("drops them");
}

async fn pipelines(client: &Client) {
    title("pipelines");
    client.batch_execute("CREATE TABLE piped (id int PRIMARY KEY)").await.expect("makes a table");
    let insert = client.prepare("INSERT INTO piped VALUES ($1) RETURNING id").await.expect("prepares");
    let numbers: Vec<i32> = (0..20).map(|n| n % 15).collect();
    let inserts =
        numbers.iter().map(|n| async { client.query(&insert, &[n]).await.map(|rows| texts(&rows)) });
    for result in future::join_all(inserts).await {
        show(result);
    }
    let (cards, failing, plain, more) = future::join4(
        ask(client, "SELECT pan FROM cards WHERE id = $1", &[&2_i32]),
        ask(client, "SELECT 1 / $1::int", &[&0_i32]),
        client.batch_execute("SELECT 1; SELECT 2"),
        ask(client, "SELECT count(*) FROM piped", &[]),
    )
    .await;
    show(cards);
    show(failing);
    show(plain);
    show(more);
    client.batch_execute("DROP TABLE piped").await.expect("drops it");
}

async fn portals(client: &mut Client) {
    title("portals");
    let transaction = client.transaction().await.expect("begins");
    let one = transaction
        .bind("SELECT id, pan FROM cards WHERE id > $1 ORDER BY id", &[&0_i32])
        .await
        .expect("binds");
    let two = transaction.bind("SELECT n FROM generate_series(1, 5) n", &[]).await.expect("binds");
    for _ in 0..3 {
        show(transaction.query_portal(&one, 2).await.map(|rows| texts(&rows)));
        show(
            transaction
                .query_portal(&two, 2)
                .await
                .map(|rows| rows.iter().map(|r| r.get(0)).collect::<Vec<i32>>()),
        );
    }
    drop(one);
    show(transaction.query_portal(&two, 0).await.map(|rows| rows.len()));
    transaction.commit().await.expect("commits");
}

async fn transactions(client: &mut Client) {
    title("transactions");
    client.batch_execute("CREATE TABLE kept (id int PRIMARY KEY)").await.expect("makes a table");
    let mut transaction = client.transaction().await.expect("begins");
    show(transaction.execute("INSERT INTO kept VALUES (1)", &[]).await);
    let savepoint = transaction.savepoint("within").await.expect("a savepoint");
    show(savepoint.execute("INSERT INTO kept VALUES ($1)", &[&1_i32]).await);
    show(savepoint.execute("SELECT 'not now'", &[]).await);
    show(savepoint.rollback().await);
    let dropped = transaction.transaction().await.expect("a savepoint");
    show(dropped.execute("INSERT INTO kept VALUES (9)", &[]).await);
    drop(dropped);
    show(transaction.execute("INSERT INTO kept VALUES (2)", &[]).await);
    show(transaction.commit().await);
    let build = client.build_transaction().isolation_level(IsolationLevel::Serializable).read_only(true);
    let reading = build.deferrable(true).start().await.expect("begins");
    show(reading.execute("DELETE FROM kept WHERE id = 1", &[]).await);
    show(reading.rollback().await);
    show(ask(client, "SELECT id FROM kept ORDER BY id", &[]).await);
    client.batch_execute("DROP TABLE kept").await.expect("drops it");
}

async fn errors(client: &Client) {
    title("errors");
    show(ask(client, "SELECT 1/0", &[]).await);
    show(ask(client, "SELEC 1", &[]).await);
    show(ask(client, "SELECT missing FROM customers", &[]).await);
    show(ask(client, "INSERT INTO customers VALUES (1, 'n', 'e', 'DE')", &[]).await);
    show(client.batch_execute("SELECT 1; SELECT 1/0; SELECT 2").await);
    show(client.simple_query("SELECT * FROM nowhere").await.map(|messages| messages.len()));
    show(ask(client, "SELECT 'and on'", &[]).await);
}
