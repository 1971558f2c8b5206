//! Walking a tree by descriptors: nothing is followed, no path is joined, and depth costs no descriptors.

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;

/// Who is told what a tree holds. Paths are relative to its root, without a slash before them.
pub trait Visitor {
    /// Something that is not a folder.
    fn other(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()>;
    /// Before a folder is opened. A folder may be left out by answering false.
    fn approach(&mut self, _parent: BorrowedFd<'_>, _name: &[u8], _path: &[u8]) -> Result<bool> {
        Ok(true)
    }
    /// A folder, before what it holds. The root too, with an empty path.
    fn enter(&mut self, _folder: BorrowedFd<'_>, _path: &[u8]) -> Result<()> {
        Ok(())
    }
    /// A folder, after what it holds.
    fn leave(&mut self, _folder: BorrowedFd<'_>, _path: &[u8]) -> Result<()> {
        Ok(())
    }
    /// A folder was left, and its parent is at hand.
    fn left(&mut self, _parent: BorrowedFd<'_>, _name: &[u8], _path: &[u8]) -> Result<()> {
        Ok(())
    }
    /// In which order a folder's names come. By default by their bytes.
    fn order(&mut self, names: &mut [Name]) {
        names.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    }
}

/// A name in a folder.
#[derive(Debug)]
pub struct Name {
    /// The name.
    pub name: Vec<u8>,
    /// Whether it is a folder.
    pub is_folder: bool,
}

struct Level {
    names: std::vec::IntoIter<Name>,
    inode: u64,
    path_size: usize,
    name: Vec<u8>,
}

/// Visits all below `root`, depth first. The tree must not be changed by others meanwhile; where it is, this ends with an error.
pub fn walk(root: BorrowedFd<'_>, visitor: &mut impl Visitor) -> Result<()> {
    let mut folder = open_folder(root, b".")?;
    let mut path = Vec::new();
    visitor.enter(folder.as_fd(), &path)?;
    let mut levels = vec![level(folder.as_fd(), Vec::new(), 0, visitor)?];
    while let Some(current) = levels.last_mut() {
        let path_size = current.path_size;
        path.truncate(path_size);
        let Some(Name { name, is_folder }) = current.names.next() else {
            let Some(done) = levels.pop() else { break };
            let parent = match levels.last() {
                None => None,
                Some(level) => {
                    let parent = open_folder(folder.as_fd(), b"..")?;
                    if inode(parent.as_fd())? != level.inode {
                        return Err(Failure::new("ERR_BOX_STATE", "the tree was changed while it was read").at(&path));
                    }
                    Some((parent, level.path_size))
                }
            };
            visitor.leave(folder.as_fd(), &path)?;
            if let Some((parent, _)) = parent {
                visitor.left(parent.as_fd(), &done.name, &path)?;
                folder = parent;
            }
            continue;
        };
        if path_size > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(&name);
        if !is_folder {
            visitor.other(folder.as_fd(), &name, &path)?;
        } else if visitor.approach(folder.as_fd(), &name, &path)? {
            folder = open_folder(folder.as_fd(), &name).map_err(|failure| failure.at(&path))?;
            visitor.enter(folder.as_fd(), &path)?;
            let below = level(folder.as_fd(), name, path.len(), visitor).map_err(|failure| failure.at(&path))?;
            levels.push(below);
        }
    }
    Ok(())
}

fn level(folder: BorrowedFd<'_>, name: Vec<u8>, path_size: usize, visitor: &mut impl Visitor) -> Result<Level> {
    let mut names = read_names(folder)?;
    visitor.order(&mut names);
    Ok(Level { names: names.into_iter(), inode: inode(folder)?, path_size, name })
}

/// All names in a folder, in no order.
pub(crate) fn read_names(folder: BorrowedFd<'_>) -> Result<Vec<Name>> {
    let mut buffer = [MaybeUninit::uninit(); 16 << 10];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry.syscall("getdents64")?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => FileType::from_raw_mode(stat(folder, name)?.st_mode),
            known => known,
        };
        names.push(Name { name: name.to_vec(), is_folder: kind == FileType::Directory });
    }
    Ok(names)
}

