//! Which descriptors a child has.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::io::{FdFlags, Result};

use crate::sys;

/// Closes everything from 3 on that is not named.
pub fn close_all_but(keep: &[BorrowedFd<'_>]) -> Result<()> {
    let mut numbers: Vec<u32> = keep.iter().filter_map(|one| u32::try_from(one.as_raw_fd()).ok()).collect();
    numbers.sort_unstable();
    let mut first = 3;
    for number in numbers {
        if number > first {
            sys::close_range(first, number - 1, 0)?;
        }
        first = first.max(number + 1);
    }
    sys::close_range(first, u32::MAX, 0)
}

/// Gives the program its descriptors 0, 1, 2 and so on, and marks every other one to be closed by execve(2).
/// What must outlive this (the channel) is moved above them: its new number is given back.
pub fn arrange(sources: &[BorrowedFd<'_>], channel: BorrowedFd<'_>) -> Result<RawFd> {
    let count = RawFd::try_from(sources.len()).unwrap_or(0).max(3);
    let above = |one: &BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(one, count);
    let channel = above(&channel)?;
    // The caller's pidfd may lie where a descriptor is wanted.
    let moved = sources.iter().map(above).collect::<Result<Vec<_>>>()?;
    for (number, source) in moved.iter().enumerate() {
        sys::duplicate_to(source.as_raw_fd(), RawFd::try_from(number).unwrap_or(0))?;
    }
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    sys::close_range(u32::try_from(sources.len()).unwrap_or(0).max(3), u32::MAX, CLOSE_RANGE_CLOEXEC)?;
    rustix::io::fcntl_setfd(&channel, FdFlags::CLOEXEC)?;
    Ok(std::os::fd::IntoRawFd::into_raw_fd(channel))
}
