//! Locks on files, which the kernel takes back when their holder ends.

use box_kernel::Result;
use box_kernel::SyscallContext;
use napi::Env;
use napi_derive::napi;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::error::OrThrow;
use crate::mounts::duplicate;

/// Locks an open file for this one descriptor, and those that are copies of it, until all of them are closed (flock(2)). Does not wait: gives
/// false where somebody else has the lock.
#[napi(catch_unwind)]
pub fn try_lock_file(env: &Env, fd: i32) -> napi::Result<bool> {
    try_lock(fd).or_throw(env)
}

fn try_lock(fd: i32) -> Result<bool> {
    match rustix::fs::flock(duplicate(fd)?, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        outcome => outcome.map(|()| true).syscall("flock"),
    }
}
