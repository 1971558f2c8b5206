//! A layer in one pass: compressed bytes are hashed, stored and inflated on one thread; what comes out is hashed and unpacked on
//! another. Between them, and before them, stand short queues: who is faster waits, and a full queue holds the sender back.

mod decode;
mod inbox;
mod write;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use box_kernel::{Failure, Result, SyscallContext};

use crate::decode::Compression;
use crate::digest::{Algorithm, Digest};
use crate::limits::Limits;
use crate::unpack;
use inbox::Inbox;

/// What a layer is expected to be, and where it goes.
#[derive(Debug)]
pub struct LayerOptions {
    /// How it is unpacked.
    pub unpack: unpack::Options,
    /// The user namespace in which it is unpacked: owners are ids of its own.
    pub namespace: Option<Arc<OwnedFd>>,
    /// Where the compressed bytes are kept.
    pub blob: Option<Blob>,
    /// By default, what the first bytes say.
    pub compression: Option<Compression>,
    /// Of the compressed bytes.
    pub digest: Option<Digest>,
    /// Of the compressed bytes.
    pub size: Option<u64>,
    /// Of the tar.
    pub diff_id: Option<Digest>,
}

/// A file for the compressed bytes.
#[derive(Debug)]
pub struct Blob {
    /// The file, open for writing; for reading too where it holds something already.
    pub file: OwnedFd,
    /// How many bytes it holds from an earlier try. They are read first.
    pub resume: u64,
}

/// What a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Of the compressed bytes.
    pub digest: Digest,
    /// Of the compressed bytes.
    pub size: u64,
    /// Of the tar.
    pub diff_id: Digest,
    /// Of the tar.
    pub uncompressed_size: u64,
    /// What was said, or found.
    pub compression: Compression,
    /// Entries of the tar.
    pub entries: u64,
    /// What was unpacked.
    pub report: unpack::Report,
}

/// Called once, on any thread, with what came of a request.
pub type Callback<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// A layer that is arriving. Dropping it gives up, unless it was told to finish.
pub struct LayerWriter {
    inbox: Arc<Inbox>,
}

impl LayerWriter {
    /// Starts the two threads.
    pub fn start(options: LayerOptions) -> Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let shared = Arc::clone(&inbox);
        thread("box-layer-decode", move || {
            let end = inbox::EndGuard::new(Arc::clone(&shared));
            end.set(decode::run(options, decode::Source::Inbox(&shared)));
        })?;
        Ok(Self { inbox })
    }

    /// Gives the next bytes. Where there is room the answer comes at once. Else it comes when there is room again, or when all has
    /// failed: to the callback that `later` makes.
    pub fn write(&self, bytes: Vec<u8>, later: impl FnOnce() -> Callback<()>) -> Option<Result<()>> {
        self.inbox.push(bytes, later)
    }

    /// Ends the layer. `done` is called when all is written and both threads are gone.
    pub fn finish(&self, done: Callback<Layer>) {
        self.inbox.finish(done);
    }

    /// Gives up. `done` is called when both threads are gone and all descriptors closed. What was unpacked stays.
    pub fn abort(&self, done: Box<dyn FnOnce() + Send>) {
        self.inbox.abort(done);
    }
}

impl Drop for LayerWriter {
    fn drop(&mut self) {
        self.inbox.abandon();
    }
}

/// The same for a file, from its start to its end, on this thread and another. Above other layers it is read twice: what it says for itself may stand at its
/// end.
pub fn unpack_file(file: OwnedFd, mut options: LayerOptions) -> Result<Layer> {
    if !options.unpack.lowers.is_empty() {
        options.unpack.own = unpack::Own::of(&file, options.compression, options.unpack.limits)?;
    }
    decode::run(options, decode::Source::File(file))
}

fn thread<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<std::thread::JoinHandle<T>> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(errno) => Failure::syscall("clone", errno),
        None => Failure::new("ERR_BOX_SYSTEM", format!("no thread can be started: {error}")),
    })
}

fn aborted() -> Failure {
    Failure::new("ERR_BOX_STATE", "the layer was given up")
}

fn check_digest(what: &'static str, expected: Option<&Digest>, found: &Digest) -> Result<()> {
    match expected {
        Some(expected) if expected != found => {
            let message = format!("the layer's {what} is {found}, and not {expected}");
            Err(Failure { step: Some(what.into()), ..Failure::new("ERR_BOX_DIGEST_MISMATCH", message) })
        }
        _ => Ok(()),
    }
}

fn check_size(expected: Option<u64>, found: u64, complete: bool) -> Result<()> {
    match expected {
        Some(expected) if found > expected => {
            Err(Failure::new("ERR_BOX_SIZE_MISMATCH", format!("the layer is longer than the {expected} bytes that were promised")))
        }
        Some(expected) if complete && found < expected => {
            Err(Failure::new("ERR_BOX_SIZE_MISMATCH", format!("the layer has {found} bytes, and not the {expected} that were promised")))
        }
        _ => Ok(()),
    }
}

fn algorithm_of(digest: Option<&Digest>) -> Algorithm {
    digest.map_or(Algorithm::default(), Digest::algorithm)
}

fn read_at(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *buffer, offset)).syscall("pread")
}

fn limits_of(options: &LayerOptions) -> Limits {
    options.unpack.limits
}
