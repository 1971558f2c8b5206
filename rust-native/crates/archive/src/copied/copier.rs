//! Copying layers into one folder, the uppermost first: what is there already hides what lies below.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, SeekFrom, Stat, Uid};
use rustix::io::Errno;

use crate::overlay::{ANY, is_any_whiteout, is_opaque, name_only};
use crate::tar::Time;
use crate::tree::{Visitor, open_folder, open_parent, stat, stat_if_there, walk};
use crate::unpack::timestamps;
use crate::xattrs;

const BUFFER: usize = 256 << 10;

pub(super) struct Made {
    pub(super) folders: HashMap<Vec<u8>, u64>,
    pub(super) linked: HashMap<Vec<u8>, u64>,
    pub(super) shares_blocks: bool,
}

/// Copies `lowers`, the uppermost first, into the empty folder `tree`. The folder's own metadata stays.
pub(super) fn copy(tree: BorrowedFd<'_>, lowers: &[OwnedFd]) -> Result<Made> {
    let mut copier = Copier {
        tree,
        place: open_folder(tree, b".")?,
        closed: HashSet::new(),
        closing: Vec::new(),
        folders: Vec::new(),
        first: HashMap::new(),
        linked: Vec::new(),
        cloning: Cloning::Untried,
    };
    for lower in lowers {
        copier.first.clear();
        walk(lower.as_fd(), &mut copier)?;
        copier.closed.extend(copier.closing.drain(..));
    }
    copier.settle()
}

struct Copier<'tree> {
    tree: BorrowedFd<'tree>,
    /// The folder of the copy that answers to the one that is walked.
    place: OwnedFd,
    /// Where lower layers have no say any more: what was deleted, replaced or made opaque above them.
    closed: HashSet<Vec<u8>>,
    /// The same by the layer that is walked: for those below it.
    closing: Vec<Vec<u8>>,
    /// With mode and time, which they get when everything is in them.
    folders: Vec<(Vec<u8>, Stat)>,
    /// Where in the copy a file of this layer that has several names was put first.
    first: HashMap<(u64, u64), Vec<u8>>,
    linked: Vec<Vec<u8>>,
    cloning: Cloning,
}

/// Whether the file system shares blocks between files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cloning {
    Untried,
    Works,
    Refused,
}

impl Visitor for Copier<'_> {
    fn approach(&mut self, _parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<bool> {
        if self.closed.contains(path) {
            return Ok(false);
        }
        Ok(stat_if_there(self.place.as_fd(), name)?.is_none_or(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory))
    }

    fn enter(&mut self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        let Some(name) = path.rsplit(|byte| *byte == b'/').next().filter(|name| !name.is_empty()) else { return Ok(()) };
        let made = rustix::fs::mkdirat(&self.place, name, Mode::RWXU);
        self.place = match made {
            Ok(()) => {
                let copy = open_folder(self.place.as_fd(), name)?;
                let stat = rustix::fs::fstat(folder).syscall("fstat")?;
                own(copy.as_fd(), &stat)?;
                xattrs::copy(folder, copy.as_fd())?;
                self.folders.push((path.to_vec(), stat));
                copy
            }
            Err(Errno::EXIST) => open_folder(self.place.as_fd(), name)?,
            Err(errno) => return Err(Failure::syscall("mkdirat", errno).at(path)),
        };
        if is_opaque(folder, ANY)? {
            self.closing.push(path.to_vec());
        }
        Ok(())
    }

    fn leave(&mut self, _folder: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        if !path.is_empty() {
            self.place = open_folder(self.place.as_fd(), b"..")?;
        }
        Ok(())
    }

    fn other(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        self.copy(parent, name, path).map_err(|failure| if failure.path.is_some() { failure } else { failure.at(path) })
    }
}