/// Opens a folder for reading, never through a link.
pub(crate) fn open_folder(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty()).syscall("openat")
}

/// Opens the folder that holds what `path` names below `top`, one component at a time and never through a link. Gives the last name, too.
pub(crate) fn open_parent<'path>(top: BorrowedFd<'_>, path: &'path [u8]) -> Result<(OwnedFd, &'path [u8])> {
    let mut names = path.split(|byte| *byte == b'/');
    let name = names.next_back().unwrap_or_default();
    let mut folder = open_folder(top, b".")?;
    for name in names {
        folder = open_folder(folder.as_fd(), name).map_err(|failure| failure.at(path))?;
    }
    Ok((folder, name))
}

/// The status of what stands there itself.
pub(crate) fn stat(parent: BorrowedFd<'_>, name: &[u8]) -> Result<Stat> {
    rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).syscall("newfstatat")
}

/// The same, where it may be absent.
pub(crate) fn stat_if_there(parent: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Stat>> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Failure::syscall("newfstatat", errno)),
    }
}

pub(crate) fn inode(file: BorrowedFd<'_>) -> Result<u64> {
    Ok(rustix::fs::fstat(file).syscall("fstat")?.st_ino)
}

/// Removes what `name` is in `parent`, and all below it. It is fine where nothing is there. Folders that deny their owner are opened
/// up first, so that an ordinary user can remove what he unpacked.
pub fn remove_tree(parent: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "the name of what is to be removed must be a single component").at(name));
    }
    let Some(stat) = stat_if_there(parent, name)? else { return Ok(()) };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return rustix::fs::unlinkat(parent, name, AtFlags::empty()).syscall("unlinkat").map_err(|failure| failure.at(name));
    }
    let mut remover = Remover;
    remover.approach(parent, name, name)?;
    walk(open_folder(parent, name)?.as_fd(), &mut remover)?;
    remover.left(parent, name, name)
}

struct Remover;

impl Visitor for Remover {
    fn other(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        rustix::fs::unlinkat(parent, name, AtFlags::empty()).syscall("unlinkat").map_err(|failure| failure.at(path))
    }

    fn approach(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<bool> {
        let stat = stat(parent, name).map_err(|failure| failure.at(path))?;
        if stat.st_mode & 0o700 != 0o700 && FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let folder = rustix::fs::openat(parent, name, flags, Mode::empty()).syscall("openat")?;
            crate::xattrs::change_mode(folder.as_fd(), 0o700).map_err(|failure| failure.at(path))?;
        }
        Ok(true)
    }

    fn left(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).syscall("unlinkat").map_err(|failure| failure.at(path))
    }

    fn order(&mut self, _names: &mut [Name]) {}
}

/// What a tree takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Allocated on the disk.
    pub bytes: u64,
    /// Files, folders and all else below the root; several names of one file count once.
    pub inodes: u64,
}

/// Measures a tree.
pub fn measure(root: BorrowedFd<'_>) -> Result<Usage> {
    let mut meter = Meter::default();
    walk(root, &mut meter)?;
    Ok(meter.usage())
}

/// Adds up what it is shown of a tree.
#[derive(Default)]
pub(crate) struct Meter {
    usage: Usage,
    linked: HashSet<(u64, u64)>,
}

impl Meter {
    /// Counts something; each of several names of one file may be shown.
    pub(crate) fn count(&mut self, stat: &Stat) {
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if !is_folder && stat.st_nlink > 1 && !self.linked.insert((stat.st_dev, stat.st_ino)) {
            return;
        }
        self.usage.inodes += 1;
        self.usage.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }
}

impl Visitor for Meter {
    fn other(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        let stat = stat(parent, name).map_err(|failure| failure.at(path))?;
        self.count(&stat);
        Ok(())
    }

    fn enter(&mut self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        if !path.is_empty() {
            self.count(&rustix::fs::fstat(folder).syscall("fstat")?);
        }
        Ok(())
    }

    fn order(&mut self, _names: &mut [Name]) {}
}
