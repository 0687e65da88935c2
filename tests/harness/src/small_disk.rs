//! A file system of a few megabytes, so that a disk can be full. Takes root; the caller says loudly when it skips.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program;
use crate::reaper::Reaper;

/// A mounted file system; unmounted when this value is dropped or this process dies.
#[derive(Debug)]
pub struct SmallDisk {
    filler: PathBuf,
    _reaper: Reaper,
}

impl SmallDisk {
    /// Mounts one of `size` (such as `4m`) over the empty folder `dir`; `above` is the temporary folder that holds it.
    /// `None` where this process may not mount.
    #[must_use]
    pub fn mount(dir: &Path, above: &Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "hoop-small-disk"]).arg(dir);
        if program::run(&mut mount, b"").code != 0 {
            return None;
        }
        // A folder with a mount in it cannot be removed: when this process is gone, whoever wanted to has failed.
        const SCRIPT: &str = r#"umount -l "$1"; kill -0 $PPID 2>/dev/null || rm -rf "$2""#;
        let text =
            |path: &Path| path.to_str().map(str::to_owned).expect("temporary folders have plain names");
        Some(Self { filler: dir.join("filler"), _reaper: Reaper::new(SCRIPT, &[&text(dir), &text(above)]) })
    }

    /// Takes all the room that is left.
    ///
    /// # Panics
    /// When the file system never gets full.
    pub fn fill(&self) {
        let mut file = File::create(&self.filler).expect("the disk is ours");
        for _ in 0..1 << 20 {
            if file.write_all(&[0; 1024]).is_err() {
                return;
            }
        }
        panic!("the small disk does not get full");
    }

    /// Gives it back.
    ///
    /// # Panics
    /// When nothing was taken.
    pub fn free(&self) {
        fs::remove_file(&self.filler).expect("the disk was filled");
    }
}
