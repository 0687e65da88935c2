//! The thread for long texts. Short ones are parsed on the lane: handing them over would cost more than parsing them.

use std::sync::mpsc;

use tokio::sync::oneshot;

use super::text::{Analysed, analyse};

/// What the parser thread answers: the text that it was given, and what that is.
pub type Parsed = (String, Analysed);

/// Texts up to this many bytes are parsed where they arrive.
pub const INLINE_BYTES: usize = 16 << 10;

struct Job {
    text: String,
    depth: usize,
    bytes: usize,
    done: oneshot::Sender<Parsed>,
}

/// Handle to the parser thread; it ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Parser {
    jobs: mpsc::Sender<Job>,
    bytes: usize,
    depth: usize,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl Parser {
    /// Starts the thread. Texts are limited to `bytes` and `depth`.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn start(bytes: usize, depth: usize) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("parser".to_owned()).stack_size(hoop_statement::STACK_BYTES).spawn(
            move || {
                for job in inbox {
                    let analysed = analyse(&job.text, job.bytes, job.depth);
                    // The connection may be gone by now.
                    let _unread = job.done.send((job.text, analysed));
                }
            },
        )?;
        Ok(Self { jobs, bytes, depth })
    }

    /// True for texts within the limit; what was cached of a shorter one counts only for them.
    #[must_use]
    pub const fn takes(&self, text: &str) -> bool {
        text.len() <= self.bytes
    }

    /// Parses here when short; otherwise the answer comes by the receiver.
    pub fn analyse(&self, text: &str) -> Result<Analysed, oneshot::Receiver<Parsed>> {
        if text.len() <= INLINE_BYTES || text.len() > self.bytes {
            return Ok(analyse(text, self.bytes, self.depth));
        }
        let (done, answer) = oneshot::channel();
        let job = Job { text: text.to_owned(), depth: self.depth, bytes: self.bytes, done };
        match self.jobs.send(job) {
            Ok(()) => Err(answer),
            // The thread is gone: the receiver says so, and the text is refused.
            Err(_) => Err(answer),
        }
    }
}
