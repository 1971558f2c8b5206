//! Roots without overlayfs: the files that layers show together, copied into a folder of their own. Where the file system shares blocks between
//! files (ioctl_ficlonerange(2)), a copy takes no space before it is written to.
//!
//! What was written is found by the times of status change: whatever has one before the end of the copying was not touched since. What
//! has a later one is compared with the layers, byte by byte where need be, so that only a clock that is set back misleads.

mod compare;
mod copier;

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_kernel::{Result, SyscallContext};
use rustix::fs::{Mode, Stat};

use crate::changes::Change;
use crate::pack::{Options, Packed, pack_changes};
use crate::tree::Usage;

/// A copy, and what it was when it was made.
#[derive(Debug)]
pub struct Copied {
    /// The folders by their paths, with their inodes: a folder that was moved brings files along whose own status did not change.
    folders: HashMap<Vec<u8>, u64>,
    /// The files that have several names, by each of them, with their inodes.
    linked: HashMap<Vec<u8>, u64>,
    /// When the copying had ended, by the clock of the file system.
    made: Instant,
    shares_blocks: bool,
}

/// Seconds and nanoseconds.
type Instant = (i64, u64);

impl Copied {
    /// Copies what `lowers`, the uppermost first, show together into an empty folder, whose own metadata becomes that of `like`.
    pub fn make(tree: BorrowedFd<'_>, lowers: &[OwnedFd], like: Option<&OwnedFd>) -> Result<Self> {
        let made = copier::copy(tree, lowers)?;
        box_kernel::writable::take_after(tree, like.map(AsFd::as_fd))?;
        let stat = rustix::fs::fstat(tree).syscall("fstat")?;
        // No other change of the folder's status follows, so this is a time of the file system's own, at the end of the copying.
        rustix::fs::fchmod(tree, Mode::from_raw_mode(stat.st_mode)).syscall("fchmod")?;
        let made_at = changed_at(&rustix::fs::fstat(tree).syscall("fstat")?);
        Ok(Self { folders: made.folders, linked: made.linked, made: made_at, shares_blocks: made.shares_blocks })
    }

    /// Whether files share their blocks with those of the layers.
    #[must_use]
    pub fn shares_blocks(&self) -> bool {
        self.shares_blocks
    }

    /// What was changed since in the folder that it was made in, parents before what they hold, by name. `lowers` are those that it was made of.
    pub fn changes(&self, tree: BorrowedFd<'_>, lowers: Vec<OwnedFd>) -> Result<Vec<Change>> {
        Ok(compare::compare(self, tree, lowers)?.changes)
    }

    /// What was written since.
    pub fn usage(&self, tree: BorrowedFd<'_>, lowers: Vec<OwnedFd>) -> Result<Usage> {
        Ok(compare::compare(self, tree, lowers)?.usage)
    }

    /// Packs what was changed since as a layer.
    pub fn pack(&self, tree: BorrowedFd<'_>, lowers: Vec<OwnedFd>, output: OwnedFd, options: &Options) -> Result<Packed> {
        pack_changes(tree, &self.changes(tree, lowers)?, output, options)
    }
}

fn changed_at(stat: &Stat) -> Instant {
    #[allow(clippy::useless_conversion, reason = "the type differs between architectures")]
    (stat.st_ctime.into(), stat.st_ctime_nsec.into())
}