impl Copier<'_> {
    fn copy(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        if self.closed.contains(path) {
            return Ok(());
        }
        let seen = stat(parent, name)?;
        if is_any_whiteout(parent, name, &seen, ANY)? {
            self.closing.push(path.to_vec());
            return Ok(());
        }
        if let Some(above) = stat_if_there(self.place.as_fd(), name)? {
            // Folders below it are not seen by way of a folder above it.
            if FileType::from_raw_mode(above.st_mode) == FileType::Directory {
                self.closing.push(path.to_vec());
            }
            return Ok(());
        }
        if seen.st_nlink > 1 {
            let first = self.first.entry((seen.st_dev, seen.st_ino)).or_insert_with(|| path.to_vec()).clone();
            self.linked.push(path.to_vec());
            if first != path {
                let (folder, target) = open_parent(self.tree, &first)?;
                return rustix::fs::linkat(&folder, target, &self.place, name, AtFlags::empty()).syscall("linkat");
            }
        }
        let copy = match FileType::from_raw_mode(seen.st_mode) {
            FileType::RegularFile => self.file(parent, name, &seen)?,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, Vec::new()).syscall("readlinkat")?;
                rustix::fs::symlinkat(target, &self.place, name).syscall("symlinkat")?;
                name_only(self.place.as_fd(), name)?
            }
            kind => {
                rustix::fs::mknodat(&self.place, name, kind, Mode::RUSR | Mode::WUSR, seen.st_rdev).syscall("mknodat")?;
                name_only(self.place.as_fd(), name)?
            }
        };
        // Owner before attributes before mode: a change of owner takes capabilities and set-id bits away.
        own(copy.as_fd(), &seen)?;
        xattrs::copy(name_only(parent, name)?.as_fd(), copy.as_fd())?;
        if FileType::from_raw_mode(seen.st_mode) != FileType::Symlink {
            xattrs::change_mode(copy.as_fd(), seen.st_mode & 0o7777)?;
        }
        rustix::fs::utimensat(&self.place, name, &timestamps(modified_at(&seen)), AtFlags::SYMLINK_NOFOLLOW).syscall("utimensat")
    }

    fn file(&mut self, parent: BorrowedFd<'_>, name: &[u8], seen: &Stat) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let source = rustix::fs::openat(parent, name, flags, Mode::empty()).syscall("openat")?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = rustix::fs::openat(&self.place, name, flags, Mode::RUSR | Mode::WUSR).syscall("openat")?;
        let size = u64::try_from(seen.st_size).unwrap_or(0);
        if size > 0 && !self.cloned(&source, &copy)? {
            copy_data(&source, &copy, size)?;
        }
        Ok(copy)
    }

    fn cloned(&mut self, source: &OwnedFd, copy: &OwnedFd) -> Result<bool> {
        if self.cloning == Cloning::Refused {
            return Ok(false);
        }
        match rustix::fs::ioctl_ficlone(copy, source) {
            Ok(()) => {
                self.cloning = Cloning::Works;
                Ok(true)
            }
            Err(Errno::OPNOTSUPP | Errno::XDEV | Errno::NOTTY | Errno::NOSYS) => {
                self.cloning = Cloning::Refused;
                Ok(false)
            }
            // Not this file.
            Err(Errno::INVAL | Errno::PERM | Errno::TXTBSY) => Ok(false),
            Err(errno) => Err(Failure::syscall("ioctl", errno)),
        }
    }

    /// Deepest folders first: one that denies its owner is passed on the way to those in it.
    fn settle(self) -> Result<Made> {
        let mut folders = HashMap::with_capacity(self.folders.len());
        let mut linked = HashMap::new();
        for path in self.linked {
            let (folder, name) = open_parent(self.tree, &path)?;
            let inode = stat(folder.as_fd(), name).map_err(|failure| failure.at(&path))?.st_ino;
            linked.insert(path, inode);
        }
        for (path, wanted) in self.folders.into_iter().rev() {
            let (parent, name) = open_parent(self.tree, &path)?;
            let folder = open_folder(parent.as_fd(), name).map_err(|failure| failure.at(&path))?;
            rustix::fs::fchmod(&folder, Mode::from_raw_mode(wanted.st_mode)).syscall("fchmod")?;
            rustix::fs::futimens(&folder, &timestamps(modified_at(&wanted))).syscall("utimensat")?;
            folders.insert(path, rustix::fs::fstat(&folder).syscall("fstat")?.st_ino);
        }
        Ok(Made { folders, linked, shares_blocks: self.cloning == Cloning::Works })
    }
}

fn own(copy: BorrowedFd<'_>, wanted: &Stat) -> Result<()> {
    let found = rustix::fs::fstat(copy).syscall("fstat")?;
    if (found.st_uid, found.st_gid) == (wanted.st_uid, wanted.st_gid) {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(wanted.st_uid), Gid::from_raw(wanted.st_gid));
    rustix::fs::chownat(copy, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH).syscall("fchownat")
}

fn modified_at(stat: &Stat) -> Time {
    Time { seconds: stat.st_mtime, nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) }
}

/// Copies what is no hole. The kernel copies, where it can.
fn copy_data(source: &OwnedFd, copy: &OwnedFd, size: u64) -> Result<()> {
    rustix::fs::ftruncate(copy, size).syscall("ftruncate")?;
    let mut position = 0;
    while position < size {
        let start = match rustix::fs::seek(source, SeekFrom::Data(position)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(errno) => return Err(Failure::syscall("lseek", errno)),
        };
        let end = rustix::fs::seek(source, SeekFrom::Hole(start)).syscall("lseek")?.min(size);
        copy_range(source, copy, start, end)?;
        position = end;
    }
    Ok(())
}

fn copy_range(source: &OwnedFd, copy: &OwnedFd, mut position: u64, end: u64) -> Result<()> {
    while position < end {
        let count = usize::try_from(end - position).unwrap_or(usize::MAX).min(1 << 30);
        let (mut from, mut to) = (position, position);
        match rustix::fs::copy_file_range(source, Some(&mut from), copy, Some(&mut to), count) {
            Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return copy_by_hand(source, copy, position, end),
            Ok(count) => position += count as u64,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::syscall("copy_file_range", errno)),
        }
    }
    Ok(())
}

fn copy_by_hand(source: &OwnedFd, copy: &OwnedFd, mut position: u64, end: u64) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    while position < end {
        let room = usize::try_from(end - position).unwrap_or(BUFFER).min(BUFFER);
        let room = buffer.get_mut(..room).unwrap_or_default();
        let count = rustix::io::retry_on_intr(|| rustix::io::pread(source, &mut *room, position)).syscall("pread")?;
        if count == 0 {
            return Err(Failure::new("ERR_BOX_STATE", format!("the file {} became shorter while it was copied", source.as_raw_fd())));
        }
        let mut piece = room.get(..count).unwrap_or_default();
        while !piece.is_empty() {
            let written = rustix::io::retry_on_intr(|| rustix::io::pwrite(copy, piece, position)).syscall("pwrite")?;
            piece = piece.get(written..).unwrap_or_default();
            position += written as u64;
        }
    }
    Ok(())
}
