//! Who may sign a policy, and what counts as a signature. The signatures are made here; the end-to-end tests make them
//! with ssh-keygen.

use std::fs;
use std::num::NonZero;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use hoop_broker::config::Fault;
use hoop_broker::signers::{Found, NAMESPACE, PolicyFile, Signers, manifest, parse};
use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PublicKey, Signature, SshSig};

use crate::broker::{broker, edit, initialised};

const CHECK: [&str; 3] = ["check", "--config", "b/broker.toml"];
const MANIFEST: [&str; 4] = ["policy", "manifest", "--config", "b/broker.toml"];

/// A person whose key is made of one byte.
#[derive(Clone, Copy)]
struct Person(u8);

const ALICE: Person = Person(1);
const BOB: Person = Person(2);
const MALLORY: Person = Person(3);

impl Person {
    fn secret(self) -> SigningKey {
        SigningKey::from_bytes(&[self.0; 32])
    }

    fn public(self) -> KeyData {
        KeyData::Ed25519(Ed25519PublicKey(self.secret().verifying_key().to_bytes()))
    }

    /// `ssh-ed25519 KEY`
    fn key(self) -> String {
        PublicKey::from(self.public()).to_openssh().expect("text").trim_end().to_owned()
    }

    fn signature(self, namespace: &str, hash: HashAlg, text: &str) -> SshSig {
        let data = SshSig::signed_data(namespace, hash, text.as_bytes()).expect("short");
        let raw = Signature::new(Algorithm::Ed25519, self.secret().sign(&data).to_bytes()).expect("64 bytes");
        SshSig::new(self.public(), namespace, hash, raw).expect("a namespace")
    }

    fn signs(self, text: &str) -> String {
        self.signature(NAMESPACE, HashAlg::Sha512, text).to_pem(LineEnding::LF).expect("PEM")
    }
}

fn allowed(people: &[(&str, Person)]) -> String {
    people.iter().map(|(name, person)| format!("{name} {}\n", person.key())).collect()
}

/// Alice and Bob, of whom `needed` must sign.
fn signers(needed: usize) -> Signers {
    let people = parse(&allowed(&[("alice", ALICE), ("bob", BOB)]), Path::new("s")).expect("sound");
    let needed = NonZero::new(needed).expect("at least one");
    Signers { file: "/etc/hoop/policy/allowed_signers".into(), needed, people }
}

/// What is said of `found`, the contents of `0.sig`, `1.sig` and so on.
fn verified(needed: usize, text: &str, found: &[&str]) -> String {
    let one = |(i, pem): (usize, &&str)| Found { file: format!("{i}.sig"), bytes: pem.as_bytes().to_vec() };
    let found: Vec<_> = found.iter().enumerate().map(one).collect();
    match signers(needed).verify(text, &found) {
        Ok(names) => names.join(" and "),
        Err(unsigned) => unsigned.to_string(),
    }
}

#[test]
fn k_of_n_people_must_have_signed() {
    let text = "hoopctl policy 1\n";
    let (alice, bob) = (ALICE.signs(text), BOB.signs(text));
    assert_eq!(verified(1, text, &[&alice]), "alice");
    assert_eq!(verified(2, text, &[&bob, &alice]), "alice and bob");
    assert_eq!(verified(2, text, &[]), "the policy has 0 of 2 signatures");
    assert_eq!(verified(2, text, &[&bob]), "the policy has 1 of 2 signatures; signed by bob");
    assert_eq!(
        verified(2, text, &[&alice, &alice]),
        "the policy has 1 of 2 signatures; signed by alice; not counted: `1.sig` (alice is counted already)"
    );
    let other_hash = ALICE.signature(NAMESPACE, HashAlg::Sha256, text);
    assert_eq!(verified(1, text, &[&other_hash.to_pem(LineEnding::CRLF).expect("PEM")]), "alice");
    // What does not count does no harm.
    let mallory = MALLORY.signs(text);
    assert_eq!(verified(2, text, &["", &mallory, &alice, "x", &BOB.signs("old"), &bob]), "alice and bob");
}

