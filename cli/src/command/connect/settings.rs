//! What to paste into which tool. Passwords are never part of it: each tool reads the password file, or is told
//! where it is.

use std::path::{Path, PathBuf};

use crate::tunnel::listener::Listener;

/// Tools whose settings are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    /// A psql command line.
    Psql,
    /// A JDBC URL.
    Jdbc,
    /// The fields of DBeaver's dialog.
    Dbeaver,
    /// Django's DATABASES.
    Django,
    /// A libpq URL.
    Url,
    /// Shell exports.
    Env,
    /// A section of `pg_service.conf`.
    Service,
}

impl Tool {
    /// True for tools that cannot use a Unix socket.
    #[must_use]
    pub const fn needs_tcp(self) -> bool {
        match self {
            Self::Jdbc | Self::Dbeaver => true,
            Self::Psql | Self::Django | Self::Url | Self::Env | Self::Service => false,
        }
    }
}

/// Where and as whom a local client connects.
#[derive(Debug, Clone)]
pub struct Endpoint {
    host: String,
    port: u16,
    user: String,
    database: String,
    target: String,
    passfile: Option<PathBuf>,
}

impl Endpoint {
    /// The endpoint of an open door.
    #[must_use]
    pub fn new(listener: &Listener, target: &str, user: &str, database: &str) -> Self {
        let (host, port, passfile) = match listener {
            Listener::Unix { dir, port, .. } => (dir.display().to_string(), *port, None),
            Listener::Tcp { port, passfile, .. } => ("127.0.0.1".to_owned(), *port, Some(passfile.clone())),
        };
        Self {
            host,
            port,
            user: user.to_owned(),
            database: database.to_owned(),
            target: target.to_owned(),
            passfile,
        }
    }

    /// The password file, where there is a password.
    #[must_use]
    pub fn passfile(&self) -> Option<&Path> {
        self.passfile.as_deref()
    }

    /// libpq's variables for a command.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("PGHOST", self.host.clone()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", self.user.clone()),
            ("PGDATABASE", self.database.clone()),
            // The way from here to the broker is TLS; the local end is a socket of ours or the loopback.
            ("PGSSLMODE", "disable".to_owned()),
            ("PGGSSENCMODE", "disable".to_owned()),
        ];
        if let Some(passfile) = &self.passfile {
            variables.push(("PGPASSFILE", passfile.display().to_string()));
        }
        variables
    }

    /// The text to paste.
    #[must_use]
    pub fn settings_for(&self, tool: Tool) -> String {
        match tool {
            Tool::Psql => format!("psql {}", shell(&self.key_values(" "))),
            Tool::Jdbc => self.jdbc(),
            Tool::Dbeaver => format!(
                "Host: {}\nPort: {}\nDatabase: {}\nAuthentication: PgPass\nUsername: {}\nPgPass file: {}",
                self.host,
                self.port,
                self.database,
                self.user,
                self.passfile_text()
            ),
            Tool::Django => self.django(),
            Tool::Url => self.url(),
            Tool::Env => {
                let exports = self
                    .variables()
                    .into_iter()
                    .map(|(name, value)| format!("export {name}={}", shell(&value)));
                exports.collect::<Vec<_>>().join("\n")
            }
            Tool::Service => format!(
                "[{}]\n{}",
                self.target,
                self.pairs().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("\n")
            ),
        }
    }

    fn passfile_text(&self) -> String {
        self.passfile.as_ref().map(|p| p.display().to_string()).unwrap_or_default()
    }

    fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let fixed = [
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("user", self.user.clone()),
            ("dbname", self.database.clone()),
            ("sslmode", "disable".to_owned()),
        ];
        fixed.into_iter().chain(self.passfile.as_ref().map(|p| ("passfile", p.display().to_string())))
    }

    fn key_values(&self, between: &str) -> String {
        self.pairs().map(|(k, v)| format!("{k}={}", conninfo(&v))).collect::<Vec<_>>().join(between)
    }

    fn jdbc(&self) -> String {
        format!(
            "jdbc:postgresql://{}:{}/{}?user={}&sslmode=disable\n# password: start Java with -Dorg.postgresql.pgpassfile={}",
            self.host,
            self.port,
            percent(&self.database),
            percent(&self.user),
            shell(&self.passfile_text())
        )
    }

    fn django(&self) -> String {
        let passfile = match &self.passfile {
            Some(path) => format!(", \"passfile\": {:?}", path.display().to_string()),
            None => String::new(),
        };
        format!(
            "DATABASES = {{\"default\": {{\n    \"ENGINE\": \"django.db.backends.postgresql\",\n    \"HOST\": {:?},\n    \"PORT\": {:?},\n    \"NAME\": {:?},\n    \"USER\": {:?},\n    \"OPTIONS\": {{\"sslmode\": \"disable\"{passfile}}},\n}}}}",
            self.host,
            self.port.to_string(),
            self.database,
            self.user
        )
    }

    fn url(&self) -> String {
        let mut query = format!("host={}&port={}&sslmode=disable", percent(&self.host), self.port);
        if let Some(passfile) = &self.passfile {
            query.push_str(&format!("&passfile={}", percent(&passfile.display().to_string())));
        }
        format!("postgresql://{}@/{}?{query}", percent(&self.user), percent(&self.database))
    }
}

/// Quotes for a POSIX shell where needed.
fn shell(text: &str) -> String {
    let plain =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:@,+".contains(&b));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Quotes a value of a libpq connection string (libpq, "Keyword/Value Connection Strings").
fn conninfo(text: &str) -> String {
    if !text.is_empty() && !text.contains([' ', '\'', '\\', '\t', '\n']) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            encoded.push(char::from(b));
        } else {
            encoded.push_str(&format!("%{b:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(tcp: bool) -> Endpoint {
        Endpoint {
            host: if tcp { "127.0.0.1" } else { "/run/user/1000/hoopctl/default.pay" }.into(),
            port: if tcp { 15_500 } else { 5432 },
            user: "pay".into(),
            database: "main db".into(),
            target: "pay".into(),
            passfile: tcp.then(|| PathBuf::from("/home/a b/pay.pgpass")),
        }
    }

    #[test]
    fn settings_of_every_tool() {
        let all = |tcp| {
            let tools =
                [Tool::Psql, Tool::Jdbc, Tool::Dbeaver, Tool::Django, Tool::Url, Tool::Env, Tool::Service];
            let texts = tools
                .into_iter()
                .filter(|tool| tcp || !tool.needs_tcp())
                .map(|tool| format!("{tool:?}\n{}\n", endpoint(tcp).settings_for(tool)));
            texts.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!("tcp", all(true));
        insta::assert_snapshot!("socket", all(false));
    }

    #[test]
    fn hostile_names_stay_values() {
        assert_eq!(shell("a'; rm -rf ~"), r"'a'\''; rm -rf ~'");
        assert_eq!(conninfo(r"a' host=evil\"), r"'a\' host=evil\\'");
        assert_eq!(percent("a/b?c&d é"), "a%2Fb%3Fc%26d%20%C3%A9");
    }
}
