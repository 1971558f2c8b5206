//! What a tar holds and where, without reading the contents.

use std::os::fd::BorrowedFd;

use box_kernel::{Result, SyscallContext};

use crate::failure::{invalid, over_limit};
use crate::limits::Limits;
use crate::tar::{Entry, Kind, Reader, Sink};

/// One entry of an archive.
#[derive(Debug, PartialEq, Eq)]
pub struct Indexed {
    /// As it stands in the archive.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// The target of a link, as it stands in the archive.
    pub link: Vec<u8>,
    /// Where in the archive its content begins.
    pub offset: u64,
    /// In bytes.
    pub size: u64,
}

const BLOCK: usize = 512;
const BUFFER: usize = 64 << 10;

/// Reads the headers of an archive in a file. What is between them is passed over. @errors `ERR_BOX_LAYER_INVALID`, `ERR_BOX_LIMIT` for more
/// than `entries` entries.
pub fn index(file: BorrowedFd<'_>, entries: u64) -> Result<Vec<Indexed>> {
    let end = u64::try_from(rustix::fs::fstat(file).syscall("fstat")?.st_size).unwrap_or(0);
    let mut reader = Reader::new(Limits { entries, total_size: u64::MAX >> 1, ..Limits::default() });
    let mut collector = Collector { found: Vec::new(), position: 0, headers: 0 };
    let mut buffer = vec![0; BUFFER];
    let mut position = 0;
    while position < end {
        let count = rustix::io::retry_on_intr(|| rustix::io::pread(file, buffer.as_mut_slice(), position)).syscall("pread")?;
        if count == 0 {
            break;
        }
        for block in buffer.get(..count).unwrap_or_default().chunks(BLOCK) {
            position += block.len() as u64;
            collector.position = position;
            reader.push(block, &mut collector)?;
            // The sum of all headers is bounded as the number of entries is.
            collector.headers += block.len() as u64;
            if collector.headers > entries.saturating_mul(64 << 10) {
                return Err(over_limit(b"", "the size of an archive's headers", entries.saturating_mul(64 << 10)));
            }
            let passed = reader.skip(end - position, &mut collector)?;
            if passed > 0 {
                position += passed;
                break;
            }
        }
    }
    reader.finish(false)?;
    Ok(collector.found)
}

struct Collector {
    found: Vec<Indexed>,
    position: u64,
    headers: u64,
}

impl Sink for Collector {
    fn begin(&mut self, entry: Entry) -> Result<()> {
        if entry.sparse {
            return Err(invalid(&entry.path, "a file of the archive has holes"));
        }
        let Entry { path, kind, link, size, .. } = entry;
        self.found.push(Indexed { path, kind, link, offset: self.position, size });
        Ok(())
    }

    fn data(&mut self, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}