#[test]
fn what_is_signed_is_this_text_for_this_purpose_with_an_allowed_key() {
    let text = "hoopctl policy 1\nab  pci.cedar\n";
    let not = |pem: &str| {
        let said = verified(1, text, &[pem]);
        said.strip_prefix("the policy has 0 of 1 signatures; not counted: `0.sig` ").expect(&said).to_owned()
    };
    for changed in ["", "hoopctl policy 1\nab  pci.cedar", "hoopctl policy 1\r\nab  pci.cedar\r\n"] {
        assert_eq!(not(&ALICE.signs(changed)), "(alice signed another manifest)", "{changed:?}");
    }
    for namespace in ["file", "hoopctl-policy2", "HOOPCTL-POLICY", "a\n\u{202e}b"] {
        let pem = ALICE.signature(namespace, HashAlg::Sha512, text).to_pem(LineEnding::LF).expect("PEM");
        let shown = namespace.replace('\n', "\\n").replace('\u{202e}', "\\u{202e}");
        assert_eq!(not(&pem), format!("(made for `{shown}`, not for `hoopctl-policy`)"));
    }
    assert!(not(&MALLORY.signs(text)).starts_with("(made with a key that is not allowed, SHA256:"));
    // Mallory signs and says that Alice did.
    let raw = MALLORY.signature(NAMESPACE, HashAlg::Sha512, text).signature().clone();
    let forged = SshSig::new(ALICE.public(), NAMESPACE, HashAlg::Sha512, raw).expect("a namespace");
    assert_eq!(not(&forged.to_pem(LineEnding::LF).expect("PEM")), "(alice signed another manifest)");
    // The hash that it says is the hash that is taken.
    let raw = ALICE.signature(NAMESPACE, HashAlg::Sha256, text).signature().clone();
    let relabelled = SshSig::new(ALICE.public(), NAMESPACE, HashAlg::Sha512, raw).expect("a namespace");
    assert_eq!(not(&relabelled.to_pem(LineEnding::LF).expect("PEM")), "(alice signed another manifest)");
    // An RSA key's algorithm on an Ed25519 key.
    let raw = Signature::new(Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, [0; 64]).expect("any bytes");
    let rsa = SshSig::new(ALICE.public(), NAMESPACE, HashAlg::Sha512, raw).expect("a namespace");
    assert_eq!(not(&rsa.to_pem(LineEnding::LF).expect("PEM")), "(made with a key that is not ssh-ed25519)");
}

