//! What comes unasked, notices and notifications, and cancelling.

use std::time::Duration;

use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::{Connected, connect, show, title};

/// Tells its stories.
pub async fn all(connected: &mut Connected) {
    notices(connected).await;
    notifications(connected).await;
    cancelling(&connected.client).await;
}

async fn next(connected: &mut Connected) -> AsyncMessage {
    let waited = tokio::time::timeout(Duration::from_secs(60), connected.heard.recv()).await;
    waited.expect("it comes").expect("the connection lives")
}

async fn notices(connected: &mut Connected) {
    title("notices");
    connected.client.batch_execute("DROP TABLE IF EXISTS never_there; ROLLBACK").await.expect("runs");
    for _ in 0..2 {
        match next(connected).await {
            AsyncMessage::Notice(n) => println!("{} {} {}", n.severity(), n.code().code(), n.message()),
            other => println!("{other:?}"),
        }
    }
}

async fn notifications(connected: &mut Connected) {
    title("notifications");
    connected.client.batch_execute("LISTEN shop").await.expect("listens");
    let other = connect().await.client;
    let pid = other.query_one("SELECT pg_backend_pid()", &[]).await.expect("runs").get::<_, i32>(0);
    for n in 0..3 {
        show(other.execute("SELECT pg_notify('shop', $1)", &[&format!("n{n}")]).await);
    }
    show(other.execute("SELECT pg_notify('shop', pan) FROM cards WHERE id = 1", &[]).await);
    for _ in 0..4 {
        match next(connected).await {
            AsyncMessage::Notification(n) => {
                println!("{} {} {}", n.channel(), n.payload(), n.process_id() == pid);
            }
            other => println!("{other:?}"),
        }
    }
}

/// Waits until a statement like `pattern` runs on the server.
async fn until_runs(watcher: &Client, pattern: &str) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND $1::text IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..600 {
        let found = watcher.query_one(sql, &[&pattern]).await.expect("runs");
        if found.get::<_, i64>(0) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("never ran: {pattern}");
}

async fn cancelling(client: &Client) {
    title("cancel");
    let watcher = connect().await.client;
    let cancel = client.cancel_token();
    let (slept, ()) = tokio::join!(client.batch_execute("SELECT pg_sleep(612)"), async {
        until_runs(&watcher, "SELECT pg_sleep(612%").await;
        cancel.cancel_query(NoTls).await.expect("asks for it");
    });
    show(slept);
    show(client.batch_execute("SET statement_timeout = 500").await);
    show(client.batch_execute("SELECT pg_sleep(613)").await);
    show(client.batch_execute("RESET statement_timeout").await);
    show(client.query_one("SELECT 'and on'", &[]).await.map(|r| r.get::<_, String>(0)));
}
