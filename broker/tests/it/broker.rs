//! Running the real binary and looking at all that it says.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs hoop-broker in `dir`; the answer is exit code, stdout and stderr as one text, `dir` shown as `DIR`.
pub fn broker(dir: &Path, args: &[&str]) -> String {
    broker_with(dir, args, "", &[])
}

pub fn broker_with(dir: &Path, args: &[&str], input: &str, env: &[(&str, &str)]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hoop-broker"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hoop-broker starts");
    // A command that reads no stdin may be gone by now.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let out = child.wait_with_output().expect("hoop-broker ends");
    let shown = format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        out.status.code().map_or("by signal".to_owned(), |code| code.to_string()),
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    let real = dir.canonicalize().expect("a folder").display().to_string();
    shown.replace(&real, "DIR").replace(&dir.display().to_string(), "DIR")
}

/// A folder in which `init DIR/b` was run.
pub fn initialised() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let said = broker(dir.path(), &["init", "b"]);
    assert!(said.starts_with("exit 0\n"), "{said}");
    dir
}

/// Replaces `from`, which must be there, in a file.
pub fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).expect("readable");
    assert!(text.contains(from), "`{from}` is not in {}", file.display());
    std::fs::write(file, text.replacen(from, to, 1)).expect("writable");
}
