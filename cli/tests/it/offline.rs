//! Everything that needs no broker: usage, profiles, files, addresses nobody answers at.

use crate::run::Home;

macro_rules! told {
    ($name:ident, $arguments:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(Home::new().tell(&$arguments));
        }
    };
}

told!(no_command_shows_help, []);
told!(help_with_exit_codes, ["--help"]);
told!(help_login, ["login", "--help"]);
told!(help_connect, ["connect", "--help"]);
told!(help_exec, ["exec", "--help"]);
told!(help_token, ["token", "--help"]);
told!(help_audit_verify, ["audit", "verify", "--help"]);
told!(version, ["version"]);
told!(unknown_command_is_near_one, ["conect", "x"]);
told!(unknown_flag, ["whoami", "--formt", "json"]);
told!(unknown_format, ["exec", "t", "-c", "SELECT 1", "--format", "xml"]);
told!(unknown_level, ["exec", "t", "-c", "SELECT 1", "--level", "root"]);
told!(unknown_shell, ["completions", "tcsh"]);
told!(unknown_tool, ["connect", "t", "--for", "excel"]);
told!(tool_and_command_exclude_each_other, ["connect", "t", "--for", "psql", "--", "psql"]);
told!(command_and_file_exclude_each_other, ["exec", "t", "-c", "SELECT 1", "-f", "x.sql"]);
told!(bad_duration, ["exec", "t", "-c", "SELECT 1", "--ttl", "soon"]);
told!(bad_session_id, ["sessions", "end", "42"]);
told!(bad_port, ["connect", "t", "--port", "0"]);
told!(bad_profile_name, ["--profile", "../x", "whoami"]);
told!(bad_broker_scheme, ["login", "http://broker"]);
told!(bad_broker_path, ["login", "https://broker/path"]);
told!(bad_fingerprint, ["login", "broker", "--fingerprint", "AB:CD"]);
told!(login_without_broker, ["login"]);
told!(whoami_never_signed_in, ["whoami"]);
told!(targets_never_signed_in, ["targets", "--broker", "https://127.0.0.1:1"]);
told!(logout_never_signed_in, ["logout"]);
told!(exec_never_signed_in, ["exec", "t", "-c", "SELECT 1"]);
told!(connect_never_signed_in, ["connect", "t"]);
told!(connect_with_command_gives_125, ["connect", "t", "--", "true"]);
told!(no_broker_there, ["login", "https://127.0.0.1:1"]);
told!(no_such_host, ["login", "https://broker.invalid:7443"]);
told!(exec_without_statement, ["exec", "t", "-c", " ; -- nothing"]);
told!(exec_with_missing_file, ["exec", "t", "-f", "missing.sql"]);
told!(audit_without_key, ["audit", "verify", "missing"]);
told!(audit_with_missing_key, ["audit", "verify", ".", "--key", "missing.pub"]);

#[test]
fn exec_parameters_go_with_one_statement() {
    let home = Home::new();
    let output = home.run_with_input(&["exec", "t", "--param", "1"], "SELECT $1; SELECT 2;");
    insta::assert_snapshot!(home.told(&output));
}

#[test]
fn a_script_that_is_not_utf8_is_refused() {
    let home = Home::new();
    std::fs::write(home.path().join("x.sql"), b"SELECT '\xff'").unwrap();
    insta::assert_snapshot!(home.tell(&["exec", "t", "-f", "x.sql"]));
}

fn with_profile(content: &str) -> Home {
    let home = Home::new();
    let dir = home.path().join(".config/hoopctl/profiles");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("default.toml"), content).unwrap();
    home
}

#[test]
fn an_unknown_key_in_a_profile_is_an_error_with_its_line() {
    insta::assert_snapshot!(with_profile("broker = \"https://b\"\ncolour = 1\n").tell(&["whoami"]));
}

#[test]
fn a_bad_value_in_a_profile_is_an_error() {
    insta::assert_snapshot!(with_profile("broker = \"http://b\"\n").tell(&["whoami"]));
}

#[test]
fn a_profile_that_is_not_toml_is_an_error() {
    insta::assert_snapshot!(with_profile("broker = \n").tell(&["whoami"]));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let home = with_profile("broker = \"https://127.0.0.1:3\"\n");
    let tell = |arguments: &[&str], environment: Option<&str>| {
        let mut command = home.command(arguments);
        if let Some(value) = environment {
            command.env("HOOPCTL_BROKER", value);
        }
        home.told(&command.output().unwrap())
    };
    assert!(tell(&["login"], None).contains("127.0.0.1:3`"));
    assert!(tell(&["login"], Some("https://127.0.0.1:2")).contains("127.0.0.1:2`"));
    assert!(tell(&["login", "https://127.0.0.1:1"], Some("https://127.0.0.1:2")).contains("127.0.0.1:1`"));
}

#[test]
fn tokens_that_others_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = with_profile("broker = \"https://127.0.0.1:1\"\ntoken_store = \"file\"\n");
    let dir = home.path().join(".local/state/hoopctl/default");
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("tokens.json");
    std::fs::write(&file, "{}").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    insta::assert_snapshot!("tokens_readable_by_others", home.tell(&["whoami"]));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    insta::assert_snapshot!("tokens_damaged", home.tell(&["whoami"]));
}
