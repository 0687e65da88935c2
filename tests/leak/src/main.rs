//! Non-interference, the acceptance test of masking: two databases differ in nothing but the hidden digits of one card
//! number, its verification value and its expiry. Each attack is run against both through the gateway; if any message
//! that the client sees differs, or the time that it takes does by more than a quarter of a second, it leaks. Ordinary
//! statements are compared with a direct connection.
//!
//! `hoop-leak [--attacks FILE]… [--benign FILE]… [--setup FILE] [--classes FILE] [--level LEVEL] [--mode MODE]… [--only NAME]
//! [--json FILE]`, called by `./dev leak`. Without files: all of `tests/leak`. Ends with `leaks N of M` and
//! `changed N, refused N of M`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test program: a premise that does not hold is a failed test, and says where"
)]

mod attacks;
mod benign;
mod corpus;
mod options;
mod seen;
mod stage;
mod wire;

use std::process::ExitCode;

use self::options::Options;
use self::stage::Stage;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("leak: {message}");
            return ExitCode::from(2);
        }
    };
    let stage = Stage::open(&options);
    let mut told = Vec::new();
    let leaks = attacks::run(&stage, &options, &mut told);
    let benign = benign::run(&stage, &options, &mut told);
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&told).expect("rows are plain");
        std::fs::write(file, text).expect("the file can be written");
    }
    println!("leaks {} of {}", leaks.leaks, leaks.all);
    println!("changed {}, refused {} of {}", benign.changed, benign.refused, benign.all);
    if leaks.leaks == 0 && benign.changed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
