//! What was measured on.

use std::fs;
use std::path::Path;
use std::process::Command;

use hoop_harness::program;
use serde_json::{Value, json};

/// The machine and the programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Day, UTC.
    pub date: String,
    /// CPU model.
    pub cpu: String,
    /// Cores.
    pub cores: usize,
    /// Memory, GiB, rounded.
    pub memory_gib: u64,
    /// Kernel release.
    pub kernel: String,
    /// File system of the ledger.
    pub disk: String,
    /// PostgreSQL's version.
    pub postgres: String,
    /// pgbouncer's name and version.
    pub pgbouncer: String,
}

impl Machine {
    /// Looks at this one; `ledger` lies on the disk that counts.
    ///
    /// # Panics
    /// When this is no Linux.
    #[must_use]
    pub fn look(ledger: &Path, postgres: String, pgbouncer: String) -> Self {
        let say = |command: &mut Command| program::run(command, b"").ok();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").expect("Linux has it");
        let meminfo = fs::read_to_string("/proc/meminfo").expect("Linux has it");
        let memory_kib: u64 =
            field(&meminfo, "MemTotal").and_then(|v| v.split(' ').next()?.parse().ok()).unwrap_or(0);
        let disk = say(Command::new("df").arg("--output=fstype").arg(ledger));
        Self {
            date: say(Command::new("date").args(["-u", "+%Y-%m-%d"])),
            // Not every architecture names its model.
            cpu: field(&cpuinfo, "model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_gib: (memory_kib + (1 << 19)) >> 20,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux has it").trim().to_owned(),
            disk: disk.lines().last().unwrap_or_default().trim().to_owned(),
            postgres,
            pgbouncer,
        }
    }

    /// In one line, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { date, cpu, cores, memory_gib, kernel, disk, postgres, pgbouncer } = self;
        format!(
            "{date}, {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}, ledger on {disk}; \
             PostgreSQL {postgres}, {pgbouncer}"
        )
    }

    /// For `--json`.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "date": self.date, "cpu": self.cpu, "cores": self.cores, "memory_gib": self.memory_gib,
            "kernel": self.kernel, "disk": self.disk, "postgres": self.postgres, "pgbouncer": self.pgbouncer,
        })
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|l| l.strip_prefix(name)?.trim_start().strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_are_read() {
        let cpuinfo = "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\n";
        assert_eq!(field(cpuinfo, "model name"), Some("A CPU @ 2 GHz"));
        assert_eq!(field("MemTotal:       24683512 kB\n", "MemTotal"), Some("24683512 kB"));
        assert_eq!(field(cpuinfo, "model"), None);
    }
}
