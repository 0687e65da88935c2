//! Where local clients come in: a Unix socket that only this user reaches, or a loopback port with a password.

use std::fs::File;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Digest as _;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use zeroize::Zeroizing;

use crate::error::{Failure, plain};
use crate::profile::{Settings, files, is_name_byte};

/// Longest path of a socket, bytes: the smallest limit among systems is 103 (`sun_path`).
const SOCKET_PATH_MAX: usize = 100;
/// The port number in a socket's name, unless another is asked for or it is taken.
const SOCKET_PORT: u16 = 5432;
/// Ports whose lines a password file keeps.
const PASSFILE_PORTS: usize = 16;
/// How many further numbers are tried.
const SOCKET_PORTS: u16 = 64;

/// An open door for local clients.
pub enum Listener {
    /// `.s.PGSQL.PORT` in a folder of mode 0700.
    Unix {
        /// Accepts.
        socket: UnixListener,
        /// The socket's folder: `PGHOST`.
        dir: PathBuf,
        /// The number in its name: `PGPORT`.
        port: u16,
        /// Held as long as the socket is ours; a lock that is free marks a left-over.
        lock: File,
    },
    /// 127.0.0.1 with a password.
    Tcp {
        /// Accepts.
        socket: TcpListener,
        /// Its port.
        port: u16,
        /// What clients have to say.
        password: SecretString,
        /// Where it is written for libpq.
        passfile: PathBuf,
    },
}

/// A connection of a local client.
pub enum Accepted {
    /// By the Unix socket.
    Unix(UnixStream),
    /// By TCP.
    Tcp(TcpStream),
}

impl Listener {
    /// A Unix socket for `target`.
    ///
    /// # Errors
    /// The port is taken, the path is too long, or the folder is not ours.
    pub fn unix(settings: &Settings, target: &str, port: Option<u16>) -> Result<Self, Failure> {
        let dir = runtime_dir().join(format!("{}.{}", settings.name.as_str(), file_name(target)));
        let longest = dir.join(".s.PGSQL.65535");
        let len = longest.as_os_str().len();
        if len > SOCKET_PATH_MAX {
            return Err(Failure::usage(format!(
                "the socket's path has {len} bytes, more than {SOCKET_PATH_MAX}: `{}`",
                longest.display()
            ))
            .hint("point XDG_RUNTIME_DIR to a shorter folder, or use `--tcp`"));
        }
        if let Some(parent) = dir.parent() {
            files::private_dir(parent)?;
        }
        files::private_dir(&dir)?;
        let ports = match port {
            Some(port) => port..=port,
            None => SOCKET_PORT..=SOCKET_PORT + SOCKET_PORTS,
        };
        for port in ports {
            if let Some(listener) = bind_unix(&dir, port)? {
                return Ok(listener);
            }
        }
        Err(Failure::usage(format!("another `hoopctl connect {target}` uses this port already"))
            .hint("use that one, stop it, or choose another: `--port N`"))
    }

    /// A loopback port for `target`, with a password that stays the same from one `connect` to the next.
    ///
    /// # Errors
    /// The port is taken, or the password file cannot be written.
    pub async fn tcp(settings: &Settings, target: &str, port: Option<u16>) -> Result<Self, Failure> {
        let passfile = settings.paths.passfile(&file_name(target));
        let password = kept_password(&passfile)?;
        // A saved connection of a GUI names the port: it stays the same too where it is free.
        let wish = port.unwrap_or_else(|| usual_port(settings.name.as_str(), target));
        let socket = match TcpListener::bind(("127.0.0.1", wish)).await {
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse && port.is_none() => {
                eprintln!("port {wish} is taken; using a free one");
                TcpListener::bind(("127.0.0.1", 0)).await
            }
            done => done,
        };
        let socket = socket.map_err(|e| port_failure(wish, &e))?;
        let port = socket.local_addr().map_err(|e| port_failure(wish, &e))?.port();
        let content = lines(&kept_text(&passfile)?, port, password.expose_secret());
        files::write_private(&passfile, content.as_bytes())?;
        Ok(Self::Tcp { socket, port, password, passfile })
    }

    /// Waits for a client.
    ///
    /// # Errors
    /// The system has no room for another connection now.
    pub async fn accept(&self) -> std::io::Result<Accepted> {
        match self {
            Self::Unix { socket, .. } => socket.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
            Self::Tcp { socket, .. } => {
                let (stream, _) = socket.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream))
            }
        }
    }

    /// What clients have to say, where they have to.
    #[must_use]
    pub fn password(&self) -> Option<&SecretString> {
        match self {
            Self::Unix { .. } => None,
            Self::Tcp { password, .. } => Some(password),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Self::Unix { dir, port, lock, .. } = self else { return };
        // The lock file stays: removing it would let two processes hold "the" lock.
        for result in [std::fs::remove_file(socket_path(dir, *port)), lock.unlock()] {
            if let Err(e) = result {
                eprintln!("hoopctl: the socket in `{}` is left behind: {}", dir.display(), plain(&e));
            }
        }
    }
}

fn port_failure(port: u16, error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        return Failure::usage(format!("port {port} is taken by another program"))
            .hint("choose another: `--port N`, or leave `--port` out");
    }
    Failure::usage(format!("cannot listen on port {port}: {}", plain(error)))
}

