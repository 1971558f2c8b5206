//! What a layer says for itself, wherever in its archive: the folders that it describes, and what it hides below it. Where it stands above others, none
//! of that is asked of them, although the entry that says so may come later.

use std::collections::HashSet;
use std::os::fd::OwnedFd;

use box_kernel::{Result, SyscallContext};

use super::path::Path;
use super::whiteouts::{self, Whiteout};
use crate::decode::Compression;
use crate::image::StoredLayer;
use crate::limits::Limits;
use crate::tar::{Entry, Kind, Reader, Sink};

/// Paths without slashes at their ends; the root's is empty.
#[derive(Debug, Default)]
pub struct Own {
    folders: HashSet<Vec<u8>>,
    hidden: HashSet<Vec<u8>>,
    opaque: HashSet<Vec<u8>>,
}

impl Own {
    /// Reads a layer's entries. Of a damaged one this is what stands before the damage, which is for the unpacking to find.
    pub(crate) fn of(file: &OwnedFd, compression: Option<Compression>, limits: Limits) -> Result<Self> {
        let size = u64::try_from(rustix::fs::fstat(file).syscall("fstat")?.st_size).unwrap_or(0);
        let file = rustix::io::fcntl_dupfd_cloexec(file, 0).syscall("fcntl")?;
        let mut collector = Collector { own: Self::default(), limits };
        let mut reader = Reader::new(limits);
        let layer = StoredLayer { file, offset: 0, size, compression, digest: None };
        layer.each(limits, &mut |piece| reader.push(piece, &mut collector).map(|()| true)).unwrap_or_default();
        Ok(collector.own)
    }

    /// Whether layers below have no say over what that path stands for.
    pub(super) fn decides(&self, path: &[Vec<u8>]) -> bool {
        let above = |count: usize| path.get(..count).unwrap_or_default().join(&b'/');
        self.folders.contains(&above(path.len()))
            || (0..path.len()).any(|count| self.opaque.contains(&above(count)) || self.hidden.contains(&above(count + 1)))
    }
}

struct Collector {
    own: Own,
    limits: Limits,
}

impl Sink for Collector {
    fn begin(&mut self, entry: Entry) -> Result<()> {
        let path = Path::parse(&entry.path, &self.limits)?;
        let Some((parents, name)) = path.split() else { return Ok(()) };
        match whiteouts::parse(&entry, name)? {
            Some(Whiteout::Folder) => self.own.opaque.insert(parents.join(&b'/')),
            Some(Whiteout::Name(hidden)) => self.own.hidden.insert([parents, &[hidden]].concat().join(&b'/')),
            None => entry.kind == Kind::Directory && self.own.folders.insert(path.bytes()),
        };
        Ok(())
    }

    fn data(&mut self, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}
