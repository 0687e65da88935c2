//! Notices by webhook, as a receiver gets them that knows Standard Webhooks and nothing of our code.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use hoop_harness::broker::PAYMENTS_HELD;
use hoop_harness::program::{self, until};
use hoop_harness::{Broker, Person};
use serde_json::Value;

use crate::approvals::{approve, nth};
use crate::support::{cards_in, entries, events};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const CARD: &str = "4111111111111111";

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    headers: Vec<(String, String)>,
    body: String,
}

impl Post {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).1
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a notice is JSON")
    }

    /// Asserts the signature by Python's own HMAC.
    pub(crate) fn is_signed(&self) {
        const VERIFY: &str = "import base64, hashlib, hmac, sys\n\
            secret, id, time, signature = sys.argv[1:]\n\
            body = sys.stdin.buffer.read()\n\
            key = base64.b64decode(secret.removeprefix('whsec_'))\n\
            mac = hmac.new(key, f'{id}.{time}.'.encode() + body, hashlib.sha256).digest()\n\
            sys.exit('v1,' + base64.b64encode(mac).decode() != signature)\n";
        let [id, time, signature] =
            ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| self.header(name));
        let mut python = Command::new("python3");
        python.args(["-c", VERIFY, SECRET, id, time, signature]);
        program::run(&mut python, self.body.as_bytes()).expect(0);
    }
}

/// A receiver that gives `answers` in turn and then the last of them again and again, until the process ends.
pub(crate) struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<Post>>>,
}

impl Receiver {
    pub(crate) fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let got = Arc::<Mutex<Vec<Post>>>::default();
        let taken = Arc::clone(&got);
        thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let answer = answers.get(n).or(answers.last()).expect("an answer");
                // A broker that is killed may leave half a request.
                if let Ok(post) = stream.and_then(|s| receive(s, answer)) {
                    taken.lock().expect("no test panics in here").push(post);
                }
            }
        });
        Self { port, got }
    }

    pub(crate) fn got(&self) -> Vec<Post> {
        self.got.lock().expect("no test panics in here").clone()
    }

    /// All of the notices about `approval` that are `kind`, once there are `count`.
    pub(crate) fn told(&self, kind: &str, approval: &str, count: usize) -> Vec<Post> {
        until(&format!("{count} of {kind}"), || {
            let is = |p: &Post| p.json()["type"] == kind && p.json()["data"]["id"] == approval;
            let found: Vec<_> = self.got().into_iter().filter(is).collect();
            (found.len() >= count).then_some(found)
        })
    }
}

fn receive(stream: TcpStream, answer: &str) -> std::io::Result<Post> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let post = Post { headers, body: String::from_utf8_lossy(&body).into_owned() };
    write!(reader.get_mut(), "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(post)
}

/// Has `broker` tell these webhooks from its next start on: name, receiver, with statements.
pub(crate) fn name(broker: &Broker, webhooks: &[(&str, &Receiver, bool)]) {
    let secret = broker.folder().join("hook.secret");
    fs::write(&secret, SECRET).expect("the folder is ours");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    for (name, receiver, statements) in webhooks {
        broker.configure(&format!(
            "\n[webhooks.{name}]\nurl = \"http://127.0.0.1:{}/t0ken\"\nsecret = \"file:hook.secret\"\nstatements = {statements}\n",
            receiver.port
        ));
    }
}

/// A broker that holds changes of payments and tells these webhooks: name, receiver, with statements.
fn scene(webhooks: &[(&str, &Receiver, bool)]) -> (Broker, Person, Person) {
    let broker = Broker::prepare();
    broker.add_rules(PAYMENTS_HELD);
    name(&broker, webhooks);
    broker.start_again();
    let (bob, ada) = (broker.person("bob", "dba,leads"), broker.person("ada", "leads"));
    (broker, bob, ada)
}