/// `None` where another process holds that number.
fn bind_unix(dir: &Path, port: u16) -> Result<Option<Listener>, Failure> {
    let lock = files::lock_file(&dir.join(format!(".s.PGSQL.{port}.lock")))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
        Err(std::fs::TryLockError::Error(e)) => return Err(Failure::file("lock", dir, &e)),
    }
    let path = socket_path(dir, port);
    // We hold the lock: whatever lies there was left by a process that died.
    if let Err(e) = std::fs::remove_file(&path)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        return Err(Failure::file("remove", &path, &e));
    }
    let socket = UnixListener::bind(&path).map_err(|e| Failure::file("listen on", &path, &e))?;
    Ok(Some(Listener::Unix { socket, dir: dir.to_owned(), port, lock }))
}

fn socket_path(dir: &Path, port: u16) -> PathBuf {
    dir.join(format!(".s.PGSQL.{port}"))
}

/// A short folder of this user only: `$XDG_RUNTIME_DIR/hoopctl`, else one in /tmp that has to prove to be ours.
fn runtime_dir() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|p| p.is_absolute() && p.is_dir()) {
        Some(dir) => dir.join("hoopctl"),
        None => Path::new("/tmp").join(format!("hoopctl-{}", rustix::process::geteuid().as_raw())),
    }
}

/// A target's name as part of a file name: other characters become `_`, told apart by a piece of its hash.
fn file_name(target: &str) -> String {
    let plain = !target.starts_with('.') && target.len() <= 40 && target.bytes().all(is_name_byte);
    if plain {
        return target.to_owned();
    }
    let safe: String =
        target.chars().take(20).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let digest = sha2::Sha256::digest(target.as_bytes());
    format!("{safe}.{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
}

/// 15432 and above, by profile and target.
fn usual_port(profile: &str, target: &str) -> u16 {
    let digest = sha2::Sha256::digest(format!("{profile}\0{target}"));
    15_432 + u16::from_be_bytes([digest[0], digest[1]]) % 10_000
}

fn kept_text(passfile: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = files::read_private(passfile)?.map(Zeroizing::new).unwrap_or_default();
    Ok(Zeroizing::new(std::str::from_utf8(&bytes).unwrap_or_default().to_owned()))
}

fn kept_password(passfile: &Path) -> Result<SecretString, Failure> {
    let kept = kept_text(passfile)?;
    let old = kept.lines().next().and_then(|line| line.rsplit(':').next());
    match old
        .filter(|p| p.len() == 43 && p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')))
    {
        Some(old) => Ok(SecretString::from(old)),
        None => {
            let bytes = rand::random::<[u8; 32]>();
            Ok(SecretString::from(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)))
        }
    }
}

/// The password file of `port`, with the lines that it had for other ports: another `connect` to the same target, whose
/// password is the same, may still listen there.
fn lines(kept: &str, port: u16, password: &str) -> Zeroizing<String> {
    let line = |host| format!("{host}:{port}:*:*:{password}");
    let mine = [line("127.0.0.1"), line("localhost")];
    let other = |l: &&str| {
        let fields: Vec<_> = l.split(':').collect();
        fields.len() == 5 && fields[1] != port.to_string() && fields[4] == password
    };
    let others = kept.lines().filter(other).take(2 * (PASSFILE_PORTS - 1));
    let mut all = Zeroizing::new(String::new());
    for line in mine.iter().map(String::as_str).chain(others) {
        all.push_str(line);
        all.push('\n');
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_name_stays_within_its_folder() {
        assert_eq!(file_name("payments-db"), "payments-db");
        for hostile in ["../x", ".", "..", "a/b", "", &"x".repeat(300)] {
            let name = file_name(hostile);
            assert!(name.len() <= 40 && name.bytes().all(is_name_byte) && !name.starts_with(".."), "{name}");
        }
        assert_ne!(file_name("a/b"), file_name("a_b"));
    }

    #[test]
    fn a_password_is_kept_for_the_next_time_and_made_anew_when_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.pgpass");
        let first = kept_password(&path).unwrap();
        files::write_private(&path, format!("127.0.0.1:1:*:*:{}\n", first.expose_secret()).as_bytes())
            .unwrap();
        assert_eq!(kept_password(&path).unwrap().expose_secret(), first.expose_secret());
        files::write_private(&path, b"127.0.0.1:1:*:*:short\n").unwrap();
        assert_ne!(kept_password(&path).unwrap().expose_secret(), first.expose_secret());
    }

    #[test]
    fn a_password_file_keeps_the_lines_of_other_ports() {
        let first = lines("", 1, "p");
        assert_eq!(*first, "127.0.0.1:1:*:*:p\nlocalhost:1:*:*:p\n");
        let second = lines(&first, 2, "p");
        assert_eq!(*second, format!("127.0.0.1:2:*:*:p\nlocalhost:2:*:*:p\n{}", *first));
        assert_eq!(*lines(&first, 1, "p"), *first, "the same port is not written twice");
        assert_eq!(*lines(&first, 1, "q"), first.replace(":p", ":q"), "another password is of no use");
        let many = (1..99).fold(Zeroizing::new(String::new()), |kept, port| lines(&kept, port, "p"));
        assert_eq!(many.lines().count(), 2 * PASSFILE_PORTS);
    }
}
