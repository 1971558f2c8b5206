//! The kernel's log (Documentation/ABI/testing/dev-kmsg): one record a read.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::{Failure, Result, SyscallContext};

/// What the kernel says from now on.
#[derive(Debug)]
pub struct KernelLog(OwnedFd);

/// A record is never longer (kernel/printk/internal.h, `PRINTK_MESSAGE_MAX`).
const LONGEST: usize = 8192;

impl KernelLog {
    /// Needs CAP_SYSLOG where `kernel.dmesg_restrict` is set.
    pub fn open() -> Result<Self> {
        let path = "/dev/kmsg";
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty()).syscall("open").map_err(|it| it.at(path))?;
        rustix::fs::seek(&file, SeekFrom::End(0)).syscall("lseek").map_err(|it| it.at(path))?;
        Ok(Self(file))
    }

    /// The records since the last call that hold one of the words; never waits.
    pub fn records(&self, words: &[&str]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut bytes = vec![0_u8; LONGEST];
        loop {
            match rustix::io::read(&self.0, &mut bytes) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(found),
                Ok(length) => {
                    let record = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
                    // The first line is the message; those after it are its fields.
                    let message = record.lines().next().unwrap_or_default();
                    if words.iter().any(|word| message.contains(word)) {
                        found.push(message.to_owned());
                    }
                }
                // Records were lost that came faster than they were read.
                Err(Errno::PIPE | Errno::INTR) => {}
                Err(errno) => return Err(Failure::syscall("read", errno).at("/dev/kmsg")),
            }
        }
    }
}

impl AsFd for KernelLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
