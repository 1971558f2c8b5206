//! Looking into the layers below, as an overlay of them would show them.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_kernel::Result;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::overlay::{ANY, is_any_whiteout, is_opaque, name_only};
use crate::tree::{read_names, stat, stat_if_there};

/// Unpacked layers, the topmost first.
pub(crate) struct Lowers {
    layers: Vec<OwnedFd>,
}

/// What a path stands for in the layers below.
pub(crate) struct Found {
    /// Names it, without having opened it.
    pub(crate) file: OwnedFd,
    pub(crate) stat: Stat,
}

enum Step {
    Found(Found),
    /// Not in this layer; whether those below it may have it.
    Absent {
        hidden: bool,
    },
}

impl Lowers {
    pub(crate) fn new(layers: Vec<OwnedFd>) -> Self {
        Self { layers }
    }

    /// The names in a folder whose path's components are no links.
    pub(crate) fn names(&self, path: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let mut hidden = HashSet::new();
        let mut shown = Vec::new();
        for layer in &self.layers {
            let Listing { names, ends } = names_of(layer.as_fd(), path)?;
            for (name, hides) in names {
                if hidden.insert(name.clone()) && !hides {
                    shown.push(name);
                }
            }
            if ends {
                break;
            }
        }
        Ok(shown)
    }

    /// Finds a path whose components are no links.
    pub(crate) fn find(&self, path: &[Vec<u8>]) -> Result<Option<Found>> {
        for layer in &self.layers {
            match look(layer.as_fd(), path)? {
                Step::Found(found) => return Ok(Some(found)),
                Step::Absent { hidden: true } => return Ok(None),
                Step::Absent { hidden: false } => {}
            }
        }
        Ok(None)
    }
}

fn names_of(layer: BorrowedFd<'_>, path: &[Vec<u8>]) -> Result<Listing> {
    let mut folder = crate::tree::open_folder(layer, b".")?;
    let mut ends = false;
    for name in path {
        let Some(stat) = stat_if_there(folder.as_fd(), name)? else { return Ok(Listing { names: Vec::new(), ends }) };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Ok(Listing { names: Vec::new(), ends: true });
        }
        folder = crate::tree::open_folder(folder.as_fd(), name)?;
        ends = ends || is_opaque(folder.as_fd(), ANY)?;
    }
    let mut names = Vec::new();
    for entry in read_names(folder.as_fd())? {
        let hides = is_any_whiteout(folder.as_fd(), &entry.name, &stat(folder.as_fd(), &entry.name)?, ANY)?;
        names.push((entry.name, hides));
    }
    Ok(Listing { names, ends })
}

/// What one layer has in a folder: names, and whether they hide what is below; and whether layers below have no say there.
struct Listing {
    names: Vec<(Vec<u8>, bool)>,
    ends: bool,
}

fn look(layer: BorrowedFd<'_>, path: &[Vec<u8>]) -> Result<Step> {
    let mut folder = crate::tree::open_folder(layer, b".")?;
    let mut hidden = false;
    for (index, name) in path.iter().enumerate() {
        let Some(stat) = stat_if_there(folder.as_fd(), name)? else { return Ok(Step::Absent { hidden }) };
        if is_any_whiteout(folder.as_fd(), name, &stat, ANY)? {
            return Ok(Step::Absent { hidden: true });
        }
        if index + 1 == path.len() {
            return Ok(Step::Found(Found { file: name_only(folder.as_fd(), name)?, stat }));
        }
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Ok(Step::Absent { hidden: true });
        }
        folder = name_only(folder.as_fd(), name)?;
        hidden = hidden || is_opaque(folder.as_fd(), ANY)?;
    }
    Ok(Step::Absent { hidden })
}

impl Found {
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Where a symbolic link points.
    pub(crate) fn target(&self) -> Result<Vec<u8>> {
        let target = rustix::fs::readlinkat(&self.file, "", Vec::new());
        target.map(std::ffi::CString::into_bytes).map_err(|errno: Errno| box_kernel::Failure::syscall("readlinkat", errno))
    }
}
