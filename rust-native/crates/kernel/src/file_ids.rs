//! Acting on files under other ids: setfsuid(2), for one thread.

use std::os::fd::BorrowedFd;

use rustix::thread::CapabilitySets;

use crate::error::{Result, SyscallContext};

/// The thread's ids for file access, until dropped.
#[derive(Debug)]
pub struct FileIds {
    uid: libc::c_long,
    gid: libc::c_long,
    capabilities: CapabilitySets,
}

impl FileIds {
    /// Takes the ids of who owns this file, and keeps all capabilities in effect.
    pub fn owner_of(file: BorrowedFd<'_>) -> Result<Self> {
        let status = rustix::fs::fstat(file).syscall("fstat")?;
        Self::take(status.st_uid, status.st_gid)
    }

    /// Takes these ids, and keeps all capabilities in effect.
    pub fn take(uid: u32, gid: u32) -> Result<Self> {
        let before = rustix::thread::capabilities(None).syscall("capget")?;
        // SAFETY: setfsgid and setfsuid take ids by value and concern this thread alone.
        let (gid, uid) = unsafe { (libc::syscall(libc::SYS_setfsgid, gid), libc::syscall(libc::SYS_setfsuid, uid)) };
        let ids = Self { uid, gid, capabilities: before };
        // Leaving id 0 takes the capabilities over files away from the thread; they are still permitted.
        rustix::thread::set_capabilities(None, before).syscall("capset")?;
        Ok(ids)
    }
}

impl Drop for FileIds {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe {
            libc::syscall(libc::SYS_setfsuid, self.uid);
            libc::syscall(libc::SYS_setfsgid, self.gid);
        }
        // The thread gets what it had: there is nothing to refuse.
        let _ = rustix::thread::set_capabilities(None, self.capabilities);
    }
}
