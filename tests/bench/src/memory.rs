//! What an idle connection keeps resident.

use std::fs;

use crate::wire::{Client, Endpoint};

/// Connections that are opened before, so that what the process needs once is not counted.
const WARM: usize = 20;

/// KiB that the process `pid` keeps for each of `count` connections that have run one statement and are idle.
///
/// # Panics
/// When one is refused, or the process is gone.
#[must_use]
pub fn kib_per_connection(pid: u32, at: &Endpoint, count: usize) -> f64 {
    let open = || {
        let mut client = Client::connect(at, 8 << 10).unwrap_or_else(|e| panic!("an idle connection: {e}"));
        client.run("SELECT 1").unwrap_or_else(|e| panic!("an idle connection: {e}"));
        client
    };
    let warm: Vec<Client> = (0..WARM).map(|_| open()).collect();
    let before = resident_kib(pid);
    let idle: Vec<Client> = (0..count).map(|_| open()).collect();
    let after = resident_kib(pid);
    drop((warm, idle));
    (after - before) / f64::from(u32::try_from(count).expect("a count of connections"))
}

fn resident_kib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    resident(&status).expect("Linux tells VmRSS")
}

fn resident(status: &str) -> Option<f64> {
    status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_size_is_read() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    5300 kB\nRssAnon:\t 1 kB\n"), Some(5300.0));
        assert_eq!(resident("Name:\tx\n"), None);
    }
}
