//! Bringing a file of a lower layer into this one, for what depends on it.

use std::os::fd::{AsFd, BorrowedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};

use super::entries::timestamps;
use super::resolve::Parent;
use super::{MissingLinks, Unpacker};
use crate::failure::invalid;
use crate::lowers::Found;
use crate::overlay::name_only;
use crate::tar::{Entry, Time};
use crate::tree::stat;
use crate::xattrs;

impl Unpacker {
    /// Copies the target of a hard link up, with the folders above it, and says where it is now; nothing where the link is only noted.
    pub(super) fn copy_up(&mut self, entry: &Entry, parents: &[Vec<u8>], name: &[u8]) -> Result<Option<(Parent, Stat)>> {
        let mut path = parents.to_vec();
        path.push(name.to_vec());
        let Some(found) = self.lowers.find(&path)? else {
            if self.missing_links == MissingLinks::Note {
                self.note_lower(entry.path.clone());
                return Ok(None);
            }
            return Err(invalid(&entry.path, "a hard link leads to nothing"));
        };
        if found.kind() == FileType::Directory {
            return Err(invalid(&entry.path, "a hard link leads to a folder"));
        }
        let place = self.parent(parents)?;
        self.copy(&found, place.as_fd(), name)?;
        self.note_lower(entry.path.clone());
        let stat = stat(place.as_fd(), name)?;
        Ok(Some((place, stat)))
    }

    fn copy(&mut self, found: &Found, parent: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
        let copy = match found.kind() {
            FileType::RegularFile => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let copy = rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR).syscall("openat")?;
                copy_content(found, copy.as_fd())?;
                copy
            }
            FileType::Symlink => {
                rustix::fs::symlinkat(found.target()?, parent, name).syscall("symlinkat")?;
                name_only(parent, name)?
            }
            kind => {
                rustix::fs::mknodat(parent, name, kind, Mode::RUSR | Mode::WUSR, found.stat.st_rdev).syscall("mknodat")?;
                name_only(parent, name)?
            }
        };
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        if self.ids != super::Ids::Squash {
            let (uid, gid) = (Uid::from_raw(found.stat.st_uid), Gid::from_raw(found.stat.st_gid));
            rustix::fs::chownat(parent, name, Some(uid), Some(gid), flags).syscall("fchownat")?;
        }
        xattrs::copy(found.file.as_fd(), copy.as_fd())?;
        if found.kind() != FileType::Symlink {
            xattrs::change_mode(copy.as_fd(), found.stat.st_mode & 0o7777)?;
        }
        let mtime = Time { seconds: found.stat.st_mtime, nanoseconds: u32::try_from(found.stat.st_mtime_nsec).unwrap_or(0) };
        rustix::fs::utimensat(parent, name, &timestamps(mtime), flags).syscall("utimensat")
    }

    /// Owner and attributes of a lower folder, for one that this layer only implies. Its ids are shifted already.
    pub(super) fn copy_metadata(&self, found: &Found, folder: BorrowedFd<'_>) -> Result<()> {
        if self.ids != super::Ids::Squash {
            let (uid, gid) = (Uid::from_raw(found.stat.st_uid), Gid::from_raw(found.stat.st_gid));
            rustix::fs::fchown(folder, Some(uid), Some(gid)).syscall("fchown")?;
        }
        xattrs::copy(found.file.as_fd(), folder)
    }
}

fn copy_content(found: &Found, copy: BorrowedFd<'_>) -> Result<()> {
    // The file was unpacked by us and is regular: opening it by its descriptor has no effect of its own.
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&found.file));
    let source = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).syscall("open")?;
    let mut source = std::fs::File::from(source);
    let mut copy = std::fs::File::from(rustix::io::dup(copy).syscall("dup")?);
    std::io::copy(&mut source, &mut copy).map_err(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(errno) => Failure::syscall("copy_file_range", errno),
        None => Failure::new("ERR_BOX_SYSTEM", format!("copying a file up: {error}")),
    })?;
    Ok(())
}
