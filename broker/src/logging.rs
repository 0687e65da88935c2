//! Logs: `tracing` on stderr, as text or JSON lines. Never SQL, never a secret, never a panic's payload.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

use crate::config::Log;

/// The variable that overrides the configured level.
pub const LEVEL_VARIABLE: &str = "HOOP_LOG";

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The text is not a filter.
    #[error("`{text}` is not a log level")]
    Level {
        /// What was given.
        text: String,
    },
    /// The process logs already.
    #[error("logging was started twice")]
    Twice,
}

/// Starts logging for the whole process and puts the panic hook in place; called once, by `serve`. `level_override`
/// is the value of [`LEVEL_VARIABLE`].
///
/// # Errors
/// [`LogError`] when a level is none, or logging was started already.
pub fn start(log: &Log, level_override: Option<&str>) -> Result<(), LogError> {
    let filter = filter(level_override.unwrap_or(&log.level))?.and(dependencies_quiet());
    let stderr = fmt::layer().with_writer(std::io::stderr).with_target(true);
    let layer = if log.json {
        stderr
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    } else {
        stderr.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
    };
    Registry::default().with(layer).try_init().map_err(|_already| LogError::Twice)?;
    install_panic_hook();
    Ok(())
}

/// Proves that `text` is a filter such as `info` or `info,hoop_broker::gateway=debug`.
///
/// # Errors
/// [`LogError::Level`] when it is not.
pub fn check_level(text: &str) -> Result<(), LogError> {
    filter(text).map(drop)
}

fn filter(text: &str) -> Result<EnvFilter, LogError> {
    let wrong = || LogError::Level { text: text.to_owned() };
    // The filter language takes any word for a target name: `inof` would silence everything at `trace` of nothing.
    for directive in text.split(',') {
        let level = directive.rsplit('=').next().unwrap_or(directive).trim();
        if level.is_empty() {
            return Err(wrong());
        }
        level.parse::<LevelFilter>().map_err(|_not_a_level| wrong())?;
    }
    // Field filters may be regular expressions, and regular expressions from outside are not wanted here.
    if text.contains(['[', '{']) {
        return Err(wrong());
    }
    EnvFilter::builder().with_regex(false).parse(text).map_err(|_invalid| wrong())
}

/// Dependencies log at most `info`, whatever the level: below it some print what they carry, and what we carry is
/// cardholder data and secrets (PCI DSS 3.3.1, 8.3.2).
fn dependencies_quiet() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(|metadata| *metadata.level() <= Level::INFO || is_ours(metadata.target()))
}

fn is_ours(target: &str) -> bool {
    let root = target.split("::").next().unwrap_or(target);
    root == "hoop" || root.starts_with("hoop_")
}

/// A panic is one line with its place. Its payload is left out: an assertion or a slice error may print the bytes that
/// it was about, and those may be a card number.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        if tracing::dispatcher::has_been_set() {
            tracing::error!(place, thread, "panic; this is a bug in hoop-broker");
        } else {
            use std::io::Write as _;
            // Nobody is left to tell when stderr is gone.
            let _ = writeln!(std::io::stderr(), "hoop-broker: panic at {place}; this is a bug");
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_not_a_target_name() {
        for good in ["info", "WARN", "off", "info,hoop_broker=debug", "hoop_broker::gateway=trace"] {
            assert!(check_level(good).is_ok(), "{good}");
        }
        for bad in ["", "inof", "info,", "hoop_broker", "[{x=/(a+)+/}]=info", "a=b=c"] {
            assert!(check_level(bad).is_err(), "{bad}");
        }
    }

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_tells_its_place_and_not_its_payload() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let previous = std::panic::take_hook();
        install_panic_hook();
        let unwound = tracing::subscriber::with_default(subscriber, || {
            std::panic::catch_unwind(|| panic!("cannot mask 4111111111111111"))
        });
        std::panic::set_hook(previous);
        assert!(unwound.is_err());
        let said = String::from_utf8(kept.0.lock().expect("unpoisoned").clone()).expect("text");
        assert!(said.contains("src/logging.rs:"), "{said}");
        assert!(!said.contains("4111"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }

    #[test]
    fn only_our_own_crates_log_details() {
        for ours in ["hoop_broker::gateway", "hoop_ledger", "hoop"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["hyper::proto", "rustls", "hoopla::x", "tokio_postgres"] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
