//! From a folder to a layer. Names are sorted, owners and times are what the caller decides, and nothing of this machine is in the
//! bytes: the same tree gives the same layer.

mod packer;

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::FileType;

use crate::changes::{Change, ChangeKind};
use crate::decode::Compression;
use crate::digest::Algorithm;
use crate::encode::{Encoded, LayerOutput};
use crate::overlay::Mark;
use crate::tree::{self, Visitor};
use packer::Packer;

/// How a tree is packed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// By default gzip.
    pub compression: Option<Compression>,
    /// The compressor's own level. By default 6 for gzip, 3 for zstd.
    pub level: Option<u32>,
    /// Of the compressed bytes.
    pub algorithm: Algorithm,
    /// Times after this one (in seconds since the epoch) become this one (reproducible-builds.org, SOURCE_DATE_EPOCH).
    pub source_date_epoch: Option<i64>,
    /// Taken from user and group ids. An id below it is an error.
    pub id_shift: u32,
    /// User and group of everything.
    pub owner: Option<(u32, u32)>,
    /// Which marks count in an upper folder: those of the overlay that it was in. The others are what programs wrote, or what was
    /// copied up.
    pub mark: Mark,
    /// Where in the image the tree stands. Its parents become folders of their own: 0755, root's (or `owner`'s).
    pub prefix: Vec<u8>,
    /// Leaves those parents out: they are as they are below the layer.
    pub without_parents: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Digests and sizes.
    pub encoded: Encoded,
    /// Entries of the tar.
    pub entries: u64,
    /// What a tar cannot hold: sockets, and attributes with `=` in their names. The first 1000.
    pub skipped: Vec<String>,
}

/// What the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder as it is.
    Plain,
    /// The upper folder of an overlay: whiteouts and opaque folders are marks of what is gone.
    Upper,
}

/// Packs a folder, or a single file. A folder's own metadata becomes that of `prefix`, where there is one.
pub fn pack_tree(tree: BorrowedFd<'_>, output: OwnedFd, options: &Options) -> Result<Packed> {
    let stat = rustix::fs::fstat(tree).syscall("fstat")?;
    let mut packer = Packer::new(start(output, options)?, options, Source::Plain)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            packer.parents()?;
            tree::walk(tree, &mut packer)?;
        }
        FileType::RegularFile if !options.prefix.is_empty() => {
            packer.parents()?;
            packer.single_file(tree)?;
        }
        FileType::RegularFile => {
            return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "a single file needs a prefix: its name in the image"));
        }
        _ => return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "only a folder or a file can be packed")),
    }
    packer.finish()
}

/// Packs what the upper folder of an overlay changes.
pub fn pack_upper(upper: BorrowedFd<'_>, output: OwnedFd, options: &Options) -> Result<Packed> {
    if !options.prefix.is_empty() {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "an upper folder has no prefix: it is the root"));
    }
    let mut packer = Packer::new(start(output, options)?, options, Source::Upper)?;
    tree::walk(upper.as_fd(), &mut packer)?;
    packer.finish()
}

/// Packs what was changed in a folder, in the order of the paths. The folders above a change come with it, as in an upper folder.
pub fn pack_changes(tree: BorrowedFd<'_>, changes: &[Change], output: OwnedFd, options: &Options) -> Result<Packed> {
    let mut packer = Packer::new(start(output, options)?, options, Source::Plain)?;
    let mut packed = HashSet::new();
    for Change { kind, path, file_type, .. } in changes {
        let mut folder = tree::open_folder(tree, b".")?;
        let mut depth = 0;
        while let Some(length) = path.get(depth..).unwrap_or_default().iter().position(|byte| *byte == b'/') {
            let end = depth + length;
            let above = path.get(..end).unwrap_or_default();
            folder = tree::open_folder(folder.as_fd(), path.get(depth..end).unwrap_or_default()).map_err(|failure| failure.at(above))?;
            if packed.insert(above.to_vec()) {
                packer.enter(folder.as_fd(), above)?;
            }
            depth = end + 1;
        }
        let name = path.get(depth..).unwrap_or_default();
        match (kind, file_type) {
            (ChangeKind::Delete, _) => packer.whiteout(path, name)?,
            (_, Some(FileType::Directory)) => {
                packed.insert(path.clone());
                let folder = tree::open_folder(folder.as_fd(), name).map_err(|failure| failure.at(path))?;
                packer.enter(folder.as_fd(), path)?;
            }
            _ => packer.other(folder.as_fd(), name, path)?,
        }
    }
    packer.finish()
}

fn start(output: OwnedFd, options: &Options) -> Result<LayerOutput> {
    LayerOutput::new(output, options.compression.unwrap_or(Compression::Gzip), options.level, options.algorithm)
}
