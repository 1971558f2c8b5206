//! A layer at rest: a file, or a part of one.

use std::os::fd::OwnedFd;

use box_kernel::{Failure, Result, SyscallContext};

use crate::decode::{Compression, Decoder, Output};
use crate::digest::{Digest, Hasher};
use crate::encode::{Encoded, LayerOutput};
use crate::limits::Limits;
use crate::pack::Options;

const BUFFER: usize = 256 << 10;

/// Where a layer's bytes are, and what is known of them.
#[derive(Debug)]
pub struct StoredLayer {
    /// The file. Its position is nobody's.
    pub file: OwnedFd,
    /// Where in the file the layer begins.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
    /// How they are compressed; without it the first bytes decide.
    pub compression: Option<Compression>,
    /// What they are to be. Where it is given they are read to the end, however little of them is wanted.
    pub digest: Option<Digest>,
}

impl StoredLayer {
    /// Gives the plain bytes to `take`, piece by piece, for as long as it answers true.
    /// @errors `ERR_BOX_LAYER_INVALID`, `ERR_BOX_LIMIT`, `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH`, and what `take` gives.
    pub(crate) fn each(&self, limits: Limits, take: &mut dyn FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        let mut decoder = Decoder::new(self.compression)?;
        let mut pieces = Pieces { buffer: vec![0; BUFFER], filled: 0, take, wanted: true, compressed: 0, total: 0, limits };
        let mut hasher = self.digest.as_ref().map(|digest| Hasher::new(digest.algorithm()));
        let mut buffer = vec![0; BUFFER];
        let mut position = 0;
        while position < self.size && (pieces.wanted || hasher.is_some()) {
            let room = usize::try_from(self.size - position).unwrap_or(BUFFER).min(BUFFER);
            let room = buffer.get_mut(..room).unwrap_or_default();
            let count = rustix::io::retry_on_intr(|| rustix::io::pread(&self.file, &mut *room, self.offset + position)).syscall("pread")?;
            if count == 0 {
                let message = format!("the layer ends after {position} of the {} bytes that were promised", self.size);
                return Err(Failure::new("ERR_BOX_SIZE_MISMATCH", message));
            }
            let piece = room.get(..count).unwrap_or_default();
            position += count as u64;
            if let Some(hasher) = &mut hasher {
                hasher.update(piece);
            }
            if pieces.wanted {
                pieces.compressed = position;
                decoder.push(piece, &mut pieces)?;
            }
        }
        if pieces.wanted {
            decoder.finish(&mut pieces)?;
            pieces.flush()?;
        }
        match (&self.digest, hasher.map(Hasher::finish)) {
            (Some(expected), Some(found)) if *expected != found => {
                Err(Failure::new("ERR_BOX_DIGEST_MISMATCH", format!("the layer's digest is {found}, and not {expected}")))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a layer with another compression, from the position of `output` on.
pub fn transcode(layer: &StoredLayer, output: OwnedFd, options: &Options) -> Result<Encoded> {
    let compression = options.compression.unwrap_or(Compression::Gzip);
    let mut output = LayerOutput::new(output, compression, options.level, options.algorithm)?;
    layer.each(Limits::default(), &mut |piece| output.write(piece).map(|()| true))?;
    output.finish()
}

/// Decoded bytes on their way to who takes them.
struct Pieces<'take> {
    buffer: Vec<u8>,
    filled: usize,
    take: &'take mut dyn FnMut(&[u8]) -> Result<bool>,
    wanted: bool,
    compressed: u64,
    total: u64,
    limits: Limits,
}

impl Pieces<'_> {
    fn flush(&mut self) -> Result<()> {
        let filled = std::mem::take(&mut self.filled);
        if filled > 0 && self.wanted {
            self.wanted = (self.take)(self.buffer.get(..filled).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl Output for Pieces<'_> {
    fn space(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) -> Result<()> {
        self.filled += count;
        self.total += count as u64;
        self.limits.check_inflated(self.total, self.compressed)?;
        if self.filled < self.buffer.len() { Ok(()) } else { self.flush() }
    }
}
