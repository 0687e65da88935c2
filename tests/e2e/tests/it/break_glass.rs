//! Breaking the glass: who may, what it opens, who hears of it, and that it bars the next one until two others have
//! reviewed it; also while the identity provider is down.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use hoop_harness::browser::{Typed, sign_in};
use hoop_harness::program::{Done, until};
use hoop_harness::{Broker, Login, Person};
use serde_json::Value;

use crate::approvals::status;
use crate::support::{entries, events, ledger_key, masked, verify};
use crate::webhooks::{Post, Receiver, name};
use crate::{oidc, webhooks};

const RULES: &str = include_str!("../../../../broker/policy/break-glass.cedar");
const OPEN: &[&str] = &["204 No Content"];

/// Turns it on at the next start.
fn prepared(broker: &Broker, pager: &Receiver) {
    broker.add_rules(RULES);
    name(broker, &[("pager", pager, false)]);
    broker.configure("\n[break_glass]\n");
}

/// Breaks the glass at `level` and runs `sql` in psql.
fn breaks(who: &Person, level: &str, sql: &str) -> Done {
    who.run(&[
        "break-glass",
        "payments-db",
        "--level",
        level,
        "--reason",
        "queue stuck",
        "--ticket",
        "INC-42",
        "--",
        "psql",
        "-X",
        "-A",
        "-t",
        "-c",
        sql,
    ])
}

fn review(who: &Person, finding: &str, conclusion: &str) -> Done {
    who.run(&["findings", "review", finding, conclusion, "--note", "read in the ledger"])
}

/// The finding of the `n`th glass that was broken, from 1.
fn broken(broker: &Broker, n: usize) -> String {
    let entries = entries(&broker.ledger());
    let all = events(&entries, "glass_broken");
    assert_eq!(all.len(), n, "{all:?}");
    all[n - 1]["event"]["finding"].as_str().expect("an id").to_owned()
}

#[test]
fn a_broken_glass_is_told_at_once_and_bars_the_next_until_two_others_have_reviewed_it() {
    let pager = Receiver::start(OPEN);
    let broker = Broker::prepare();
    prepared(&broker, &pager);
    broker.add_second_target("orders-db");
    broker.start_again();
    let [olga, oleg] = ["olga", "oleg"].map(|id| broker.person(id, "oncall"));
    let [leo, lea] = ["leo", "lea"].map(|id| broker.person(id, "leads"));
    let dora = broker.person("dora", "developers");

    breaks(&dora, "masked", "SELECT 1").expect(125).says(&["no rule permits `break_glass`"]);
    olga.run(&["exec", "payments-db", "-c", "SELECT 1"]).expect(3);
    let unexplained = olga.run(&["break-glass", "payments-db", "--ticket", "INC-42", "--", "true"]);
    unexplained.expect(125).says(&["needs a reason"]);
    masked(&breaks(&olga, "masked", "SELECT pan FROM cards WHERE id = 1"), &["411111******1111"]);
    let finding = broken(&broker, 1);
    let told = &pager.told("break_glass.opened", &finding, 1)[0];
    told.is_signed();
    let data = &told.json()["data"];
    assert_eq!((&data["principal"], &data["ticket"]), (&"olga".into(), &"INC-42".into()), "{data}");

    // Within its time it goes on, and nobody is woken again; at another level or target it is another one.
    breaks(&olga, "masked", "UPDATE payments SET status = 'x' WHERE id = 1")
        .expect(1)
        .says(&["no rule permits"]);
    assert_eq!(broken(&broker, 1), finding);
    breaks(&olga, "write", "SELECT 1").expect(125).says(&["has not been reviewed", &finding]);
    let elsewhere = ["break-glass", "orders-db", "--reason", "r", "--ticket", "t", "--", "true"];
    olga.run(&elsewhere).expect(125).says(&["yours has not been reviewed"]);
    breaks(&oleg, "masked", "SELECT 1").expect(125).says(&["another one has not been reviewed"]);
    breaks(&olga, "reveal", "SELECT 1").expect(125);

    // What is open outlives the broker.
    broker.stop();
    broker.start_again();
    breaks(&oleg, "masked", "SELECT 1").expect(125).says(&[&finding]);
    review(&olga, &finding, "--justified").expect(3).says(&["nobody reviews what they did themselves"]);
    review(&oleg, &finding, "--justified").expect(2).says(&["none that you may see"]);
    assert!(leo.run(&["findings"]).ok().contains(&format!("hoopctl findings review {finding}")));
    review(&leo, &finding, "--justified").expect(0).says(&["needed yet: 1 more"]);
    review(&leo, &finding, "--justified").expect(6).says(&["already"]);
    assert!(oleg.run(&["targets"]).ok().contains("break-glass"));
    breaks(&oleg, "write", "SELECT 1").expect(125);
    review(&lea, &finding, "--misused").expect(0).says(&["it is closed"]);
    pager.told("break_glass.closed", &finding, 1).iter().for_each(Post::is_signed);
    assert_eq!(pager.got().iter().filter(|p| p.json()["type"] == "break_glass.opened").count(), 1);

    breaks(&oleg, "write", "UPDATE payments SET status = 'failed' WHERE id = 1").expect(0);
    assert_eq!(status(&broker), "failed");
    broken(&broker, 2);
    broker.stop();
    let key = ledger_key(&broker, broker.folder().as_path());
    assert!(verify(&leo, &broker.ledger(), &key).ok().contains("2, each signed"));
}

