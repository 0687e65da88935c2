//! Signing in by device code with local users: what works, and each way in which it must not.

use hoop_harness::browser::{Browser, Typed, block_on, fill, sign_in};
use hoop_harness::{Broker, Person};

use crate::support::{developer, entries, events};

fn typed(person: &Person, user_code: &str, otp: String) -> Typed {
    let password = person.login.password.clone();
    Typed {
        user_code: user_code.to_owned(),
        name: person.login.name.clone(),
        password,
        otp,
        ..Typed::default()
    }
}

#[test]
fn a_person_signs_in_is_known_and_signs_out() {
    let (broker, alice) = developer();
    let who = alice.run(&["whoami"]).ok();
    assert!(who.contains("alice") && who.contains("developers"), "{who}");
    alice.run(&["logout"]).expect(0);
    alice.run(&["whoami"]).expect(4);
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(events(&entries, "sign_in").len(), 1);
    let revoked = events(&entries, "tokens_revoked");
    assert_eq!(revoked.iter().map(|e| &e["event"]["reason"]).collect::<Vec<_>>(), ["logout"]);
}

#[test]
fn tokens_stay_in_a_closed_file_and_the_warning_says_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let broker = Broker::start();
    let alice = broker.stranger("alice", "developers");
    let (done, _) =
        alice.sign_in_by(|shown| sign_in(&shown.url, &typed(&alice, &shown.user_code, alice.login.code())));
    done.expect(0).says(&["file"]);
    let mut files = vec![alice.home().to_owned()];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if path.is_file() {
            seen += 1;
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }
    assert!(seen > 0, "sign-in keeps something");
}

#[test]
fn wrong_passwords_unknown_names_and_wrong_codes_are_told_alike() {
    let broker = Broker::start();
    let alice = broker.stranger("alice", "developers");
    let mut answers = Vec::new();
    let good = alice.login.code();
    let bad = if good == "000000" { "000001" } else { "000000" };
    for (name, password, otp) in [
        ("alice", "wrong-password-1", good.as_str()),
        ("nobody", alice.login.password.as_str(), good.as_str()),
        ("alice", alice.login.password.as_str(), bad),
    ] {
        let (_, page) = alice.sign_in_by(|shown| {
            let (user_code, name) = (shown.user_code.clone(), name.to_owned());
            sign_in(
                &shown.url,
                &Typed {
                    user_code,
                    name,
                    password: password.to_owned(),
                    otp: otp.to_owned(),
                    ..Typed::default()
                },
            )
        });
        // The page shows the code of this sign-in; nothing else may differ.
        let words = page.expect_err("the page refuses");
        let stable: Vec<_> = words.split(' ').filter(|w| !w.contains('-')).collect();
        answers.push(stable.join(" "));
    }
    assert_eq!(answers[0], answers[1], "an unknown name is told from a wrong password");
    assert_eq!(answers[0], answers[2], "a wrong code is told from a wrong password");
    broker.stop();
    assert_eq!(events(&entries(&broker.ledger()), "sign_in_failed").len(), 3);
}

#[test]
fn a_one_time_code_counts_once() {
    let broker = Broker::start();
    let alice = broker.stranger("alice", "developers");
    let otp = alice.login.code();
    let go =
        || alice.sign_in_by(|shown| sign_in(&shown.url, &typed(&alice, &shown.user_code, otp.clone()))).1;
    go().expect("the first use is good");
    go().expect_err("the second is not (RFC 6238, 5.2)");
}

