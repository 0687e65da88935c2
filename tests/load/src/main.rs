//! `hoop-load load [--idle N] [--active N] [--statements N] [--way WAY]…` and `hoop-load soak [--seconds N]`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a program of the tests")]

use std::process::ExitCode;
use std::time::Duration;

use hoop_load::load::{Measured, Size, measure};
use hoop_load::stage::{SESSIONS, Stage, WAYS, check_cluster};
use hoop_load::{soak, usage::Usage};

const USAGE: &str = "usage: hoop-load load [--idle N] [--active N] [--statements N] [--way native|tls|tunnel]…\n       \
                     hoop-load soak [--seconds N]";
/// Most that an idle connection may hold by the native listener without TLS, KiB.
const BOUND_KIB: f64 = 100.0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let done = match args.split_first() {
        Some((verb, options)) if verb == "load" => load(&runtime, options),
        Some((verb, options)) if verb == "soak" => soaked(&runtime, options),
        _ => Err(USAGE.to_owned()),
    };
    done.unwrap_or_else(|message| {
        eprintln!("{message}");
        ExitCode::from(2)
    })
}

fn number(options: &[String], name: &str, default: usize) -> Result<usize, String> {
    match options.iter().position(|o| o == name) {
        None => Ok(default),
        Some(at) => {
            let value = options.get(at + 1).and_then(|v| v.parse().ok());
            value.ok_or_else(|| format!("`{name}` wants a number\n{USAGE}"))
        }
    }
}

fn known(options: &[String], names: &[&str]) -> Result<(), String> {
    let unknown = options.iter().step_by(2).find(|o| !names.contains(&o.as_str()));
    unknown.map_or(Ok(()), |o| Err(format!("unknown option `{o}`\n{USAGE}")))
}

fn load(runtime: &tokio::runtime::Runtime, options: &[String]) -> Result<ExitCode, String> {
    known(options, &["--idle", "--active", "--statements", "--way"])?;
    let size = Size {
        idle: number(options, "--idle", 2000)?,
        active: number(options, "--active", 64)?,
        statements: number(options, "--statements", 200)?,
    };
    let wanted: Vec<_> = options.windows(2).filter(|w| w[0] == "--way").map(|w| w[1].as_str()).collect();
    if let Some(unknown) = wanted.iter().find(|w| !WAYS.contains(w)) {
        return Err(format!("no way `{unknown}`\n{USAGE}"));
    }
    check_cluster(size.idle + size.active + 32);
    println!(
        "way     idle  active  statements right  KiB/idle  RSS before  idle    busy    after   fds before  idle   after"
    );
    let mut held = true;
    for way in WAYS.into_iter().filter(|w| wanted.is_empty() || wanted.contains(w)) {
        // A broker of its own for each: memory that an earlier way has left free would hide what this one takes.
        let (tokens, tunnels) = if way == "tunnel" { (1, SESSIONS) } else { (SESSIONS, 0) };
        let stage = Stage::set(tokens, tunnels);
        let measured = runtime.block_on(measure(&stage, way, size));
        row(way, size, &measured);
        held &= way != "native" || measured.per_connection(size) <= BOUND_KIB;
        held &= measured.after.fds <= measured.before.fds;
        print!("{}", stage.end());
    }
    println!("load: {}", if held { "held" } else { "beyond its bounds" });
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn row(way: &str, size: Size, m: &Measured) {
    println!(
        "{way:<7} {:<5} {:<7} {:<17} {:<9.1} {:<11} {:<7} {:<7} {:<7} {:<11} {:<6} {}",
        size.idle,
        size.active,
        m.right,
        m.per_connection(size),
        m.before.rss,
        m.idle.rss,
        m.busy.rss,
        m.after.rss,
        m.before.fds,
        m.idle.fds,
        m.after.fds
    );
    if m.idle.private > 0 {
        println!("        private (KiB): before {}, idle {}", m.before.private, m.idle.private);
    }
}

fn soaked(runtime: &tokio::runtime::Runtime, options: &[String]) -> Result<ExitCode, String> {
    known(options, &["--seconds"])?;
    let seconds = number(options, "--seconds", 600)?;
    check_cluster(256);
    let stage = soak::stage();
    println!("seconds  RSS KiB  private  fds  connections  sessions  threads");
    let tell = |at: Duration, u: &Usage| {
        println!(
            "{:<8} {:<8} {:<8} {:<4} {:<12} {:<9} {}",
            at.as_secs(),
            u.rss,
            u.private,
            u.fds,
            u.open,
            u.sessions,
            u.threads
        );
    };
    let length = Duration::from_secs(seconds as u64);
    let soaked = runtime.block_on(soak::soak(&stage, length, tell));
    for (act, count) in &soaked.acts {
        println!("{act}: {count}");
    }
    for fault in soaked.faults.iter().take(20) {
        println!("fault: {fault}");
    }
    let (finding, fds) = (&soaked.finding, soaked.fds);
    println!("RSS, medians of the second and the last quarter: {} and {} KiB", finding.rss.0, finding.rss.1);
    println!(
        "descriptors, the same: {} and {}; at rest before and after: {} and {}",
        finding.fds.0, finding.fds.1, fds.0, fds.1
    );
    print!("{}", stage.end());
    println!("soak: {}", if soaked.is_flat() { "flat" } else { "grows" });
    Ok(if soaked.is_flat() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