#[test]
fn whoever_is_both_on_call_and_a_lead_does_not_review_their_own() {
    let pager = Receiver::start(OPEN);
    let broker = Broker::prepare();
    prepared(&broker, &pager);
    broker.start_again();
    let lena = broker.person("lena", "oncall,leads");
    breaks(&lena, "masked", "SELECT 1").expect(0);
    let finding = broken(&broker, 1);
    review(&lena, &finding, "--justified").expect(3).says(&["themselves"]);
    assert!(!lena.run(&["findings"]).ok().contains("next"), "they are not asked to");
    let entries = entries(&broker.ledger());
    let refused = events(&entries, "session_refused");
    assert!(
        refused.iter().any(|e| e["event"]["reason"].to_string().contains("may not review")),
        "{refused:?}"
    );
}

#[test]
fn without_anybody_to_alarm_there_is_no_glass_to_break() {
    let broker = Broker::prepare();
    broker.add_rules(RULES);
    broker.configure("\n[break_glass]\n");
    broker.admin(&["check"]).expect(2).says(&["nobody would be alarmed", "[webhooks.NAME]"]);
    let broker = Broker::prepare();
    broker.add_rules(RULES);
    broker.start_again();
    let olga = broker.person("olga", "oncall");
    breaks(&olga, "masked", "SELECT 1").expect(125).says(&["break-glass is not set up"]);
}

