//! How long a session lasts yet: one line that changes on a terminal, a few plain lines elsewhere.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::error::Failure;
use crate::output;
use crate::tunnel::local::Door;

/// When those who read a log are told, seconds before the end.
const MARKS_S: [u64; 3] = [600, 300, 60];

/// Shows the countdown until somebody interrupts. After the end it goes on: local clients are told in their own
/// protocol, which needs the door to stay open.
///
/// # Errors
/// Signals cannot be received.
pub async fn run(door: &Door) -> Result<(), Failure> {
    let mut stop = stop_signals()?;
    let terminal = output::stderr_is_terminal();
    let target = output::safe(&door.session.opened.session.target);
    let level = door.session.opened.session.level;
    if !terminal {
        let opened = &door.session.opened;
        let lasts = u64::try_from(opened.session.ends_at.saturating_sub(opened.now)).unwrap_or(0);
        let left = output::span(lasts);
        eprintln!("session {} on {target}, {level}, ends in {left}", opened.session.id);
    }
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut before = u64::MAX;
    loop {
        tokio::select! {
            _ = stop.recv() => break,
            _ = tick.tick() => {}
        }
        let left = door.session.left().as_secs_f64().ceil() as u64;
        if terminal {
            let open = door.open.load(Ordering::Relaxed);
            eprint!("\r\x1b[K{}", line(&target, level.as_str(), left, open, &door.session.renewal()));
        } else if left == 0 && before > 0 {
            eprintln!("the session has ended; open a new one: `{}`", output::safe(&door.session.renewal()));
        } else if let Some(mark) =
            MARKS_S.into_iter().find(|m| left <= *m && before > *m && before != u64::MAX)
        {
            eprintln!("session on {target} ends in {}", output::span(mark));
        }
        before = left;
    }
    if terminal {
        eprintln!();
    }
    Ok(())
}

fn line(target: &str, level: &str, left_s: u64, open: u32, renewal: &str) -> String {
    if left_s == 0 {
        return format!("{target}  ended; stop with Ctrl-C, then: {}", output::safe(renewal));
    }
    let word = if open == 1 { "connection" } else { "connections" };
    let (hours, minutes, seconds) = (left_s / 3600, left_s / 60 % 60, left_s % 60);
    format!(
        "{target}  {level}  {hours}:{minutes:02}:{seconds:02} left  {open} {word}  Ctrl-C ends the session"
    )
}

/// Everything that asks a foreground process to stop.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Stop {
    async fn recv(&mut self) -> Option<()> {
        tokio::select! {
            got = self.interrupt.recv() => got,
            got = self.terminate.recv() => got,
            got = self.hangup.recv() => got,
        }
    }
}

fn stop_signals() -> Result<Stop, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |e: std::io::Error| Failure::usage(format!("signals cannot be received: {e}"));
    Ok(Stop {
        interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        terminate: signal(SignalKind::terminate()).map_err(failed)?,
        hangup: signal(SignalKind::hangup()).map_err(failed)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_long_or_how_to_go_on() {
        assert_eq!(
            line("pay", "masked", 3_661, 1, "x"),
            "pay  masked  1:01:01 left  1 connection  Ctrl-C ends the session"
        );
        assert_eq!(
            line("pay", "masked", 0, 0, "hoopctl connect pay"),
            "pay  ended; stop with Ctrl-C, then: hoopctl connect pay"
        );
    }
}
