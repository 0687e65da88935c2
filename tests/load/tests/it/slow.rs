//! Readers and writers that are slow without end: others are not disturbed, and the broker holds no more of what they
//! do not take than its buffers.

use std::time::Duration;

use hoop_harness::PATIENCE;
use hoop_load::client::Client;
use hoop_load::stage::Stage;
use hoop_load::usage::Usage;

/// A gigabyte in rows of a kilobyte, and in rows of a megabyte, which are larger than any buffer.
const GIGABYTES: [&str; 2] = [
    "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)",
    "SELECT repeat('x', 1000000) FROM generate_series(1, 1000)",
];
/// Resident memory by which the broker may grow for all slow ones together, KiB: buffers of 64 KiB a direction, what
/// rustls holds, and the allocator's noise. A gigabyte that was read ahead would be a thousand times that.
const GROWTH_KIB: u64 = 16 << 10;
/// Statements of the others meanwhile.
const STATEMENTS: usize = 300;

async fn statements(client: &mut Client, count: usize) {
    for n in 0..count {
        let answer = client.query(&format!("SELECT {n} * 2")).await.expect("an answer");
        assert_eq!(answer.first, [(n * 2).to_string()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_disturb_nobody_and_are_not_read_ahead_for() {
    let stage = Stage::set(2, 1);
    let mut other = stage.entrance("native", 0).open().await.expect("there is room");
    statements(&mut other, 20).await;
    let before = Usage::at_rest(&stage, 1).await;
    let mut slow = Vec::new();
    for way in ["native", "tls", "tunnel"] {
        for sql in GIGABYTES {
            let mut client = stage.entrance(way, 1).open().await.expect("there is room");
            client.ask(sql).await.expect("it is taken");
            slow.push(tokio::spawn(async move {
                let mut read = 0_usize;
                // A byte a second, as long as the test takes.
                while client.read_byte().await.is_ok() {
                    read += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                read
            }));
        }
    }
    // The answers flow until every buffer on the way is full; then nothing moves but what the readers take.
    let done = tokio::time::timeout(PATIENCE, async {
        for _ in 0..10 {
            statements(&mut other, STATEMENTS / 10).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    done.await.expect("others are not disturbed");
    assert!(slow.iter().all(|reader| !reader.is_finished()), "no reader was cut");
    let stuck = Usage::now(&stage.broker).await;
    assert_eq!(stuck.open, 7);
    let growth = stuck.rss.saturating_sub(before.rss);
    eprintln!("six gigabytes that are not read: {growth} KiB more in the broker");
    assert!(growth <= GROWTH_KIB, "{growth} KiB more: {before:?} {stuck:?}");
    for reader in slow {
        reader.abort();
    }
    drop(other);
    let after = Usage::at_rest(&stage, 0).await;
    assert_eq!(after.open, 0, "a reader that is gone is let go of, whatever waits for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_writers_disturb_nobody() {
    let stage = Stage::set(2, 1);
    let mut other = stage.entrance("native", 0).open().await.expect("there is room");
    statements(&mut other, 20).await;
    let before = Usage::at_rest(&stage, 1).await;
    let mut slow = Vec::new();
    for way in ["native", "tls", "tunnel"] {
        let mut client = stage.entrance(way, 1).open().await.expect("there is room");
        slow.push(tokio::spawn(async move {
            // A statement of a megabyte is announced, and comes by a byte a second.
            let head = [b'Q', 0, 16, 0, 0];
            client.write_raw(&head).await.expect("it is taken");
            while client.write_raw(b"-").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }));
    }
    let done = tokio::time::timeout(PATIENCE, async {
        for _ in 0..10 {
            statements(&mut other, STATEMENTS / 10).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    done.await.expect("others are not disturbed");
    assert!(slow.iter().all(|writer| !writer.is_finished()), "no writer was cut");
    let stuck = Usage::now(&stage.broker).await;
    let growth = stuck.rss.saturating_sub(before.rss);
    assert!(growth <= GROWTH_KIB, "{growth} KiB more: what is announced is not set aside");
    for writer in slow {
        writer.abort();
    }
    drop(other);
    assert_eq!(Usage::at_rest(&stage, 0).await.open, 0);
}
