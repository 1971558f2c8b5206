//! Zstandard (RFC 8878): frames one after the other, skippable ones included.

use box_kernel::{Failure, Result};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::{Output, corrupt};

/// The largest window taken, as a power of two: 128 MiB, what `zstd --long` makes. More would be the sender's choice of our memory.
const WINDOW_LOG_MAX: u32 = 27;

pub(super) struct Zstd {
    decoder: Decoder<'static>,
    /// At the end of a frame, with nothing held back.
    complete: bool,
}

impl Zstd {
    pub(super) fn new() -> Result<Self> {
        let refused = |error: std::io::Error| Failure::new("ERR_BOX_SYSTEM", format!("zstd: {error}"));
        let mut decoder = Decoder::new().map_err(refused)?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(refused)?;
        Ok(Self { decoder, complete: false })
    }

    pub(super) fn push(&mut self, input: &[u8], output: &mut dyn Output) -> Result<()> {
        let mut source = InBuffer::around(input);
        loop {
            let space = output.space();
            let room = space.len();
            let mut target = OutBuffer::around(space);
            let before = source.pos();
            let hint = self.decoder.run(&mut source, &mut target).map_err(|error| refused(&error))?;
            let written = target.pos();
            if written > 0 || source.pos() > before {
                self.complete = hint == 0;
            }
            if written > 0 {
                output.advance(written)?;
            }
            if source.pos() == input.len() && written < room {
                return Ok(());
            }
            if written == 0 && source.pos() == before {
                return Err(corrupt("the zstd data is corrupt"));
            }
        }
    }

    pub(super) fn finish(&self) -> Result<()> {
        if self.complete { Ok(()) } else { Err(corrupt("the zstd stream is cut short")) }
    }
}

fn refused(error: &std::io::Error) -> Failure {
    let text = error.to_string();
    if text.contains("memory") {
        return crate::failure::over_limit(b"", "the zstd window", 1 << WINDOW_LOG_MAX);
    }
    crate::failure::invalid(b"", format!("the zstd data is corrupt ({text})"))
}
