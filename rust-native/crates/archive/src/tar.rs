//! The tar format: ustar and pax (POSIX.1-2017, pax, "EXTENDED DESCRIPTION"), and what GNU tar adds (its manual, "Basic Tar Format").
//!
//! Readers that disagree about one archive are how files are smuggled in. So what two readers in use would read differently is
//! refused here, rather than decided.

mod header;
mod pax;
mod reader;
mod sparse;
pub mod writer;

pub use reader::{Reader, Sink};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// Another name of a file that came before, or of one in a layer below.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A folder.
    Directory,
    /// A named pipe.
    Fifo,
}

/// A time since the epoch; before it, `seconds` is negative and `nanoseconds` still counts forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time {
    /// Whole seconds.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// One entry, with all that the headers before it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As it stands in the archive.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// The target of a hard or symbolic link, as it stands in the archive.
    pub link: Vec<u8>,
    /// Permission bits with set-user-id, set-group-id and sticky (07777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes, holes included. 0 for all but files.
    pub size: u64,
    /// Whether the file has holes; they are not given as data.
    pub sparse: bool,
    /// Time of the last change of the content.
    pub mtime: Time,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Extended attributes, by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}
