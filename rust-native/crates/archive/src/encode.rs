//! From plain bytes to a compressed stream in a file, with the digests of both, in one pass.

mod gzip;

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use box_kernel::{Failure, Result};

use crate::decode::Compression;
use crate::digest::{Algorithm, Digest, Hasher};
use gzip::ParallelGzip;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Of the compressed bytes.
    pub digest: Digest,
    /// Of the compressed bytes.
    pub size: u64,
    /// Of the plain bytes.
    pub diff_id: Digest,
    /// Of the plain bytes.
    pub uncompressed_size: u64,
}

/// Hashes, compresses, hashes again and writes. Equal content gives equal bytes.
pub struct LayerOutput {
    hasher: Hasher,
    size: u64,
    encoder: Encoder,
}

enum Encoder {
    Gzip(ParallelGzip<HashedFile>),
    Zstd(zstd::stream::write::Encoder<'static, HashedFile>),
    None(HashedFile),
}

impl LayerOutput {
    /// Writes to `file` from its position on. `level` is the compressor's own; by default 6 for gzip, 3 for zstd.
    pub fn new(file: OwnedFd, compression: Compression, level: Option<u32>, algorithm: Algorithm) -> Result<Self> {
        let file = HashedFile { file: file.into(), hasher: Hasher::new(algorithm), size: 0, buffer: Vec::with_capacity(BUFFER) };
        let encoder = match compression {
            Compression::Gzip => Encoder::Gzip(ParallelGzip::new(file, level.unwrap_or(6), None).map_err(|error| failed(&error))?),
            Compression::Zstd => {
                let level = i32::try_from(level.unwrap_or(3)).unwrap_or(3);
                Encoder::Zstd(zstd::stream::write::Encoder::new(file, level).map_err(|error| failed(&error))?)
            }
            Compression::None => Encoder::None(file),
        };
        Ok(Self { hasher: Hasher::new(Algorithm::Sha256), size: 0, encoder })
    }

    /// Takes the next plain bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.write(bytes),
            Encoder::Zstd(encoder) => encoder.write_all(bytes),
            Encoder::None(file) => file.write_all(bytes),
        }
        .map_err(|error| failed(&error))
    }

    /// Ends the stream. The file is not synced: that is the store's decision.
    pub fn finish(self) -> Result<Encoded> {
        let mut file = match self.encoder {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
            Encoder::None(file) => Ok(file),
        }
        .map_err(|error| failed(&error))?;
        file.flush().map_err(|error| failed(&error))?;
        Ok(Encoded { digest: file.hasher.finish(), size: file.size, diff_id: self.hasher.finish(), uncompressed_size: self.size })
    }
}

fn failed(error: &io::Error) -> Failure {
    match rustix::io::Errno::from_io_error(error) {
        Some(errno) => Failure::syscall("write", errno),
        None => Failure::new("ERR_BOX_SYSTEM", format!("compression: {error}")),
    }
}

const BUFFER: usize = 256 << 10;

struct HashedFile {
    file: std::fs::File,
    hasher: Hasher,
    size: u64,
    buffer: Vec<u8>,
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (now, _) = bytes.split_at(bytes.len().min(BUFFER - self.buffer.len()));
        self.buffer.extend_from_slice(now);
        if self.buffer.len() == BUFFER {
            self.flush()?;
        }
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.file.write_all(&self.buffer)?;
        self.size += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
