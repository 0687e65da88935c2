use hoop_ledger::entry::Event;

/// Fields that came later are left out where there is nothing to say, so that older entries and readers of them agree on
/// the bytes.
#[test]
fn an_event_without_what_came_later_is_written_as_before() {
    for json in [
        r#"{"type":"broker_start","version":"0.1.0","config_sha256":"c","policy_sha256":"p"}"#,
        r#"{"type":"reload","policy_sha256":"p","detail":"config c"}"#,
        r#"{"type":"broker_start","version":"0.1.0","config_sha256":"c","policy_sha256":"p","signers":["alice"]}"#,
        r#"{"type":"reload","policy_sha256":"p","detail":"config c","signers":["alice","bob"]}"#,
    ] {
        let event: Event = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }
}
