//! What was written to a copy of layers.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::{Copied, changed_at};
use crate::changes::{Change, ChangeKind, attributes, same_metadata};
use crate::lowers::{Found, Lowers};
use crate::overlay::name_only;
use crate::tree::{Usage, Visitor, open_folder, read_names, stat, walk};

const BUFFER: usize = 64 << 10;

pub(super) struct Comparison {
    pub(super) changes: Vec<Change>,
    /// What was added or changed takes, every file once.
    pub(super) usage: Usage,
}

pub(super) fn compare(copied: &Copied, tree: BorrowedFd<'_>, lowers: Vec<OwnedFd>) -> Result<Comparison> {
    let mut comparer = Comparer {
        copied,
        lowers: Lowers::new(lowers),
        above: Vec::new(),
        changes: Vec::new(),
        usage: Usage::default(),
        changed: HashSet::new(),
        same: Vec::new(),
    };
    walk(tree, &mut comparer)?;
    // A file with a new name among others: all of them belong to the change, or it would fall apart into several files.
    for (path, stat) in std::mem::take(&mut comparer.same) {
        if comparer.changed.contains(&(stat.st_dev, stat.st_ino)) {
            comparer.push(ChangeKind::Modify, &path, &stat);
        }
    }
    let Comparer { mut changes, usage, .. } = comparer;
    changes.sort_by(|one, other| one.path.split(|byte| *byte == b'/').cmp(other.path.split(|byte| *byte == b'/')));
    Ok(Comparison { changes, usage })
}

/// What is known of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It was copied to where it is: what has an old time in it was copied, too.
    Kept,
    /// It has the place of one of the layers'.
    Other,
    /// Nothing of the layers is, or is seen, in its place.
    New,
}

struct Comparer<'copied> {
    copied: &'copied Copied,
    lowers: Lowers,
    above: Vec<Origin>,
    changes: Vec<Change>,
    usage: Usage,
    /// The files with several names that have changed.
    changed: HashSet<(u64, u64)>,
    /// Names of such files that lead to what the layers have under them.
    same: Vec<(Vec<u8>, Stat)>,
}

impl Visitor for Comparer<'_> {
    fn enter(&mut self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        let origin = self.folder(folder, path).map_err(|failure| failure.at(path))?;
        self.above.push(origin);
        Ok(())
    }

    fn leave(&mut self, _folder: BorrowedFd<'_>, _path: &[u8]) -> Result<()> {
        self.above.pop();
        Ok(())
    }

    fn other(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        self.single(parent, name, path).map_err(|failure| failure.at(path))
    }
}

impl Comparer<'_> {
    fn folder(&mut self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<Origin> {
        let stat = rustix::fs::fstat(folder).syscall("fstat")?;
        let origin = match self.above.last() {
            None => Origin::Kept,
            Some(Origin::New) => Origin::New,
            Some(Origin::Kept) if self.copied.folders.get(path) == Some(&stat.st_ino) => Origin::Kept,
            Some(_) => Origin::Other,
        };
        if origin == Origin::New {
            self.push(ChangeKind::Add, path, &stat);
            return Ok(origin);
        }
        if origin == Origin::Kept && changed_at(&stat) < self.copied.made {
            return Ok(origin);
        }
        if !path.is_empty() {
            match self.find(path)? {
                None => {
                    self.push(ChangeKind::Add, path, &stat);
                    return Ok(Origin::New);
                }
                Some(below) if below.kind() != FileType::Directory => {
                    self.push(ChangeKind::Modify, path, &stat);
                    return Ok(Origin::New);
                }
                Some(below) if !same_metadata(&below, folder, &stat)? => self.push(ChangeKind::Modify, path, &stat),
                Some(_) => {}
            }
        }
        // By a descriptor of its own: the position in this one is the walk's.
        let here: HashSet<Vec<u8>> = read_names(open_folder(folder, b".")?.as_fd())?.into_iter().map(|entry| entry.name).collect();
        for name in self.lowers.names(&components(path))? {
            if !here.contains(&name) {
                let path = if path.is_empty() { name } else { [path, b"/", &name].concat() };
                self.changes.push(Change { kind: ChangeKind::Delete, path, file_type: None, size: 0 });
            }
        }
        Ok(origin)
    }

    fn single(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        let stat = stat(parent, name)?;
        let origin = self.above.last().copied().unwrap_or(Origin::Other);
        if origin == Origin::Kept && changed_at(&stat) < self.copied.made {
            self.note_names(path, stat);
            return Ok(());
        }
        let below = if origin == Origin::New { None } else { self.find(path)? };
        match below {
            None => self.push(ChangeKind::Add, path, &stat),
            Some(below) => {
                if !self.is_same(&below, parent, name, path, &stat)? {
                    self.push(ChangeKind::Modify, path, &stat);
                } else {
                    self.note_names(path, stat);
                }
            }
        }
        Ok(())
    }

    fn is_same(&self, below: &Found, parent: BorrowedFd<'_>, name: &[u8], path: &[u8], stat: &Stat) -> Result<bool> {
        let of = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size, stat.st_mtime, stat.st_mtime_nsec, stat.st_rdev);
        let file = name_only(parent, name)?;
        let same_links = self.copied.linked.get(path).is_none_or(|inode| *inode == stat.st_ino);
        if of(&below.stat) != of(stat) || !same_links || attributes(below.file.as_fd())? != attributes(file.as_fd())? {
            return Ok(false);
        }
        match below.kind() {
            FileType::RegularFile => same_content(below.file.as_fd(), file.as_fd()),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, Vec::new()).syscall("readlinkat")?;
                Ok(below.target()? == target.into_bytes())
            }
            _ => Ok(true),
        }
    }

    fn note_names(&mut self, path: &[u8], stat: Stat) {
        if stat.st_nlink > 1 {
            self.same.push((path.to_vec(), stat));
        }
    }

    fn find(&self, path: &[u8]) -> Result<Option<Found>> {
        self.lowers.find(&components(path))
    }

    fn push(&mut self, kind: ChangeKind, path: &[u8], stat: &Stat) {
        let file_type = FileType::from_raw_mode(stat.st_mode);
        let size = if file_type == FileType::RegularFile { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        self.changes.push(Change { kind, path: path.to_vec(), file_type: Some(file_type), size });
        if stat.st_nlink == 1 || file_type == FileType::Directory || self.changed.insert((stat.st_dev, stat.st_ino)) {
            self.usage.inodes += 1;
            self.usage.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
        }
    }
}

fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Both are regular files of the same size.
fn same_content(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> Result<bool> {
    let open = |file: BorrowedFd<'_>| {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).syscall("openat")
    };
    let (one, other) = (open(one)?, open(other)?);
    let (mut left, mut right) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut offset = 0;
    loop {
        let count = read_full(&one, &mut left, offset)?;
        if read_full(&other, &mut right, offset)? != count || left.get(..count) != right.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
        offset += count as u64;
    }
}

fn read_full(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let count = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *room, offset + filled as u64));
        match count.map_err(|errno| Failure::syscall("pread", errno))? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
