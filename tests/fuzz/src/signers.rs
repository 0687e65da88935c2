//! Who may sign a policy, and what counts as a signature: no text is two signers with one key or name, and what signs one
//! manifest signs no other.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::Path;

use hoop_broker::signers::{Found, MAX_SIGNERS, Signers, parse};

/// The manifest that the signatures of the corpus are about.
const MANIFEST: &str =
    "hoopctl policy 1\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.cedar\n";

/// A file of signers, then, each after a NUL, signatures.
pub fn signers(data: &[u8]) {
    let mut parts = data.split(|b| *b == 0);
    let Ok(text) = str::from_utf8(parts.next().unwrap_or_default()) else { return };
    let file = Path::new("policy/allowed_signers");
    let parsed = parse(text, file);
    assert_eq!(parsed, parse(text, file));
    let people = match parsed {
        Ok(people) => people,
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(fault.line().is_some_and(|line| (1..=text.lines().count()).contains(&line)));
                let shown = fault.to_string();
                assert!(!shown.chars().any(|c| c != '\n' && hoop_api::Untrusted::is_hazardous(c)));
            }
            return;
        }
    };
    let names: BTreeSet<_> = people.iter().map(|p| p.name.to_ascii_lowercase()).collect();
    let keys: BTreeSet<_> = people.iter().map(|p| p.key.to_bytes()).collect();
    assert!(names.len() == people.len() && keys.len() == people.len() && people.len() <= MAX_SIGNERS);
    let plain = |c: char| c.is_ascii_graphic() && !"*?!,\"'#".contains(c);
    assert!(names.iter().all(|name| !name.is_empty() && name.chars().all(plain)));

    let one = |(i, bytes): (usize, &[u8])| Found { file: format!("{i}.sig"), bytes: bytes.to_vec() };
    let mut found: Vec<_> = parts.enumerate().map(one).collect();
    let signers = |needed| {
        let needed = NonZero::new(needed).unwrap();
        Signers { file: file.to_owned(), needed, people: people.clone() }
    };
    let Ok(signed_by) = signers(1).verify(MANIFEST, &found) else { return };
    assert!(!signed_by.is_empty() && signed_by.len() <= found.len());
    assert!(signed_by.iter().all(|name| people.iter().any(|p| p.name == *name)));
    assert!(signers(signed_by.len() + 1).verify(MANIFEST, &found).is_err());
    assert!(signers(1).verify(&MANIFEST.replace("a.cedar", "b.cedar"), &found).is_err());
    // Neither order nor copies add anybody.
    found.extend(found.clone());
    found.reverse();
    assert_eq!(signers(signed_by.len()).verify(MANIFEST, &found), Ok(signed_by));
}
