//! Whiteouts (image-spec, layer.md, "Whiteouts"). They hide what is below this layer, never an entry of the layer itself, wherever
//! in the archive they stand.

use std::os::fd::AsFd;

use box_kernel::Result;
use rustix::fs::FileType;

use super::Unpacker;
use crate::failure::invalid;
use crate::overlay::make_whiteout;
use crate::tar::{Entry, Kind};
use crate::tree::{open_folder, stat_if_there};

/// Names that begin so are whiteouts, and nothing else.
pub(crate) const PREFIX: &[u8] = b".wh.";
pub(crate) const OPAQUE: &[u8] = b".wh..wh..opq";

/// What a whiteout hides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Whiteout {
    /// That name.
    Name(Vec<u8>),
    /// All that the folder held.
    Folder,
}

/// Reads a name. Those that AUFS used besides (`.wh..wh.plnk` and the like), and those that would hide `.` or `..`, mean nothing here.
pub(crate) fn parse(entry: &Entry, name: &[u8]) -> Result<Option<Whiteout>> {
    let Some(hidden) = name.strip_prefix(PREFIX) else { return Ok(None) };
    let refused = |rule: &'static str| Err(invalid(&entry.path, rule));
    if !matches!(entry.kind, Kind::File | Kind::HardLink) {
        return refused("a whiteout is not a file");
    }
    if name == OPAQUE {
        return Ok(Some(Whiteout::Folder));
    }
    match hidden {
        b"" => refused("a whiteout names nothing"),
        b"." | b".." => refused("a whiteout names a folder's own entry"),
        _ if hidden.starts_with(PREFIX) => refused("a whiteout names a whiteout"),
        _ => Ok(Some(Whiteout::Name(hidden.to_vec()))),
    }
}

impl Unpacker {
    /// Applies a whiteout to the tree as far as it is made.
    pub(super) fn whiteout(&mut self, whiteout: &Whiteout, parents: &[Vec<u8>]) -> Result<()> {
        let parent = self.parent(parents)?;
        let Whiteout::Name(name) = whiteout else {
            self.report.root_opaque |= crate::tree::inode(parent.as_fd())? == crate::tree::inode(self.root.as_fd())?;
            return self.opaque(parent.as_fd());
        };
        match stat_if_there(parent.as_fd(), name)? {
            None => {
                make_whiteout(parent.as_fd(), name)?;
                self.report.whiteouts += 1;
            }
            // The layer has a folder of that name: it takes the place of the one below.
            Some(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                self.opaque(open_folder(parent.as_fd(), name)?.as_fd())?;
            }
            // Hidden already, or replaced by a file of the layer, which hides what is below by itself.
            Some(_) => {}
        }
        Ok(())
    }
}
