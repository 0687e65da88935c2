//! Asking for a new password: twice on a terminal without echo, or one line of stdin.

use std::io::{self, BufRead, IsTerminal as _, Read as _};

use secrecy::SecretString;
use zeroize::Zeroizing;

/// Longest password, bytes.
const MAX: u64 = 1024;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswordError {
    /// Nobody to ask.
    #[error("there is no terminal to ask for a password on")]
    NoTerminal,
    /// Two different ones.
    #[error("the two passwords differ")]
    Differ,
    /// None.
    #[error("the password is empty")]
    Empty,
    /// More than [`MAX`].
    #[error("the password is longer than 1024 bytes")]
    TooLong,
    /// Several lines.
    #[error("the password must be one line")]
    Lines,
    /// The terminal or stdin.
    #[error("cannot read the password: {0}")]
    Read(#[from] io::Error),
}

pub(super) fn ask(from_stdin: bool) -> Result<SecretString, PasswordError> {
    if from_stdin {
        return one_line(io::stdin().lock());
    }
    if !io::stdin().is_terminal() {
        return Err(PasswordError::NoTerminal);
    }
    let first = Zeroizing::new(rpassword::prompt_password("Password: ")?);
    let again = Zeroizing::new(rpassword::prompt_password("Again: ")?);
    if *first != *again {
        return Err(PasswordError::Differ);
    }
    proved(&first)
}

/// All of `input`, less one newline at its end.
fn one_line(input: impl BufRead) -> Result<SecretString, PasswordError> {
    let mut text = Zeroizing::new(String::with_capacity(2 << 10));
    // One more than a password with its line end may have.
    input.take(MAX + 3).read_to_string(&mut text)?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    proved(line)
}

fn proved(text: &str) -> Result<SecretString, PasswordError> {
    if text.is_empty() {
        return Err(PasswordError::Empty);
    }
    if text.len() as u64 > MAX {
        return Err(PasswordError::TooLong);
    }
    if text.contains(['\n', '\r', '\0']) {
        return Err(PasswordError::Lines);
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn one_line_of_stdin_is_the_password() {
        for (input, want) in [("pass word", "pass word"), ("x\n", "x"), ("x\r\n", "x"), (" x \n", " x ")] {
            let password = one_line(input.as_bytes()).expect("a password");
            assert_eq!(password.expose_secret(), want, "{input:?}");
        }
    }

    #[test]
    fn what_is_no_password_is_refused() {
        let long = "x".repeat(1025);
        for (input, want) in
            [("", "empty"), ("\n", "empty"), ("a\nb\n", "one line"), ("a\n\n", "one line"), (&long, "longer")]
        {
            let error = one_line(input.as_bytes()).expect_err(input);
            assert!(error.to_string().contains(want), "{input:?}: {error}");
        }
        assert!(one_line("x".repeat(1024).as_bytes()).is_ok());
    }
}