/// What `hoopctl enrol` gives, as whoever answers it knows it then.
fn enrol(who: &Person, name: &str, password: &str) -> (Done, Login) {
    let mut command = who.hoopctl(&["enrol", "--name", name]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("hoopctl starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let url = lines.next().and_then(Result::ok).unwrap_or_default();
    let secret = lines.next().and_then(Result::ok).unwrap_or_default();
    assert!(url.is_empty() || url.contains(&secret), "{url}");
    let login = Login::known(
        name,
        password,
        if secret.is_empty() { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } else { &secret },
    );
    let typed = format!("{password}\n{}\n", login.code());
    drop(child.stdin.take().expect("it is piped").write_all(typed.as_bytes()));
    let done = child.wait_with_output().expect("hoopctl ends");
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    (Done::new("hoopctl enrol", done.status.code().unwrap_or(-1), Vec::new(), stderr), login)
}

/// Signs in on the broker's page with what was enrolled.
fn without_provider(who: &Person, login: &Login, password: &str) -> Result<Done, String> {
    let mut command = who.hoopctl(&["login", "--device", "--fresh"]);
    let (done, page) = who.sign_in_with(&mut command, |shown| {
        sign_in(
            &shown.url,
            &Typed {
                user_code: shown.user_code.clone(),
                name: login.name.clone(),
                password: password.to_owned(),
                otp: login.code(),
                press: "enrolled",
            },
        )
    });
    page.map(|_| done)
}

#[test]
fn with_the_provider_down_whoever_enrolled_breaks_the_glass_and_nothing_else() {
    const PASSWORD: &str = "correct-horse-battery-9";
    let pager = Receiver::start(OPEN);
    let (broker, provider) = oidc::start();
    broker.stop();
    prepared(&broker, &pager);
    broker.start_again();
    let olga = Person::new(&broker, Login::known("olga", "olga-pw", ""));
    let (done, page) = olga.sign_in_by(|shown| oidc::at_the_provider(&olga, shown, "111222"));
    page.expect("the provider lets olga in");
    done.expect(0);
    // Whoever signed in some time ago, or nobody knows when, does not enrol.
    enrol(&olga, "olga", PASSWORD).0.expect(3).says(&["hoopctl login --fresh"]);
    let mut fresh = olga.hoopctl(&["login", "--device", "--fresh"]);
    let (done, page) = olga.sign_in_with(&mut fresh, |shown| oidc::at_the_provider(&olga, shown, "111222"));
    page.expect("the provider lets olga in again");
    done.expect(0);
    enrol(&olga, "olga", "short").0.expect(2).says(&["at least 12 characters"]);
    let (done, login) = enrol(&olga, "olga", PASSWORD);
    done.expect(0);
    olga.run(&["logout"]).expect(0);

    drop(provider);
    without_provider(&olga, &login, "not-the-password-1").expect_err("the password is wrong");
    without_provider(&olga, &login, PASSWORD).expect("the codes are right").expect(0);
    assert!(olga.run(&["whoami"]).ok().contains("oncall"));
    olga.run(&["exec", "payments-db", "-c", "SELECT 1"]).expect(3).says(&["opens emergency sessions"]);
    olga.run(&["requests"]).expect(3);
    olga.run(&["policy", "explain", "payments-db", "-c", "SELECT 1"]).expect(3);
    masked(&breaks(&olga, "masked", "SELECT pan FROM cards WHERE id = 1"), &["411111******1111"]);
    let finding = broken(&broker, 1);
    let told = pager.told("break_glass.opened", &finding, 1)[0].json();
    assert_eq!(told["data"]["enrolled"], true, "{told}");
    review(&olga, &finding, "--justified").expect(3).says(&["opens emergency sessions"]);

    assert!(broker.admin(&["user", "list"]).ok().contains("olga"));
    broker.admin(&["user", "add", "eve", "--groups", "oncall", "--password-stdin"]).expect(2);
    let mut open =
        olga.hoopctl(&["break-glass", "payments-db", "--reason", "queue stuck", "--ticket", "INC-42"]);
    let mut open = open.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("hoopctl starts");
    let ended = |entries: &[Value]| {
        events(entries, "session_end").iter().filter(|e| e["event"]["reason"] == "revoked").count()
    };
    until("the session is open", || {
        (events(&entries(&broker.ledger()), "session_open").len() == 2).then_some(())
    });
    broker.admin(&["user", "disable", "olga"]).expect(0);
    until("the session is over", || (ended(&entries(&broker.ledger())) == 1).then_some(()));
    drop(open.kill());
    drop(open.wait());
    olga.run(&["whoami"]).expect(4);
    without_provider(&olga, &login, PASSWORD).expect_err("the account is disabled");
    let entries = entries(&broker.ledger());
    let methods: Vec<_> = events(&entries, "sign_in").iter().map(|e| e["event"]["method"].clone()).collect();
    assert_eq!(methods, ["oidc", "oidc", "break_glass"]);
    assert!(!broker.log().contains(PASSWORD) && !broker.log().contains(webhooks::SECRET));
}
