//! Changing single settings in the commented configuration that `hoop-broker init` writes, as its reader would.

/// Sets `key = value` in the table `section` (`""`: before the first table), where `value` is TOML text. A setting
/// of that key which is there already is replaced; a table that is not there is added.
#[must_use]
pub fn set(config: &str, section: &str, key: &str, value: &str) -> String {
    let mut lines: Vec<String> = config.lines().map(str::to_owned).collect();
    let setting = format!("{key} = {value}");
    let header = |line: &str| line.trim_start().starts_with('[');
    let start = if section.is_empty() {
        0
    } else if let Some(at) = lines.iter().position(|l| l.trim() == format!("[{section}]")) {
        at + 1
    } else {
        lines.extend([String::new(), format!("[{section}]")]);
        lines.len()
    };
    let end = lines[start..].iter().position(|l| header(l)).map_or(lines.len(), |n| start + n);
    let same_key =
        |line: &String| line.split('=').next().is_some_and(|k| k.trim() == key) && line.contains('=');
    match lines[start..end].iter().position(same_key) {
        Some(n) => lines[start + n] = setting,
        None => lines.insert(start, setting),
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::set;

    const CONFIG: &str = "name = \"a\"\n# port = 1\n\n[limits]\n# sessions = 1\nprepared = 2\n";

    #[test]
    fn replaces_adds_and_makes_tables() {
        assert_eq!(set(CONFIG, "", "name", "\"b\""), CONFIG.replace("\"a\"", "\"b\""));
        assert_eq!(set(CONFIG, "", "port", "5"), format!("port = 5\n{CONFIG}"));
        assert_eq!(set(CONFIG, "limits", "prepared", "9"), CONFIG.replace("prepared = 2", "prepared = 9"));
        assert_eq!(
            set(CONFIG, "limits", "sessions", "7"),
            CONFIG.replace("[limits]\n", "[limits]\nsessions = 7\n")
        );
        assert_eq!(
            set(CONFIG, "targets.x", "login", "\"l\""),
            format!("{CONFIG}\n[targets.x]\nlogin = \"l\"\n")
        );
    }
}
