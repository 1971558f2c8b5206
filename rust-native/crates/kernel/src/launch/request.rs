//! What a caller asks for: a plan, and its descriptors.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::error::{Result, SyscallContext};

/// A plan with everything that it names by slot.
pub struct Request {
    /// The encoded plan.
    pub plan: Vec<u8>,
    /// The descriptors of its given slots.
    pub given: Vec<OwnedFd>,
}

/// Where a slot's descriptor comes from.
pub enum Stream<'fd> {
    /// A copy of a descriptor of the caller's.
    Given(std::os::fd::BorrowedFd<'fd>),
    /// A pipe that the caller writes.
    Input,
    /// A pipe that the caller reads.
    Output,
    /// /dev/null.
    Null,
}

/// The caller's end of a pipe.
pub type End = OwnedFd;

impl Request {
    /// Opens the slots. Gives the request, and the caller's ends of the pipes in the order of their slots.
    pub fn open(plan: Vec<u8>, streams: &[Stream<'_>]) -> Result<(Self, Vec<End>)> {
        Self::open_all(plan, streams).map_err(|failure| failure.during("open the descriptors"))
    }

    fn open_all(plan: Vec<u8>, streams: &[Stream<'_>]) -> Result<(Self, Vec<End>)> {
        let mut given = Vec::with_capacity(streams.len());
        let mut ends = Vec::new();
        for stream in streams {
            given.push(match stream {
                Stream::Given(descriptor) => rustix::io::fcntl_dupfd_cloexec(descriptor.as_fd(), 0).syscall("fcntl")?,
                Stream::Null => rustix::fs::openat(CWD, c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).syscall("open")?,
                Stream::Input => {
                    let (read, write) = pipe_with(PipeFlags::CLOEXEC).syscall("pipe2")?;
                    ends.push(write);
                    read
                }
                Stream::Output => {
                    let (read, write) = pipe_with(PipeFlags::CLOEXEC).syscall("pipe2")?;
                    ends.push(read);
                    write
                }
            });
        }
        Ok((Self { plan, given }, ends))
    }
}
