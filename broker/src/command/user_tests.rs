use std::cell::RefCell;

use clap::Parser as _;

use super::super::{Command, CommandLine};
use super::*;

/// Writes down what it is asked to do.
#[derive(Default)]
struct Notes(RefCell<Vec<String>>);

impl Notes {
    fn note(&self, what: String) {
        self.0.borrow_mut().push(what);
    }
}

impl UserAdmin for Notes {
    fn add(&self, user: &NewUser<'_>) -> Result<SecretString, AdminError> {
        let NewUser { name, password, groups, display } = user;
        self.note(format!("add {name} {} {groups:?} {display}", password.expose_secret()));
        Ok("otpauth://totp/hoop:x?secret=ABCDEF&issuer=hoop".into())
    }
    fn list(&self) -> Result<Vec<ListedUser>, AdminError> {
        let user = |name: &str, disabled, locked_until_s| ListedUser {
            name: name.into(),
            display: format!("Ms {name}\u{1b}[31m"),
            groups: vec!["a".into(), "b".into()],
            disabled,
            held: false,
            locked_until_s,
        };
        Ok(vec![
            user("al", false, None),
            user("barbara", true, Some(5)),
            user("c", false, Some(1_795_000_000)),
        ])
    }
    fn remove(&self, name: &str) -> Result<(), AdminError> {
        self.note(format!("remove {name}"));
        Ok(())
    }
    fn set_groups(&self, name: &str, groups: &[String]) -> Result<(), AdminError> {
        self.note(format!("groups {name} {groups:?}"));
        Ok(())
    }
    fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), AdminError> {
        self.note(format!("disabled {name} {disabled}"));
        Ok(())
    }
    fn unlock(&self, name: &str) -> Result<(), AdminError> {
        self.note(format!("unlock {name}"));
        Ok(())
    }
    fn reset_password(&self, name: &str, password: &SecretString) -> Result<(), AdminError> {
        self.note(format!("password {name} {}", password.expose_secret()));
        Ok(())
    }
    fn reset_totp(&self, name: &str) -> Result<SecretString, AdminError> {
        self.note(format!("totp {name}"));
        Ok("otpauth://totp/x?secret=NEW".into())
    }
}

/// What was done, and what went to stdout.
fn run(line: &str) -> (Vec<String>, String) {
    let words = ["hoop-broker", "user"].into_iter().chain(line.split(' ')).chain(["--config", "f"]);
    let Command::User(verb) = CommandLine::try_parse_from(words).expect("a command line").command else {
        panic!("not `user`");
    };
    let notes = Notes::default();
    let ask = |stdin| Ok(SecretString::from(if stdin { "from-stdin" } else { "asked" }));
    let shown = change(&notes, &verb, ask).expect("done");
    (notes.0.into_inner(), shown)
}

#[test]
fn each_verb_does_what_it_says() {
    let url = "otpauth://totp/hoop:x?secret=ABCDEF&issuer=hoop\nABCDEF\n";
    for (line, does, shows) in [
        ("add al --groups a,b", vec![r#"add al asked ["a", "b"] al"#], url),
        ("add al --display A --password-stdin", vec!["add al from-stdin [] A"], url),
        ("remove al", vec!["remove al"], ""),
        ("groups al a,b", vec![r#"groups al ["a", "b"]"#], ""),
        ("groups al", vec!["groups al []"], ""),
        ("unlock al", vec!["unlock al"], ""),
        ("disable al", vec!["disabled al true"], ""),
        ("enable al", vec!["disabled al false"], ""),
        ("reset al", vec!["password al asked", "totp al"], "otpauth://totp/x?secret=NEW\nNEW\n"),
        ("reset al --password-only --password-stdin", vec!["password al from-stdin"], ""),
        ("reset al --totp-only", vec!["totp al"], "otpauth://totp/x?secret=NEW\nNEW\n"),
    ] {
        let (did, shown) = run(line);
        assert_eq!(did, does, "{line}");
        assert_eq!(shown, shows, "{line}");
    }
}

#[test]
fn the_list_is_aligned_and_safe_to_print() {
    insta::assert_snapshot!(run("list").1, @r"
    NAME     STATE                              GROUPS  DISPLAY
    al       active                             a,b     Ms al\u{1b}[31m
    barbara  disabled                           a,b     Ms barbara\u{1b}[31m
    c        locked until 2026-11-18T11:06:40Z  a,b     Ms c\u{1b}[31m
    ");
}
