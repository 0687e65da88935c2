use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use crate::broker::{broker, broker_with, edit, initialised};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

const TARGET: &str = r#"
[targets.a]
kind = "postgres"
address = "db:5432"
login = "l"
password = "env:HOOP_TEST_DB"
databases = ["d"]
"#;

fn with_target(password: &str) -> tempfile::TempDir {
    let dir = initialised();
    let target = TARGET.replace("env:HOOP_TEST_DB", password);
    edit(&dir.path().join("b/broker.toml"), "# Every limit", &format!("{target}\n# Every limit"));
    dir
}

const CHECK: [&str; 3] = ["check", "--config", "b/broker.toml"];

#[test]
fn faults_of_text_and_files_come_together() {
    let dir = with_target("env:HOOP_TEST_DB");
    let b = dir.path().join("b");
    edit(&b.join("broker.toml"), "idle = \"15m\"", "idle = \"2h\"");
    chmod(&b.join("keys/tls.key"), 0o644);
    chmod(&b.join("policy/pci.cedar"), 0o666);
    chmod(&b.join("state"), 0o755);
    fs::remove_dir(b.join("ledger")).expect("removed");
    fs::remove_file(b.join("keys/tls.crt")).expect("removed");
    insta::assert_snapshot!(broker(dir.path(), &CHECK));
}

#[test]
fn a_secret_must_be_where_it_is_said_to_be() {
    let dir = with_target("env:HOOP_TEST_DB");
    let set = [("HOOP_TEST_DB", "x")];
    assert!(broker_with(dir.path(), &CHECK, "", &set).starts_with("exit 0\n"));
    assert!(broker_with(dir.path(), &CHECK, "", &[("HOOP_TEST_DB", "")]).starts_with("exit 2\n"));
    let dir = with_target("file:db-password");
    let secret = dir.path().join("b/db-password");
    assert!(broker(dir.path(), &CHECK).starts_with("exit 2\n"));
    fs::write(&secret, "x\n").expect("written");
    chmod(&secret, 0o640);
    insta::assert_snapshot!(broker(dir.path(), &CHECK));
    chmod(&secret, 0o600);
    assert!(broker(dir.path(), &CHECK).starts_with("exit 0\n"));
}

#[test]
fn the_secret_of_a_webhook_must_be_one_that_nobody_guesses() {
    let dir = initialised();
    let hook = "[webhooks.chat]\nurl = \"https://relay.example.com/hoop\"\nsecret = \"env:HOOP_TEST_HOOK\"\n";
    edit(&dir.path().join("b/broker.toml"), "# Every limit", &format!("{hook}\n# Every limit"));
    let check = |secret| broker_with(dir.path(), &CHECK, "", &[("HOOP_TEST_HOOK", secret)]);
    assert!(check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").starts_with("exit 0\n"));
    assert!(check("0123456789abcdef01234567").starts_with("exit 0\n"));
    insta::assert_snapshot!(["hunter2hunter2", "whsec_hunter2!"].map(check).concat());
}

#[test]
fn a_configuration_that_others_can_change_is_refused() {
    let dir = initialised();
    chmod(&dir.path().join("b/broker.toml"), 0o620);
    insta::assert_snapshot!(broker(dir.path(), &CHECK));
}

#[test]
fn a_fault_of_the_policy_is_shown_with_its_line_and_a_caret() {
    let dir = initialised();
    let policy = dir.path().join("b/policy/pci.cedar");
    let text = "@id(\"reads\")\npermit (principal, action == Action::\"raed\", resource);\n";
    fs::write(policy, text).expect("ours");
    insta::assert_snapshot!(broker(dir.path(), &CHECK));
}

#[test]
fn what_belongs_to_someone_else_is_refused() {
    let dir = initialised();
    let b = dir.path().join("b");
    for path in ["keys/tls.key", "policy/pci.cedar", "state", "broker.toml"] {
        let stranger = chown(b.join(path), Some(65_534), None);
        // Only root can give a file away; elsewhere there is nothing to try.
        if stranger.is_err() {
            return;
        }
    }
    insta::assert_snapshot!(broker(dir.path(), &CHECK));
}

#[test]
fn the_roots_of_a_target_may_belong_to_its_administrators() {
    let dir = with_target("env:HOOP_TEST_DB\"\nca_file = \"ca.pem");
    let roots = dir.path().join("b/ca.pem");
    let check = || broker_with(dir.path(), &CHECK, "", &[("HOOP_TEST_DB", "x")]);
    fs::write(&roots, "").expect("written");
    // Only root can give a file away; elsewhere it stays ours, which is as good.
    let _ = chown(&roots, Some(65_534), None);
    chmod(&roots, 0o644);
    assert!(check().starts_with("exit 0\n"), "{}", check());
    chmod(&roots, 0o664);
    assert!(check().starts_with("exit 2\n"), "{}", check());
}

#[test]
fn a_log_level_from_the_environment_is_checked() {
    let dir = initialised();
    let serve = ["serve", "--config", "b/broker.toml"];
    insta::assert_snapshot!(broker_with(dir.path(), &serve, "", &[("HOOP_LOG", "inof")]));
}

#[test]
fn a_file_that_is_not_there_has_a_hint() {
    let dir = tempfile::tempdir().expect("a folder");
    insta::assert_snapshot!(broker(dir.path(), &CHECK));
}

#[test]
fn a_folder_is_no_configuration() {
    let dir = initialised();
    insta::assert_snapshot!(broker(dir.path(), &["check", "--config", "b"]));
}

#[test]
fn bytes_that_are_no_text_are_a_fault() {
    let dir = initialised();
    fs::write(dir.path().join("b/broker.toml"), b"name = \"\xff\"").expect("written");
    insta::assert_snapshot!(broker(dir.path(), &CHECK));
}

#[test]
fn keys_must_be_keys_and_fit() {
    let dir = initialised();
    let other = initialised();
    let keys = dir.path().join("b/keys");
    fs::copy(other.path().join("b/keys/tls.key"), keys.join("tls.key")).expect("copied");
    fs::copy(other.path().join("b/keys/tls.key"), keys.join("ledger.key")).expect("copied");
    insta::assert_snapshot!(broker(dir.path(), &CHECK));
}

#[test]
fn serve_refuses_what_check_refuses() {
    let dir = initialised();
    chmod(&dir.path().join("b/keys/ledger.key"), 0o604);
    let checked = broker(dir.path(), &CHECK);
    assert!(checked.starts_with("exit 2\n"), "{checked}");
    assert_eq!(broker(dir.path(), &["serve", "--config", "b/broker.toml"]), checked);
}

#[test]
fn the_command_line_explains_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    insta::assert_snapshot!("help", broker(dir.path(), &["--help"]));
    insta::assert_snapshot!("init_help", broker(dir.path(), &["init", "--help"]));
    insta::assert_snapshot!("user_add_help", broker(dir.path(), &["user", "add", "--help"]));
    insta::assert_snapshot!("no_config", broker(dir.path(), &["check"]));
    insta::assert_snapshot!("misspelt", broker(dir.path(), &["serv"]));
}