#[test]
fn a_receiver_learns_what_becomes_of_an_approval_signed_and_without_its_statement() {
    let chat = Receiver::start(&["503 Service Unavailable", "204 No Content"]);
    let audit = Receiver::start(&["200 OK"]);
    let (broker, bob, ada) = scene(&[("chat", &chat, false), ("audit", &audit, true)]);
    let update = format!("UPDATE payments SET status = 'refunded' WHERE id = 1 AND status <> '{CARD}'");
    let exec = ["exec", "payments-db", "--reason", "INC-42", "-c", &update];
    bob.run(&exec).expect(5);
    let id = nth(&broker, 1);

    let requested = chat.told("approval.requested", &id, 2);
    assert_eq!(
        requested[0].header("webhook-id"),
        requested[1].header("webhook-id"),
        "sent again, it is the same"
    );
    assert_eq!(requested[0].body, requested[1].body);
    requested.iter().for_each(Post::is_signed);
    let data = &requested[0].json()["data"];
    assert_eq!(data["next"], format!("hoopctl approve {id}"));
    assert_eq!(data["requester"], "bob", "{data}");
    assert_eq!((&data["target"], &data["reviewers"][0]), (&"payments-db".into(), &"1 of leads".into()));

    let shown = &audit.told("approval.requested", &id, 1)[0];
    shown.is_signed();
    let text = shown.json()["data"]["statement"]["text"].as_str().expect("it is asked for").to_owned();
    assert!(text.contains("refunded") && text.contains("411111******1111"), "{text}");

    approve(&ada, &id);
    chat.told("approval.approved", &id, 1)[0].is_signed();
    bob.run(&exec).expect(0);
    chat.told("approval.consumed", &id, 1);

    bob.run(&exec).expect(5);
    let second = nth(&broker, 2);
    ada.run(&["deny", &second, "--reason", "no"]).expect(0);
    chat.told("approval.rejected", &second, 1);
    bob.run(&exec).expect(5);
    let third = nth(&broker, 3);
    bob.run(&["requests", "withdraw", &third]).expect(0);
    chat.told("approval.withdrawn", &third, 1);

    let all: String = chat.got().into_iter().map(|post| post.body).collect();
    assert!(
        !all.contains("refunded") && !all.contains("UPDATE"),
        "a statement goes where none is asked for: {all}"
    );
    for post in chat.got().iter().chain(&audit.got()) {
        assert!(cards_in(post.body.as_bytes()).is_empty(), "{}", post.body);
    }
    // The one that was sent twice, and one more a change.
    assert_eq!(chat.got().len(), 8);
    assert!(events(&entries(&broker.ledger()), "control_failure").is_empty());
}

#[test]
fn a_notice_that_nobody_takes_is_in_the_ledger_and_holds_nothing_up() {
    let deaf = Receiver::start(&["404 Not Found"]);
    let down = Receiver::start(&["503 Service Unavailable"]);
    let (broker, bob, ada) = scene(&[("deaf", &deaf, false), ("down", &down, false)]);
    let exec = ["exec", "payments-db", "-c", crate::approvals::UPDATE];
    bob.run(&exec).expect(5);
    let id = nth(&broker, 1);
    approve(&ada, &id);
    bob.run(&exec).expect(0);
    until("the refusal is recorded", || {
        let entries = entries(&broker.ledger());
        let failures = events(&entries, "control_failure");
        let of_deaf = |e: &&&Value| {
            e["event"]["control"] == "webhook" && e["event"]["detail"].to_string().contains("`deaf`")
        };
        (failures.iter().filter(of_deaf).count() == 3).then_some(())
    });
    down.told("approval.consumed", &id, 1);
    // What is still to be tried again does not keep the broker from stopping, and is not forgotten.
    broker.stop();
    let entries = entries(&broker.ledger());
    let failures: String = events(&entries, "control_failure").iter().map(ToString::to_string).collect();
    assert_eq!(failures.matches("webhook `down`").count(), 3, "{failures}");
    assert!(failures.contains("404") && failures.contains("503"), "{failures}");
    assert!(!failures.contains("t0ken") && !broker.log().contains("t0ken"), "the URL is told");
    assert!(!broker.log().contains(SECRET));
}
