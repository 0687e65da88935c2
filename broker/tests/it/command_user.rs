use crate::broker::{broker, broker_with, edit, initialised};

#[test]
fn users_of_a_provider_are_not_ours_to_change() {
    let dir = initialised();
    let oidc = "provider = \"oidc\"\nissuer = \"https://login.example.com\"\nclient_id = \"h\"\nclient_secret = \"env:S\"";
    edit(&dir.path().join("b/broker.toml"), "provider = \"local\"", oidc);
    insta::assert_snapshot!(broker(dir.path(), &["user", "list", "--config", "b/broker.toml"]));
}

#[test]
fn a_password_on_the_command_line_is_not_offered() {
    let dir = initialised();
    let line = ["user", "add", "al", "--config", "b/broker.toml", "--password", "hunter2hunter2"];
    let said = broker_with(dir.path(), &line, "", &[]);
    assert!(said.starts_with("exit 2\n"), "{said}");
}
