//! What a file tree takes on its file system.

use std::collections::HashSet;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::{Failure, Result, SyscallContext};

/// What a tree takes, its top folder not counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// In bytes, as the file system allocates them.
    pub bytes: u64,
    /// Files, folders and whatever else has an inode; one with several names counts once.
    pub inodes: u64,
}

/// Counts a tree, without following links and without leaving its file system. What disappears meanwhile is not counted.
pub fn usage_of(top: BorrowedFd<'_>) -> Result<Usage> {
    let device = rustix::fs::fstat(top).syscall("fstat")?.st_dev;
    let mut usage = Usage::default();
    let mut linked = HashSet::new();
    let mut pending: Vec<Vec<u8>> = vec![b".".to_vec()];
    while let Some(path) = pending.pop() {
        let Some(folder) = open(top, &path)? else { continue };
        for entry in Dir::read_from(&folder).syscall("getdents64")? {
            let entry = entry.syscall("getdents64")?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let status = match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                outcome => outcome.syscall("fstatat")?,
            };
            if status.st_dev != device || (status.st_nlink > 1 && !is_folder(status.st_mode) && !linked.insert(status.st_ino)) {
                continue;
            }
            usage.bytes = usage.bytes.saturating_add(u64::try_from(status.st_blocks).unwrap_or_default().saturating_mul(512));
            usage.inodes += 1;
            if is_folder(status.st_mode) {
                pending.push([path.as_slice(), b"/", name.to_bytes()].concat());
            }
        }
    }
    Ok(usage)
}

fn open(top: BorrowedFd<'_>, path: &[u8]) -> Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    loop {
        return match rustix::fs::openat2(top, path, flags, Mode::empty(), resolve) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            // overlayfs keeps a folder of mode 0 below its work folder; an owner without privileges cannot look into it.
            Err(Errno::ACCESS) => Ok(None),
            Err(Errno::NAMETOOLONG) => Err(Failure::new("ERR_BOX_LIMIT", "the tree is too deep to be counted")),
            Err(errno) => Err(Failure::syscall("openat2", errno).at(path)),
        };
    }
}

fn is_folder(mode: u32) -> bool {
    FileType::from_raw_mode(mode) == FileType::Directory
}
