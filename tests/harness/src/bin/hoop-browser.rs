//! The browser half of a device sign-in as a program, for the demo: `hoop-browser URL USER_CODE NAME`. Password and
//! TOTP secret (base32) or one-time code (six digits) come on standard input, a line each: never in the arguments.

use std::io::BufRead as _;
use std::process::ExitCode;

use hoop_harness::Login;
use hoop_harness::browser::{self, Typed};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, user_code, name] = args.as_slice() else {
        eprintln!(
            "usage: hoop-browser URL USER_CODE NAME, with password and TOTP secret or code on standard input"
        );
        return ExitCode::from(2);
    };
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    let (password, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let is_code = second.len() == 6 && second.bytes().all(|b| b.is_ascii_digit());
    let otp =
        if is_code || second.is_empty() { second } else { Login::known(name, &password, &second).code() };
    let typed = Typed { user_code: user_code.clone(), name: name.clone(), password, otp, ..Typed::default() };
    match browser::sign_in(url, &typed) {
        Ok(page) => {
            eprintln!("the page says: {}", page.words());
            ExitCode::SUCCESS
        }
        Err(words) => {
            eprintln!("the page refuses: {words}");
            ExitCode::FAILURE
        }
    }
}
