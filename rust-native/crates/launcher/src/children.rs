//! The children that end with the caller.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::sys;

/// Pidfds of the children. Those of children that ended are let go from time to time, not at once: nobody has to be woken for it.
#[derive(Default)]
pub struct Children {
    pidfds: Vec<OwnedFd>,
    sweep_at: usize,
}

impl Children {
    const LEAST: usize = 16;

    pub fn add(&mut self, pidfd: OwnedFd) {
        self.pidfds.push(pidfd);
        if self.pidfds.len() >= self.sweep_at.max(Self::LEAST) {
            self.sweep();
            self.sweep_at = self.pidfds.len() * 2;
        }
    }

    /// Ends them all.
    pub fn kill(&self) {
        for pidfd in &self.pidfds {
            sys::kill_by(pidfd);
        }
    }

    /// For the child, whose copy this is: its descriptors are closed all at once, by their numbers.
    pub fn forget(&mut self) {
        std::mem::take(&mut self.pidfds).into_iter().for_each(std::mem::forget);
    }

    fn sweep(&mut self) {
        let mut polled: Vec<PollFd<'_>> = self.pidfds.iter().map(|pidfd| PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)).collect();
        if poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_err() {
            return;
        }
        let mut ended = polled.iter().map(|entry| !entry.revents().is_empty()).collect::<Vec<bool>>().into_iter();
        self.pidfds.retain(|_| !ended.next().unwrap_or(false));
    }
}