#[test]
fn too_many_failures_lock_the_account() {
    let broker = Broker::start_with(&[("limits", "login_attempts", "3")]);
    let alice = broker.stranger("alice", "developers");
    for _ in 0..3 {
        let wrong = |code: &str| Typed {
            password: "wrong-password-1".into(),
            ..typed(&alice, code, "000000".into())
        };
        alice.sign_in_by(|shown| sign_in(&shown.url, &wrong(&shown.user_code))).1.expect_err("wrong");
    }
    let right =
        alice.sign_in_by(|shown| sign_in(&shown.url, &typed(&alice, &shown.user_code, alice.login.code()))).1;
    right.expect_err("the account is locked (PCI DSS 8.3.4), the right password does not help");
    broker.admin(&["user", "unlock", "alice"]).expect(0);
    alice.sign_in();
    broker.stop();
    assert_eq!(events(&entries(&broker.ledger()), "lock_out").len(), 1);
}

#[test]
fn the_page_needs_no_script_and_allows_none() {
    let broker = Broker::start();
    let page = block_on(async { Browser::new().open(&format!("{}/device", broker.url())).await });
    assert_eq!(page.status, 200);
    let header =
        |name: &str| page.headers.get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert!(header("cache-control").contains("no-store"));
    assert!(!page.body.contains("<script"));
    assert!(page.body.contains("<html lang="));
    assert!(page.body.contains("<label"));
}

#[test]
fn a_form_without_its_own_csrf_token_is_refused() {
    let broker = Broker::start();
    let alice = broker.stranger("alice", "developers");
    let (_, page) = alice.sign_in_by(|shown| {
        block_on(async {
            let mut browser = Browser::new();
            let page = browser.open(&shown.url).await;
            let form = page.forms().into_iter().next().expect("the page has a form");
            let mut fields = fill(&form, &typed(&alice, &shown.user_code, String::new()));
            let hidden: Vec<_> =
                form.fields.iter().filter(|f| f.kind == "hidden").map(|f| f.name.clone()).collect();
            assert!(!hidden.is_empty(), "the form has a hidden token");
            for (name, value) in &mut fields {
                if hidden.contains(name) && name != "user_code" {
                    value.push('x');
                }
            }
            let answer = browser.send(&page, &form, &fields).await;
            if answer.status < 400 { Ok(answer) } else { Err(answer.words()) }
        })
    });
    page.expect_err("a forged form is refused");
}

#[test]
fn guessing_codes_ends_soon() {
    let broker = Broker::start();
    let refused = block_on(async {
        let mut browser = Browser::new();
        let page = browser.open(&format!("{}/device", broker.url())).await;
        let form = page.forms().into_iter().next().expect("the page has a form");
        for n in 0..50_u8 {
            let letter = |i: u8| char::from(b"BCDFGHJKLM"[usize::from(i % 10)]);
            let user_code = format!("BBBB-BB{}{}", letter(n / 10), letter(n));
            let typed = Typed { user_code, ..Typed::default() };
            if browser.send(&page, &form, &fill(&form, &typed)).await.status == 429 {
                return true;
            }
        }
        false
    });
    assert!(refused, "fifty wrong codes in a row were all looked at");
}

#[test]
fn a_certificate_with_another_fingerprint_is_refused() {
    let broker = Broker::start();
    let alice = broker.stranger("alice", "developers");
    let wrong = "00".repeat(32);
    let done = alice.run(&["login", &broker.url(), "--device", "--fingerprint", &wrong]);
    assert_ne!(done.code, 0);
    done.says(&["fingerprint"]);
    // And without a terminal nobody can be asked: never silently.
    assert_ne!(alice.run(&["login", &broker.url(), "--device"]).code, 0);
}

#[test]
fn an_expired_access_token_is_renewed_without_a_word() {
    let broker = Broker::start_with(&[("sessions", "access_token", "\"10s\"")]);
    let alice = broker.person("alice", "developers");
    std::thread::sleep(std::time::Duration::from_secs(11));
    assert!(alice.run(&["whoami"]).ok().contains("alice"));
}

#[test]
fn a_removed_user_is_out() {
    let (broker, alice) = developer();
    broker.admin(&["user", "remove", "alice"]).expect(0);
    hoop_harness::program::until("the removed user to be refused", || {
        (alice.run(&["targets"]).code == 4).then_some(())
    });
}
