//! COPY both ways in text and binary, and large values.

use futures_util::{SinkExt as _, TryStreamExt as _, pin_mut};
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use crate::{LARGE, show, title};

/// Tells its stories.
pub async fn all(client: &mut Client) {
    copy_out(client).await;
    copy_in(client).await;
    large(client).await;
}

async fn copied(client: &Client, sql: &str) -> Result<Vec<u8>, Error> {
    let stream = client.copy_out(sql).await?;
    pin_mut!(stream);
    let mut all = Vec::new();
    while let Some(piece) = stream.try_next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

async fn copy_out(client: &Client) {
    title("COPY out");
    for sql in [
        "COPY cards TO STDOUT",
        "COPY public.cards (pan, id) TO STDOUT (FORMAT csv, HEADER)",
        "COPY notes TO STDOUT (FORMAT binary)",
    ] {
        show(copied(client, sql).await.map(|bytes| bytes.escape_ascii().to_string()));
    }
    let stream = client.copy_out("COPY (SELECT id, order_no FROM orders ORDER BY id) TO STDOUT BINARY").await;
    let rows = BinaryCopyOutStream::new(stream.expect("copies"), &[Type::INT4, Type::TEXT]);
    pin_mut!(rows);
    while let Some(row) = rows.try_next().await.expect("rows come") {
        println!("{} {}", row.get::<i32>(0), row.get::<&str>(1));
    }
    show(copied(client, "COPY (SELECT 10 / (5 - n) FROM generate_series(1, 9) n) TO STDOUT").await);
    let cards = copied(client, "COPY (SELECT pan, cvv, expiry FROM cards ORDER BY id) TO STDOUT").await;
    show(cards.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
}

async fn copy_in(client: &Client) {
    title("COPY in");
    client.batch_execute("CREATE TABLE copied (id int, t text, b bytea)").await.expect("makes a table");
    let sink = client.copy_in("COPY copied (id, t) FROM STDIN").await.expect("copies");
    pin_mut!(sink);
    for n in 0..5000 {
        sink.feed(bytes::Bytes::from(format!("{n}\trow {n}\n"))).await.expect("takes a row");
    }
    show(sink.finish().await);
    let sink = client.copy_in("COPY copied FROM STDIN BINARY").await.expect("copies");
    let writer = BinaryCopyInWriter::new(sink, &[Type::INT4, Type::TEXT, Type::BYTEA]);
    pin_mut!(writer);
    for n in 0..1000_i32 {
        writer.as_mut().write(&[&n, &None::<&str>, &vec![0_u8, 255]]).await.expect("takes a row");
    }
    show(writer.finish().await);
    // A sink that is dropped before its end fails the COPY.
    let sink = client.copy_in::<_, bytes::Bytes>("COPY copied FROM STDIN").await.expect("copies");
    drop(sink);
    let sink = client.copy_in("COPY copied FROM STDIN").await.expect("copies");
    pin_mut!(sink);
    sink.send(bytes::Bytes::from_static(b"x\ty\tz\n")).await.expect("takes a row");
    show(sink.finish().await);
    let counted = client.query_one("SELECT count(*), sum(id), count(b) FROM copied", &[]).await;
    show(counted.map(|r| (r.get::<_, i64>(0), r.get::<_, i64>(1), r.get::<_, i64>(2))));
    client.batch_execute("DROP TABLE copied").await.expect("drops it");
}

async fn large(client: &Client) {
    title("large values");
    // No digits: among so many of them some would look like card numbers.
    let text = "abcdefghij".repeat(LARGE / 10);
    let data: Vec<u8> = (128..=255).cycle().take(LARGE).collect();
    let row = client.query_one("SELECT $1::text, $2::bytea, length($1)", &[&text, &data]).await;
    show(row.map(|r| (r.get::<_, &str>(0) == text, r.get::<_, &[u8]>(1) == data, r.get::<_, i32>(2))));
    let rows = client.query("SELECT repeat('z', 1000) FROM generate_series(1, 20000)", &[]).await;
    show(rows.map(|rows| rows.iter().map(|r| r.get::<_, &str>(0).len()).sum::<usize>()));
}