#[test]
fn a_signature_that_is_not_understood_whole_is_none() {
    let text = "hoopctl policy 1\n";
    let none =
        "the policy has 0 of 1 signatures; not counted: `0.sig` (no signature of `ssh-keygen -Y sign`)";
    let sound = ALICE.signs(text);
    let body: String = sound.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = BASE64.decode(body).expect("base64");
    let pem = |bytes: &[u8]| {
        let body = BASE64.encode(bytes);
        let lines: Vec<&str> =
            body.as_bytes().chunks(70).map(|l| str::from_utf8(l).expect("ASCII")).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    };
    assert_eq!(verified(1, text, &[&pem(&bytes)]), "alice", "that is how ssh-keygen writes it");
    let after_namespace =
        bytes.windows(NAMESPACE.len()).position(|w| w == NAMESPACE.as_bytes()).expect("it") + NAMESPACE.len();
    let reserved = [&bytes[..after_namespace], &[0, 0, 0, 1, b'x'], &bytes[after_namespace + 4..]].concat();
    let version = |n: u8| [&bytes[..9], &[n], &bytes[10..]].concat();
    assert_eq!(version(1), bytes);
    let (old, new, longer) = (version(0), version(2), [&bytes[..], b"x"].concat());
    for wrong in [&reserved, &old, &new, &longer, &bytes[..bytes.len() - 1].to_vec(), &bytes[1..].to_vec()] {
        assert_eq!(verified(1, text, &[&pem(wrong)]), none, "{wrong:?}");
    }
    let garbage = ["", "SSHSIG", "\u{0}", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n"];
    for wrong in garbage {
        assert_eq!(verified(1, text, &[wrong]), none, "{wrong:?}");
    }
    let label = pem(&bytes).replace("SSH SIGNATURE", "PGP SIGNATURE");
    assert_eq!(verified(1, text, &[&label]), none);
}

#[test]
fn a_line_of_the_signers_is_read_as_openssh_reads_it_or_refused() {
    let key = ALICE.key();
    let text = format!(
        "# who may sign\r\n\r\n  \talice \t {key} alice@laptop\r\nbob@example.com  namespaces=\"git,hoopctl-policy\" {}",
        BOB.key()
    );
    let people = parse(&text, Path::new("s")).expect("sound");
    let names: Vec<_> = people.iter().map(|p| (p.name.as_str(), p.key)).collect();
    let keys = [ALICE, BOB].map(|p| p.secret().verifying_key());
    assert_eq!(names, [("alice", keys[0]), ("bob@example.com", keys[1])]);

    let data = key.split(' ').nth(1).expect("its data").to_owned();
    let weak = PublicKey::from(KeyData::Ed25519(Ed25519PublicKey({
        let mut identity = [0; 32];
        identity[0] = 1;
        identity
    })));
    let mut lines = vec![
        format!("alice {key}"),
        format!("Alice {}", BOB.key()),
        format!("alicia {key}"),
        format!("*@example.com {}", BOB.key()),
        format!("bob,eve {}", BOB.key()),
        format!("\"bob\" {}", BOB.key()),
        format!("b\u{f6}b {}", BOB.key()),
        format!("bob cert-authority {}", BOB.key()),
        format!("bob valid-before=\"20300101\" {}", BOB.key()),
        format!("bob namespaces=\"file\" {}", BOB.key()),
        format!("bob namespaces=\"!hoopctl-policy,hoopctl-policy\" {}", BOB.key()),
        format!("bob namespaces=\"hoopctl-*\" {}", BOB.key()),
        format!("bob namespaces=hoopctl-policy {}", BOB.key()),
        format!("bob namespaces=\"hoopctl-policy\",namespaces=\"hoopctl-policy\" {}", BOB.key()),
        format!("bob no-such-option {}", BOB.key()),
        "bob".to_owned(),
        "bob ssh-ed25519".to_owned(),
        "bob ssh-ed25519 AAAA".to_owned(),
        format!("bob ssh-ed25519 {}", &data[..data.len() - 4]),
        format!("bob ssh-ed25519 {data}\u{b}"),
        format!("bob {}", weak.to_openssh().expect("text")),
    ];
    for kind in ["ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"] {
        lines.push(format!("bob {kind} {data}"));
    }
    let faults = parse(&lines.join("\n"), Path::new("s")).expect_err("all but the first are faults");
    assert_eq!(faults.len(), lines.len() - 1);
    let shown: Vec<String> = faults.iter().map(|f| f.to_string().replace(&data, "DATA")).collect();
    insta::assert_snapshot!(shown.join("\n"));
    let many: String = (0..65).map(|n| format!("p{n} {}\n", Person(n).key())).collect();
    let faults = parse(&many, Path::new("s")).expect_err("64 are enough");
    let messages: Vec<_> = faults.iter().map(Fault::message).collect();
    assert_eq!(messages, ["there are more than 64 signers"]);
}

#[test]
fn a_manifest_says_which_file_and_which_bytes() {
    let file = |path: &str, text: &str| PolicyFile { path: path.into(), text: text.into() };
    let (a, b) = (file("/x/a.cedar", "abc"), file("/y/b.cedar", "abc\r\n"));
    let text = manifest(&[a.clone(), b.clone()]).expect("sound");
    // sha256sum's own words.
    assert_eq!(
        text,
        "hoopctl policy 1\n\
         ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.cedar\n\
         552bab6864c7a7b69a502ed1854b9245c0e1a30f008aaa0b281da62585fdb025  b.cedar\n"
    );
    assert_ne!(manifest(&[b.clone(), a.clone()]).expect("sound"), text, "the order is signed too");
    for wrong in [&[a.clone(), file("/y/a.cedar", "")][..], &[file("/x/a\nb", "")], &[file("/", "")]] {
        assert!(manifest(wrong).is_err(), "{wrong:?}");
    }
}

/// A folder whose policy Alice and Bob must sign.
fn signed_folder() -> tempfile::TempDir {
    let dir = initialised();
    let b = dir.path().join("b");
    edit(
        &b.join("broker.toml"),
        "[policy]\n",
        "[policy]\nsigners = \"policy/allowed_signers\"\nsignatures = 2\n",
    );
    let policy = "@id(\"none\") @message(\"nothing\")\nforbid (principal, action, resource);\n";
    fs::write(b.join("policy/pci.cedar"), policy).expect("ours");
    fs::write(b.join("policy/allowed_signers"), allowed(&[("alice", ALICE), ("bob", BOB)])).expect("ours");
    dir
}

#[test]
fn check_and_serve_refuse_a_policy_that_too_few_have_signed() {
    let dir = signed_folder();
    let policy = dir.path().join("b/policy");
    let printed = broker(dir.path(), &MANIFEST);
    insta::assert_snapshot!("manifest", printed);
    let text = printed.split("stdout\n").nth(1).and_then(|t| t.split("---").next()).expect("it was printed");
    let sign = |person: Person, text: &str, name: &str| {
        fs::write(policy.join(name), person.signs(text)).expect("ours");
    };
    sign(ALICE, text, "alice.sig");
    sign(ALICE, text, "alice-at-home.sig");
    sign(BOB, "hoopctl policy 1\n", "bob.sig");
    sign(MALLORY, text, "mallory.sig");
    fs::write(policy.join("empty.sig"), "").expect("ours");
    let refused = broker(dir.path(), &CHECK);
    insta::assert_snapshot!("too_few", refused);
    assert_eq!(broker(dir.path(), &["serve", "--config", "b/broker.toml"]), refused);
    sign(BOB, text, "bob.sig");
    insta::assert_snapshot!("signed", broker(dir.path(), &CHECK));
    // One byte of one file.
    edit(&policy.join("pci.cedar"), "nothing", "Nothing");
    assert!(broker(dir.path(), &CHECK).contains("the policy has 0 of 2 signatures"));
    // A policy that does not load is nothing to sign.
    fs::write(policy.join("pci.cedar"), "permit (").expect("ours");
    assert!(broker(dir.path(), &MANIFEST).starts_with("exit 2\n--- stdout\n--- stderr\n"));
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let dir = signed_folder();
    let policy = dir.path().join("b/policy");
    let (config, allowed_signers) = (dir.path().join("b/broker.toml"), policy.join("allowed_signers"));
    let mut said = Vec::new();
    let mut check = || said.push(broker(dir.path(), &CHECK));
    fs::set_permissions(&allowed_signers, fs::Permissions::from_mode(0o664)).expect("ours");
    check();
    fs::set_permissions(&allowed_signers, fs::Permissions::from_mode(0o644)).expect("ours");
    edit(&config, "signatures = 2", "signatures = 3");
    check();
    fs::write(&allowed_signers, "# nobody\n").expect("ours");
    check();
    fs::write(&allowed_signers, b"alice \xff").expect("ours");
    check();
    fs::write(&allowed_signers, allowed(&[("alice", ALICE), ("bob", BOB)])).expect("ours");
    edit(&config, "signatures = 3", "signatures = 2");
    fs::create_dir(policy.join("more")).expect("ours");
    fs::copy(policy.join("pci.cedar"), policy.join("more/pci.cedar")).expect("ours");
    let files = "files = [\"policy/pci.cedar\"";
    edit(&config, files, &format!("{files}, \"policy/more/pci.cedar\""));
    check();
    edit(&config, ", \"policy/more/pci.cedar\"", "");
    fs::write(policy.join("huge.sig"), vec![b'x'; (16 << 10) + 1]).expect("ours");
    check();
    fs::remove_file(policy.join("huge.sig")).expect("ours");
    symlink("/dev/zero", policy.join("zero.sig")).expect("ours");
    check();
    fs::remove_file(policy.join("zero.sig")).expect("ours");
    for n in 0..65 {
        fs::write(policy.join(format!("{n}.sig")), "").expect("ours");
    }
    check();
    insta::assert_snapshot!(said.join("\n"));
}
