//! The folders that a layer describes, wherever in its archive. Where it stands above others, these are not asked what they have in such a folder's place: a link
//! there would lead what the folder holds elsewhere, if its own entry came later.

use std::collections::HashSet;
use std::os::fd::OwnedFd;

use box_kernel::{Result, SyscallContext};

use super::path::Path;
use crate::decode::Compression;
use crate::image::StoredLayer;
use crate::limits::Limits;
use crate::tar::{Entry, Kind, Reader, Sink};

/// Paths without slashes at their ends.
#[derive(Debug, Default)]
pub struct Own {
    folders: HashSet<Vec<u8>>,
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

    /// Whether the layer describes a folder of that path.
    pub(super) fn has(&self, path: &[Vec<u8>]) -> bool {
        self.folders.contains(&path.join(&b'/'))
    }
}

struct Collector {
    own: Own,
    limits: Limits,
}

impl Sink for Collector {
    fn begin(&mut self, entry: Entry) -> Result<()> {
        if entry.kind == Kind::Directory {
            self.own.folders.insert(Path::parse(&entry.path, &self.limits)?.bytes());
        }
        Ok(())
    }

    fn data(&mut self, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}
