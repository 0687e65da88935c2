//! The small types that both sides share.

use hoop_api::{Code, Problem, SessionId, StatementId, Untrusted};
use proptest::prelude::*;

#[test]
fn text_from_outside_cannot_move_or_hide_anything() {
    let shown = Untrusted::new("a\u{1b}[2Jb\u{202e}c\u{200b}d\ne\u{7f}\u{feff}").to_string();
    assert_eq!(shown, "a\\u{1b}[2Jb\\u{202e}c\\u{200b}d\\ne\\u{7f}\\u{feff}");
    assert_eq!(Untrusted::new("Björn Lindqvist, 東京").to_string(), "Björn Lindqvist, 東京");
}

#[test]
fn a_problem_has_the_status_of_its_code() {
    let problem = Problem::new(Code::Denied, "no").with_hint("ask");
    assert_eq!((problem.status, problem.code.as_str()), (403, "denied_by_policy"));
}

proptest! {
    #[test]
    fn what_is_shown_holds_nothing_hazardous(text in any::<String>()) {
        prop_assert!(!Untrusted::new(text).to_string().chars().any(Untrusted::is_hazardous));
    }

    #[test]
    fn ids_are_read_as_they_are_written(ms in 0..1_u64 << 48, random in any::<u128>()) {
        let id = SessionId::from_parts(ms, random);
        let text = id.to_string();
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        prop_assert_eq!(text.parse::<SessionId>(), Ok(id));
        prop_assert!(text.parse::<StatementId>().is_err(), "of another kind");
        let over = text.replacen("_0", "_8", 1);
        prop_assert!(over == text || over.parse::<SessionId>().is_err(), "more than 128 bits");
    }
}
