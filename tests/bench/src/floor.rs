//! What the disk alone allows: 16 writers, each of which has one entry made durable after the other, by group commit
//! as the ledger does it. No gateway on this disk can have more.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Writers at once.
pub const WRITERS: usize = 16;
/// Zeros written ahead, so that a batch overwrites blocks that exist and its sync has no metadata to write; the ledger
/// does the same.
const AHEAD: u64 = 1 << 20;

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    entries: u64,
    // Entries that were queued and that are durable, since the start.
    queued: u64,
    durable: u64,
    stopping: bool,
}

struct Log {
    queue: Mutex<Queue>,
    work: Condvar,
    done: Condvar,
}

impl Log {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_one(&self, entry: &[u8]) -> bool {
        let mut queue = self.queue();
        queue.bytes.extend_from_slice(entry);
        queue.entries += 1;
        queue.queued += 1;
        let ticket = queue.queued;
        if queue.entries == 1 {
            self.work.notify_one();
        }
        while queue.durable < ticket && !queue.stopping {
            queue = self.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.durable >= ticket
    }

    fn commit_until(&self, file: &File, deadline: Instant) -> io::Result<()> {
        let (mut at, mut ahead, mut batch) = (0, 0, Vec::new());
        let zeros = vec![0; AHEAD as usize];
        loop {
            let mut queue = self.queue();
            while queue.entries == 0 && Instant::now() < deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                queue = self.work.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            if Instant::now() >= deadline {
                return Ok(());
            }
            batch.clear();
            std::mem::swap(&mut batch, &mut queue.bytes);
            let upto = queue.queued;
            queue.entries = 0;
            drop(queue);
            if at + batch.len() as u64 > ahead {
                file.write_all_at(&zeros, ahead)?;
                ahead += AHEAD;
                file.sync_all()?;
            }
            file.write_all_at(&batch, at)?;
            file.sync_data()?;
            at += batch.len() as u64;
            self.queue().durable = upto;
            self.done.notify_all();
        }
    }

    fn stop(&self) {
        self.queue().stopping = true;
        self.done.notify_all();
    }
}

/// Entries a second that 16 writers made durable in a file of `folder`, over `span`.
///
/// # Errors
/// The disk's.
pub fn measure(folder: &Path, entry_bytes: usize, span: Duration) -> io::Result<f64> {
    let path = folder.join("floor");
    let file = File::create(&path)?;
    let log = Log { queue: Mutex::default(), work: Condvar::new(), done: Condvar::new() };
    let entry = vec![0x5a; entry_bytes];
    let start = Instant::now();
    let result = thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| while log.write_one(&entry) {});
        }
        let result = log.commit_until(&file, start + span);
        // Also after a failed write: the writers must not wait for ever.
        log.stop();
        result
    });
    let seconds = start.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(&path)?;
    result?;
    let durable = u32::try_from(log.queue().durable).map_err(io::Error::other)?;
    Ok(f64::from(durable) / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_durable_and_nothing_is_left() {
        let folder = hoop_harness::reaper::Folder::new("hoop-floor-");
        let rate = measure(folder.path(), 700, Duration::from_millis(200)).expect("the disk works");
        assert!(rate > 0.0, "{rate}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is ours").count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let missing = measure(Path::new("/nonexistent"), 700, Duration::from_millis(1));
        assert_eq!(missing.map_err(|e| e.kind()), Err(io::ErrorKind::NotFound));
    }
}
