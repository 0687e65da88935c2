//! The table of limits: every one with its default, its range and its meaning, in one place that the parser, the
//! template of `init` and the README are made from.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::value::{format_duration, format_size};

/// What a limit counts, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; written `"64 KiB"`.
    Bytes,
    /// Things; written as a number.
    Count,
    /// Time, kept in milliseconds; written `"10s"`.
    Time,
}

/// One row of the table of limits. Values are bytes, things or milliseconds, as `unit` says.
#[derive(Debug)]
pub struct LimitRow {
    /// Its key under `[limits]`.
    pub key: &'static str,
    /// How it is written.
    pub unit: Unit,
    /// What may be configured.
    pub range: RangeInclusive<u64>,
    /// One line about it.
    pub meaning: &'static str,
    read: fn(&Limits) -> u64,
    write: fn(&mut Limits, u64),
}

impl LimitRow {
    /// The value in `limits`.
    #[must_use]
    pub fn value(&self, limits: &Limits) -> u64 {
        (self.read)(limits)
    }

    /// Sets it. INVARIANT: `value` lies in `range`, which the parser has checked.
    pub(super) fn set(&self, limits: &mut Limits, value: u64) {
        (self.write)(limits, value);
    }

    /// A value of this row as it is written in the file.
    #[must_use]
    pub fn written(&self, value: u64) -> String {
        match self.unit {
            Unit::Bytes => format!("\"{}\"", format_size(value)),
            Unit::Count => value.to_string(),
            Unit::Time => format!("\"{}\"", format_duration(Duration::from_millis(value))),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:tt = $default:expr, $range:expr;)+) => {
        /// One table of limits; every one is configurable under `[limits]`.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: limits!(@type $kind),)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: limits!(@from $kind, $default),)+ }
            }
        }

        /// Every limit, in the order in which it is documented.
        pub const LIMITS: &[LimitRow] = &[$(LimitRow {
            key: stringify!($name),
            unit: limits!(@unit $kind),
            range: $range,
            meaning: concat!($($doc,)+).trim_ascii(),
            read: |limits| limits!(@read $kind, limits.$name),
            write: |limits, value| limits.$name = limits!(@from $kind, value),
        },)+];
    };
    (@type Time) => { Duration };
    (@type Small) => { u32 };
    (@type $kind:tt) => { usize };
    (@unit Small) => { Unit::Count };
    (@unit $kind:ident) => { Unit::$kind };
    (@from Time, $value:expr) => { Duration::from_millis($value) };
    (@from Small, $value:expr) => { u32::try_from($value).unwrap_or(u32::MAX) };
    (@from $kind:tt, $value:expr) => { usize::try_from($value).unwrap_or(usize::MAX) };
    (@read Time, $value:expr) => { millis($value) };
    (@read Small, $value:expr) => { u64::from($value) };
    (@read $kind:tt, $value:expr) => { $value as u64 };
}

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

limits! {
    /// Longest statement text, bytes; beyond it 54001.
    statement_bytes: Bytes = MIB, KIB..=16 * MIB;
    /// Deepest statement tree; beyond it 54001.
    statement_depth: Count = 1000, 50..=20_000;
    /// Largest message from a client other than COPY data, bytes.
    message_bytes: Bytes = 64 * MIB, 64 * KIB..=GIB;
    /// Largest single value or row that passes, bytes.
    row_bytes: Bytes = GIB, 64 * KIB..=GIB;
    /// Read buffer per direction of a connection, bytes.
    buffer_bytes: Bytes = 64 * KIB, 8 * KIB..=16 * MIB;
    /// Prepared statements and portals per connection.
    prepared: Count = 4096, 1..=1_000_000;
    /// Messages that may wait for an answer on one connection.
    pipeline: Count = 4096, 1..=1_000_000;
    /// Sessions at once.
    sessions: Count = 4096, 1..=1_000_000;
    /// Sessions of one principal at once.
    sessions_per_principal: Count = 64, 1..=1_000_000;
    /// Connections of one session at once.
    connections_per_session: Count = 64, 1..=100_000;
    /// Connections of the broker at once, on all listeners; each takes up to two file descriptors.
    connections: Count = 4096, 1..=1_000_000;
    /// Open sockets of one address that have not signed in.
    handshakes_per_address: Count = 256, 1..=100_000;
    /// Time for TLS and start-up.
    handshake: Time = 10 * SECOND, SECOND..=MINUTE;
    /// Time for connecting to a target and signing in there.
    upstream_connect: Time = 10 * SECOND, SECOND..=2 * MINUTE;
    /// Time after which a client or target whose machine answers nothing any more is given up.
    dead_peer: Time = MINUTE, 5 * SECOND..=60 * MINUTE;
    /// Time that a statement waits for the ledger before it is refused.
    ledger_wait: Time = 5 * SECOND, 100..=MINUTE;
    /// Time that draining waits for open connections.
    drain: Time = 10 * SECOND, 0..=60 * MINUTE;
    /// Body of an API request, bytes.
    http_body_bytes: Bytes = 256 * KIB, 16 * KIB..=16 * MIB;
    /// Failed sign-ins of an account before it is locked (PCI DSS 8.3.4: at most 10).
    login_attempts: Small = 6, 1..=10;
    /// For how long it is locked (PCI DSS 8.3.4: at least 30 minutes).
    lockout: Time = 30 * MINUTE, 30 * MINUTE..=30 * 24 * 60 * MINUTE;
    /// Time that a held statement waits in its connection for an approval, at most.
    hold: Time = 10 * MINUTE, SECOND..=60 * MINUTE;
    /// Time in which a request that does not wait can be decided.
    approval_pending: Time = 24 * 60 * MINUTE, MINUTE..=30 * 24 * 60 * MINUTE;
    /// Time in which an approval can be used.
    approval_valid: Time = 60 * MINUTE, MINUTE..=24 * 60 * MINUTE;
    /// Open approvals at once.
    approvals: Count = 1000, 1..=1_000_000;
    /// Open approvals of one principal at once.
    approvals_per_principal: Count = 20, 1..=10_000;
    /// Device codes that wait at once.
    device_codes: Count = 256, 1..=100_000;
}
