//! The second stage: hash, read the tar, write files.

use std::sync::mpsc::{Receiver, Sender};

use box_kernel::Result;

use super::{aborted, check_digest};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::tar::Reader;
use crate::unpack::{self, Report, Unpacker};

/// What the first stage sends.
pub(super) enum Message {
    /// A buffer, and how much of it is filled.
    Bytes(Vec<u8>, usize),
    /// All was sent, and is what was promised as far as the first stage can tell.
    End,
}

/// What came of it.
pub(super) struct Written {
    pub(super) diff_id: Digest,
    pub(super) size: u64,
    pub(super) entries: u64,
    pub(super) report: Report,
}

pub(super) fn run(
    options: unpack::Options,
    expected: Option<Digest>,
    proven: bool,
    messages: &Receiver<Message>,
    give_back: &Sender<Vec<u8>>,
) -> Result<Written> {
    let mut reader = Reader::new(options.limits);
    let mut unpacker = Unpacker::new(options)?;
    let mut hasher = Hasher::new(expected.as_ref().map_or(Algorithm::Sha256, Digest::algorithm));
    let mut size = 0;
    loop {
        match messages.recv() {
            Err(_) => return Err(aborted()),
            Ok(Message::Bytes(buffer, filled)) => {
                let bytes = buffer.get(..filled).unwrap_or_default();
                size += filled as u64;
                hasher.update(bytes);
                reader.push(bytes, &mut unpacker)?;
                // The sender may have ended: then nobody wants it back.
                give_back.send(buffer).unwrap_or_default();
            }
            Ok(Message::End) => {
                let diff_id = hasher.finish();
                check_digest("diffID", expected.as_ref(), &diff_id)?;
                reader.finish(proven)?;
                return Ok(Written { diff_id, size, entries: reader.entries(), report: unpacker.finish()? });
            }
        }
    }
}
