//! Signing in by a real OpenID provider behind the broker.

use hoop_harness::Login;
use hoop_harness::browser::{Page, Typed, sign_in};
use hoop_harness::person::Shown;
use hoop_harness::provider::{CLIENT_ID, CLIENT_SECRET};
use hoop_harness::{Broker, Done, Person, Provider};

use crate::support::{entries, events, masked};

const USERS: &str = r#"{
  "alice": { "password": "alice-pw", "otp": "123456", "email": "a@example.test", "name": "Alice", "groups": ["developers"] },
  "bob": { "password": "bob-pw", "otp": "654321", "email": "b@example.test", "name": "Bob", "groups": ["developers"] },
  "olga": { "password": "olga-pw", "otp": "111222", "email": "o@example.test", "name": "Olga", "groups": ["oncall"] },
  "carol": { "password": "carol-pw", "email": "c@example.test", "name": "Carol" },
  "dora":  { "password": "dora-pw", "email": "d@example.test", "name": "Dora", "groups": ["a", "b", "c", "d", "e", "f"] }
}"#;

const FRESH: &str = r#"
@id("sessions-held")
@message("sessions are opened with a second person")
@hold("1 of developers")
@fresh("5m")
forbid (principal, action == Action::"session", resource)
unless { context.approvals.contains("sessions-held") };
"#;

pub(crate) fn start() -> (Broker, Provider) {
    let broker = Broker::prepare();
    let redirect = format!("{}/oidc/callback", broker.url());
    let provider = Provider::start(&redirect, USERS);
    let secret = broker.folder().join("client.secret");
    std::fs::write(&secret, CLIENT_SECRET).expect("the folder is ours");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("it is ours");
    for (key, value) in [
        ("provider", "oidc".to_owned()),
        ("issuer", provider.issuer()),
        ("client_id", CLIENT_ID.to_owned()),
        ("client_secret", format!("file:{}", secret.display())),
        ("redirect_uri", redirect),
        ("groups_claim", "groups".to_owned()),
        ("person_claim", "sub".to_owned()),
    ] {
        broker.change("identity", key, &format!("{value:?}"));
    }
    broker.change("identity", "scopes", "[\"profile\", \"groups\"]");
    broker.change("identity", "max_groups", "5");
    broker.start_again();
    (broker, provider)
}

pub(crate) fn go(broker: &Broker, name: &str, otp: &str) -> (Person, Done, Result<Page, String>) {
    let person = Person::new(broker, Login::known(name, &format!("{name}-pw"), ""));
    let (done, page) = person.sign_in_by(|shown| at_the_provider(&person, shown, otp));
    (person, done, page)
}

pub(crate) fn at_the_provider(person: &Person, shown: &Shown, otp: &str) -> Result<Page, String> {
    let Login { name, password, .. } = &person.login;
    let typed = Typed {
        user_code: shown.user_code.clone(),
        name: name.clone(),
        password: password.clone(),
        otp: otp.into(),
        ..Typed::default()
    };
    sign_in(&shown.url, &typed)
}

#[test]
fn a_fresh_sign_in_is_asked_of_the_provider_and_only_its_word_counts() {
    let (broker, _provider) = start();
    let (alice, done, page) = go(&broker, "alice", "123456");
    page.expect("the pages let alice through");
    done.expect(0);
    // The provider says when somebody signed in only where that is asked for.
    assert!(alice.run(&["whoami"]).ok().contains("a time that the provider does not tell"));
    let mut fresh = alice.hoopctl(&["login", "--device", "--fresh"]);
    let (done, page) = alice.sign_in_with(&mut fresh, |shown| at_the_provider(&alice, shown, "123456"));
    page.expect("the pages let alice through again");
    done.expect(0);
    let who = alice.run(&["whoami"]).ok();
    assert!(who.contains("proved") && !who.contains("does not tell"), "{who}");
}

#[test]
fn who_did_not_sign_in_freshly_does_not_approve_what_asks_for_it() {
    let (broker, _provider) = start();
    broker.add_rules(FRESH);
    broker.stop();
    broker.start_again();
    let (bob, done, page) = go(&broker, "bob", "654321");
    page.expect("the pages let bob through");
    done.expect(0);
    let (alice, done, page) = go(&broker, "alice", "123456");
    page.expect("the pages let alice through");
    done.expect(0);
    bob.run(&["request", "payments-db", "--reason", "INC-42"]).expect(0);
    let asked = entries(&broker.ledger());
    let id = events(&asked, "approval_requested")[0]["event"]["approval"].as_str().expect("an id").to_owned();
    let approve = || alice.run(&["approve", &id, "--yes"]);
    approve().expect(3).says(&["fresh sign-in", "hoopctl login --fresh"]);
    let mut fresh = alice.hoopctl(&["login", "--device", "--fresh"]);
    let (done, page) = alice.sign_in_with(&mut fresh, |shown| at_the_provider(&alice, shown, "123456"));
    page.expect("the pages let alice through again");
    done.expect(0);
    approve().expect(0);
}

#[test]
fn groups_come_from_the_provider() {
    let (broker, _provider) = start();
    let (alice, done, page) = go(&broker, "alice", "123456");
    page.expect("the pages let alice through");
    done.expect(0);
    let who = alice.run(&["whoami"]).ok();
    assert!(who.contains("developers"), "{who}");
    masked(&alice.exec("SELECT pan FROM cards WHERE id = 1"), &["411111******1111"]);
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(events(&entries, "sign_in")[0]["event"]["method"], "oidc");
    let person = events(&entries, "session_open")[0]["user"]["person_id"].clone();
    assert!(person.is_string(), "the provider's immutable claim is the person");
}

#[test]
fn missing_groups_and_too_many_are_refused_with_the_reason() {
    let (broker, _provider) = start();
    for name in ["carol", "dora"] {
        let (person, _, page) = go(&broker, name, "");
        let words = page.expect_err("the page refuses");
        assert!(words.contains("group"), "{name} is not told why: {words}");
        person.run(&["whoami"]).expect(4);
    }
    broker.stop();
    assert_eq!(events(&entries(&broker.ledger()), "sign_in_failed").len(), 2);
}

#[test]
fn a_wrong_password_ends_at_the_provider() {
    let (broker, _provider) = start();
    let person = Person::new(&broker, Login::known("alice", "not-alice", ""));
    let (_, page) = person.sign_in_by(|shown| {
        let typed = Typed {
            user_code: shown.user_code.clone(),
            name: "alice".into(),
            password: "not-alice".into(),
            otp: String::new(),
            ..Typed::default()
        };
        sign_in(&shown.url, &typed)
    });
    page.expect_err("the provider refuses");
    person.run(&["whoami"]).expect(4);
}
