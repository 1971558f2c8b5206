//! What an overlay's upper folder changes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{FileType, Stat};

use crate::lowers::{Found, Lowers};
use crate::overlay::{Mark, is_any_whiteout, is_opaque, name_only, needs_lower};
use crate::tree::{Visitor, stat, walk};
use crate::xattrs;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there before.
    Add,
    /// It was there: its content, kind, mode, owner or attributes are others now.
    Modify,
    /// It is gone, with all that it held.
    Delete,
    /// A folder took the place of another: what that held is gone.
    Replace,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// Inside the root, without a slash before it.
    pub path: Vec<u8>,
    /// What is there now; nothing where it is gone.
    pub file_type: Option<FileType>,
    /// In bytes, for files.
    pub size: u64,
}

/// All changes, parents before what they hold, by name. `lowers` are the layers below, the topmost first. A folder that is in the upper
/// only because something in it changed is left out; its time alone is no change. `mark` is that of the overlay: the other namespace's
/// marks are what programs wrote, or what was copied up.
pub fn changes(upper: BorrowedFd<'_>, lowers: Vec<OwnedFd>, mark: Mark) -> Result<Vec<Change>> {
    let mut collector = Collector { lowers: Lowers::new(lowers), marks: [mark], changes: Vec::new() };
    walk(upper, &mut collector)?;
    Ok(collector.changes)
}

struct Collector {
    lowers: Lowers,
    marks: [Mark; 1],
    changes: Vec<Change>,
}

impl Collector {
    fn below(&self, path: &[u8]) -> Result<Option<Found>> {
        let components: Vec<Vec<u8>> = path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
        self.lowers.find(&components)
    }

    fn push(&mut self, kind: ChangeKind, path: &[u8], stat: Option<&Stat>) {
        let file_type = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
        let size = match (file_type, stat) {
            (Some(FileType::RegularFile), Some(stat)) => u64::try_from(stat.st_size).unwrap_or(0),
            _ => 0,
        };
        self.changes.push(Change { kind, path: path.to_vec(), file_type, size });
    }
}

impl Collector {
    fn complete(&self, file: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        if needs_lower(file, &self.marks)? {
            let message = "the overlay was mounted with metacopy or redirect_dir: its upper folder alone does not hold the change";
            return Err(Failure::new("ERR_BOX_UNSUPPORTED", message).at(path));
        }
        Ok(())
    }
}

impl Visitor for Collector {
    fn other(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
        let stat = stat(parent, name).map_err(|failure| failure.at(path))?;
        let below = self.below(path).map_err(|failure| failure.at(path))?.is_some();
        if is_any_whiteout(parent, name, &stat, &self.marks).map_err(|failure| failure.at(path))? {
            // One without anything to hide is what is left of a file that came and went.
            if below {
                self.push(ChangeKind::Delete, path, None);
            }
            return Ok(());
        }
        self.complete(name_only(parent, name)?.as_fd(), path)?;
        self.push(if below { ChangeKind::Modify } else { ChangeKind::Add }, path, Some(&stat));
        Ok(())
    }

    fn enter(&mut self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        if path.is_empty() {
            return Ok(());
        }
        self.complete(folder, path)?;
        let stat = rustix::fs::fstat(folder).syscall("fstat")?;
        match self.below(path).map_err(|failure| failure.at(path))? {
            None => self.push(ChangeKind::Add, path, Some(&stat)),
            Some(below) if below.kind() != FileType::Directory => self.push(ChangeKind::Modify, path, Some(&stat)),
            Some(_) if is_opaque(folder, &self.marks)? => self.push(ChangeKind::Replace, path, Some(&stat)),
            Some(below) => {
                if !same_metadata(&below, folder, &stat)? {
                    self.push(ChangeKind::Modify, path, Some(&stat));
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn same_metadata(below: &Found, folder: BorrowedFd<'_>, stat: &Stat) -> Result<bool> {
    let of = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid);
    Ok(of(&below.stat) == of(stat) && attributes(below.file.as_fd())? == attributes(folder)?)
}

pub(crate) type Attributes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// All that a commit would keep.
pub(crate) fn attributes(file: BorrowedFd<'_>) -> Result<Attributes> {
    let names = xattrs::list(file)?.into_iter().filter(|name| xattrs::to_tar(name).is_some());
    names.map(|name| Ok((name.clone(), xattrs::get(file, &name)?))).collect()
}
