//! The broker's configuration: any text is one, or has faults that are in it.

use std::path::Path;

use hoop_broker::config::{LIMITS, parse};

/// Any text as `broker.toml`.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (file, base) = (Path::new("broker.toml"), Path::new("/etc/hoop"));
    let parsed = parse(text, file, base);
    match &parsed {
        Ok(config) => {
            assert!(config.public_url.starts_with("https://") && !config.public_url.ends_with('/'));
            assert!(config.state_dir.is_absolute() && config.ledger.dir.is_absolute());
            for row in LIMITS {
                let value = row.value(&config.limits);
                assert!(row.range.contains(&value), "{} is {value}", row.key);
            }
            for (name, target) in &config.targets {
                assert!(target.name == *name && !target.databases.is_empty());
            }
        }
        Err(faults) => {
            assert!(faults.len() > 0);
            let lines = text.lines().count().max(1);
            for fault in faults.iter() {
                // A fault at the end of the text may name the empty line after it.
                assert!(fault.line().is_none_or(|line| (1..=lines + 1).contains(&line)), "{fault:?}");
                let shown = fault.to_string();
                assert!(
                    !shown.chars().any(|c| c != '\n' && hoop_api::Untrusted::is_hazardous(c)),
                    "{shown:?}"
                );
            }
        }
    }
    let again = parse(text, file, base);
    assert_eq!(
        again.map(|c| c.sha256).map_err(|f| f.to_string()),
        parsed.map(|c| c.sha256).map_err(|f| f.to_string())
    );
}
