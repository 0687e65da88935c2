//! Counters and their Prometheus text. The hot path does one relaxed add to a counter of its own thread's shard.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hoop_mask::Class;

/// Shards of a counter. Two threads seldom share one, so that counting is no contended cache line.
const SHARDS: usize = 8;

#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(AtomicU64);

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter([Shard; SHARDS]);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`. Wraps after 2^64, as Prometheus expects of a counter that restarts.
    pub fn add(&self, n: u64) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static SHARD: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        // A thread that is ending has no shard any more; what it still counts goes to the first.
        let shard = SHARD.try_with(|shard| *shard).unwrap_or(0);
        self.0[shard].0.fetch_add(n, Ordering::Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.iter().fold(0, |sum, shard| sum.wrapping_add(shard.0.load(Ordering::Relaxed)))
    }
}

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            const WORDS: &'static [&'static str] = &[$($word,)+];
            const COUNT: usize = Self::WORDS.len();
        }
    };
}

labels! {
    /// How a connection came in.
    Way {
        /// hoopctl's tunnel.
        Tunnel = "tunnel",
        /// The native PostgreSQL listener.
        Native = "native",
    }
}

labels! {
    /// What was decided about a statement.
    Decision {
        /// It went to the target.
        Allow = "allow",
        /// It waits for approval.
        Hold = "hold",
        /// It was refused.
        Deny = "deny",
    }
}

labels! {
    /// Why a statement, session or request was refused.
    Denial {
        /// The policy said so.
        Policy = "policy",
        /// It does not parse.
        Syntax = "syntax",
        /// It is not understood, or not supported.
        Unsupported = "unsupported",
        /// It breaks the protocol.
        Protocol = "protocol",
        /// It is beyond a limit.
        Limit = "limit",
        /// Its session has ended.
        Session = "session",
        /// The ledger could not record it.
        Ledger = "ledger",
    }
}

labels! {
    /// Where a connection failed before it was one.
    Handshake {
        /// In TLS.
        Tls = "tls",
        /// In the start-up packet.
        Startup = "startup",
        /// Signing in here.
        Authentication = "authentication",
        /// Reaching the target, or signing in there.
        Upstream = "upstream",
        /// It took too long.
        Timeout = "timeout",
    }
}

labels! {
    /// Which way bytes went.
    Direction {
        /// From client to target.
        ToTarget = "to_target",
        /// From target to client.
        ToClient = "to_client",
    }
}

labels! {
    /// What became of a notice to a webhook.
    NoticeEnd {
        /// The receiver took it.
        Delivered = "delivered",
        /// The receiver did not take it, however often it was tried.
        Failed = "failed",
        /// Too many waited.
        Dropped = "dropped",
    }
}

labels! {
    /// Kinds of masked data; the user's own are one.
    ClassLabel {
        /// Primary account number.
        Pan = "pan",
        /// Card verification value.
        Cvv = "cvv",
        /// Expiry date.
        Expiry = "expiry",
        /// Track data.
        Track = "track",
        /// Cardholder name.
        Name = "name",
        /// Free text.
        Freetext = "freetext",
        /// The user's own.
        Custom = "custom",
    }
}

impl From<&Class> for ClassLabel {
    fn from(class: &Class) -> Self {
        match class {
            Class::Pan => Self::Pan,
            Class::Cvv => Self::Cvv,
            Class::Expiry => Self::Expiry,
            Class::Track => Self::Track,
            Class::Name => Self::Name,
            Class::Freetext => Self::Freetext,
            Class::Custom(_) => Self::Custom,
        }
    }
}

/// All counters of one broker; shared by reference.
#[derive(Debug, Default)]
pub struct Metrics {
    connections: [Counter; Way::COUNT],
    connections_closed: [Counter; Way::COUNT],
    sessions: Counter,
    statements: [Counter; Decision::COUNT],
    denials: [Counter; Denial::COUNT],
    handshake_failures: [Counter; Handshake::COUNT],
    masked: [Counter; ClassLabel::COUNT],
    bytes: [Counter; Direction::COUNT],
    notices: [Counter; NoticeEnd::COUNT],
}

/// What others count and tell when the metrics are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// Start of the process, Unix seconds.
    pub started_at: i64,
    /// Live sessions.
    pub sessions_open: u64,
    /// Entries in the ledger since the start.
    pub ledger_entries: u64,
    /// Times that it was made durable since the start.
    pub ledger_fsyncs: u64,
    /// Entries that wait to be made durable.
    pub ledger_queue: u64,
    /// True when it can record no more: everything is refused.
    pub ledger_poisoned: bool,
    /// What the process uses, where the system tells.
    pub usage: Usage,
}

/// What the process uses of the system, under the names that Prometheus gives them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// Resident memory, bytes.
    pub resident_bytes: Option<u64>,
}

impl Usage {
    /// As of now. Only the process itself may look at its descriptors: it is undumpable.
    #[must_use]
    pub fn now() -> Self {
        // The folder that is being read is one of them, for the moment.
        let open_fds =
            std::fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count().saturating_sub(1) as u64);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Self { open_fds, resident_bytes: kib.map(|kib| kib * 1024) }
    }
}

impl Metrics {
    /// The connections that came in so far, by way.
    #[must_use]
    pub fn connections(&self, way: Way) -> &Counter {
        &self.connections[way as usize]
    }

    /// The connections that have ended; together with [`Self::connections`] it gives those that are open.
    #[must_use]
    pub fn connections_closed(&self, way: Way) -> &Counter {
        &self.connections_closed[way as usize]
    }

    /// The sessions that were opened.
    #[must_use]
    pub fn sessions(&self) -> &Counter {
        &self.sessions
    }

    /// The statements that were judged, by verdict.
    #[must_use]
    pub fn statements(&self, decision: Decision) -> &Counter {
        &self.statements[decision as usize]
    }

    /// What was refused, by reason.
    #[must_use]
    pub fn denials(&self, denial: Denial) -> &Counter {
        &self.denials[denial as usize]
    }

    /// Connections that failed before they were one.
    #[must_use]
    pub fn handshake_failures(&self, stage: Handshake) -> &Counter {
        &self.handshake_failures[stage as usize]
    }

    /// The values that were masked, by class.
    #[must_use]
    pub fn masked(&self, class: impl Into<ClassLabel>) -> &Counter {
        &self.masked[class.into() as usize]
    }

    /// The bytes of the database protocol, by direction.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> &Counter {
        &self.bytes[direction as usize]
    }

    /// Notices to webhooks that are done with.
    #[must_use]
    pub fn notices(&self, how: NoticeEnd) -> &Counter {
        &self.notices[how as usize]
    }

    /// The Prometheus text format, version 0.0.4.
    #[must_use]
    pub fn encode(&self, sample: &Sample) -> String {
        let mut text = Text(String::with_capacity(4096));
        text.family("hoop_build_info", "gauge", "The version that runs.");
        text.line("hoop_build_info", Some(("version", env!("CARGO_PKG_VERSION"))), 1);
        text.one(
            "process_start_time_seconds",
            "gauge",
            "Start of the process, Unix time.",
            sample.started_at,
        );
        if let Some(fds) = sample.usage.open_fds {
            text.one("process_open_fds", "gauge", "Open file descriptors.", fds);
        }
        if let Some(bytes) = sample.usage.resident_bytes {
            text.one("process_resident_memory_bytes", "gauge", "Resident memory.", bytes);
        }
        text.each("hoop_connections_total", "Connections.", "way", Way::WORDS, &self.connections);
        text.family("hoop_connections_open", "gauge", "Connections that are open.");
        for (i, word) in Way::WORDS.iter().enumerate() {
            // Read in this order the closed are never more than the opened, up to what happens meanwhile.
            let closed = self.connections_closed[i].value();
            let open = self.connections[i].value().saturating_sub(closed);
            text.line("hoop_connections_open", Some(("way", word)), open);
        }
        text.one("hoop_sessions_total", "counter", "Sessions that were opened.", self.sessions.value());
        text.one("hoop_sessions_open", "gauge", "Sessions that are open.", sample.sessions_open);
        text.each("hoop_statements_total", "Statements.", "verdict", Decision::WORDS, &self.statements);
        text.each("hoop_denials_total", "What was refused.", "reason", Denial::WORDS, &self.denials);
        let failed = "Connections that failed before they were one.";
        text.each(
            "hoop_handshake_failures_total",
            failed,
            "stage",
            Handshake::WORDS,
            &self.handshake_failures,
        );
        text.each("hoop_masked_values_total", "Masked values.", "class", ClassLabel::WORDS, &self.masked);
        text.each("hoop_bytes_total", "Protocol bytes.", "direction", Direction::WORDS, &self.bytes);
        text.each("hoop_notices_total", "Notices by webhook.", "end", NoticeEnd::WORDS, &self.notices);
        text.one("hoop_ledger_entries_total", "counter", "Entries in the ledger.", sample.ledger_entries);
        text.one("hoop_ledger_fsyncs_total", "counter", "Times it was made durable.", sample.ledger_fsyncs);
        text.one("hoop_ledger_queue_depth", "gauge", "Entries not durable yet.", sample.ledger_queue);
        let poisoned = "1 when the ledger cannot record and everything is refused.";
        text.one("hoop_ledger_poisoned", "gauge", poisoned, u64::from(sample.ledger_poisoned));
        text.0
    }
}

/// Prometheus text. Labels are words of our own, so nothing needs escaping. Writing to a String cannot fail.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, name: &str, label: Option<(&str, &str)>, value: impl std::fmt::Display) {
        let _ = match label {
            Some((key, word)) => writeln!(self.0, "{name}{{{key}=\"{word}\"}} {value}"),
            None => writeln!(self.0, "{name} {value}"),
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.line(name, None, value);
    }

    fn each(&mut self, name: &str, help: &str, key: &str, words: &[&str], counters: &[Counter]) {
        self.family(name, "counter", help);
        for (word, counter) in words.iter().zip(counters) {
            self.line(name, Some((key, word)), counter.value());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_add_up() {
        let counter = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..1000).for_each(|_| counter.inc()));
            }
        });
        assert_eq!(counter.value(), 20_000);
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.connections(Way::Tunnel).add(3);
        metrics.connections_closed(Way::Tunnel).inc();
        metrics.sessions().inc();
        metrics.statements(Decision::Deny).inc();
        metrics.denials(Denial::Syntax).inc();
        metrics.handshake_failures(Handshake::Upstream).inc();
        metrics.masked(&Class::Pan).add(7);
        metrics.masked(&Class::Custom("iban".into())).inc();
        metrics.bytes(Direction::ToClient).add(1 << 40);
        let sample = Sample {
            started_at: 1_795_000_000,
            sessions_open: 1,
            ledger_entries: 9,
            ledger_fsyncs: 4,
            ledger_queue: 2,
            ledger_poisoned: true,
            usage: Usage { open_fds: Some(40), resident_bytes: Some(48 << 20) },
        };
        insta::assert_snapshot!(metrics.encode(&sample));
    }
}
