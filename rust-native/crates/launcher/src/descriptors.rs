//! Which descriptors a child has.

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};

use rustix::io::Result;

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

/// Closes many: those that follow one another by one call.
pub fn close_together(descriptors: impl IntoIterator<Item = OwnedFd>) {
    let mut numbers: Vec<u32> = descriptors.into_iter().map(|one| one.into_raw_fd().cast_unsigned()).collect();
    numbers.sort_unstable();
    for run in numbers.chunk_by(|one, next| one + 1 == *next) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            let _ = sys::close_range(*first, *last, 0);
        }
    }
}

/// Gives the program its descriptors 0, 1, 2 and so on, as far as there are any, and closes every other one but the channel: the path of the program may lead
/// through `/proc/self/fd`. The channel is moved above them and closed by execve(2): its new number is given back.
pub fn arrange(sources: &[Option<BorrowedFd<'_>>], channel: BorrowedFd<'_>) -> Result<RawFd> {
    let count = RawFd::try_from(sources.len()).unwrap_or(0).max(3);
    let above = |one: &BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(one, count).map(IntoRawFd::into_raw_fd);
    let channel = above(&channel)?;
    // The caller's pidfd may lie where a descriptor is wanted.
    let moved = sources.iter().map(|source| source.as_ref().map(above).transpose()).collect::<Result<Vec<_>>>()?;
    for (number, source) in (0..).zip(moved) {
        match source {
            Some(source) => sys::duplicate_to(source, number)?,
            None => sys::close_range(number.cast_unsigned(), number.cast_unsigned(), 0)?,
        }
    }
    let (first, kept) = (count.cast_unsigned(), channel.cast_unsigned());
    if kept > first {
        sys::close_range(first, kept - 1, 0)?;
    }
    sys::close_range(kept + 1, u32::MAX, 0)?;
    Ok(channel)
}
