//! The first stage: hash, keep, inflate.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread::JoinHandle;

use box_kernel::within::within;
use box_kernel::{Failure, Result, SyscallContext};

use super::inbox::Inbox;
use super::write::{self, Message, Written};
use super::{Blob, Layer, LayerOptions, algorithm_of, check_digest, check_size, limits_of, read_at, thread};
use crate::decode::{Compression, Decoder, Output};
use crate::digest::{Digest, Hasher};
use crate::limits::Limits;

/// The size of what goes from stage to stage.
pub(super) const BUFFER: usize = 256 << 10;
/// How many of them there are.
const BUFFERS: usize = 4;

/// Where compressed bytes come from.
pub(super) enum Source<'inbox> {
    Inbox(&'inbox Inbox),
    File(OwnedFd),
}

/// Runs the whole pipeline: this stage here, the other on a thread of its own that is gone when this returns.
pub(super) fn run(options: LayerOptions, source: Source<'_>) -> Result<Layer> {
    let limits = limits_of(&options);
    let LayerOptions { unpack, namespace, blob, compression, digest, size, diff_id } = options;
    let (sender, receiver) = std::sync::mpsc::sync_channel(BUFFERS);
    let (give_back, returned) = std::sync::mpsc::channel();
    let proven = digest.is_some() || diff_id.is_some();
    let write = move || write::run(unpack, diff_id, proven, &receiver, &give_back);
    let writer = thread("box-layer-write", move || match namespace {
        None => write(),
        Some(namespace) => within(namespace.as_fd(), write),
    })?;
    let output = Buffers { current: vec![0; BUFFER], filled: 0, sender, returned, compressed: 0, total: 0, limits };
    let expects_digest = digest.is_some();
    let decoder = Decoder::new(compression)?;
    let hasher = Hasher::new(algorithm_of(digest.as_ref()));
    let mut stage =
        Stage { hasher, decoder, output, blob, expected: size, expects_digest, writer: Some(writer), written: None, failed: None };
    let decoded = stage.all(source, digest.as_ref());
    let (writer, written) = (stage.writer.take(), stage.written.take());
    // Closing the channel without the end mark makes the other stage stop where it is.
    drop(stage);
    let written = written.or_else(|| writer.map(join)).unwrap_or_else(|| Err(gone()));
    let (digest, size, compression) = decoded.map_err(|failure| reason(failure, &written))?;
    let Written { diff_id, size: uncompressed_size, entries, report } = written?;
    Ok(Layer { digest, size, diff_id, uncompressed_size, compression, entries, report })
}

fn join(writer: JoinHandle<Result<Written>>) -> Result<Written> {
    writer.join().unwrap_or_else(|_| Err(Failure::new("ERR_BOX_SYSTEM", "the thread that writes a layer ended unexpectedly (a panic)")))
}

/// Where the other stage failed, this one only saw it gone.
fn reason(failure: Failure, written: &Result<Written>) -> Failure {
    match written {
        Err(other) if failure.message == GONE => other.clone(),
        _ => failure,
    }
}

struct Stage {
    hasher: Hasher,
    decoder: Decoder,
    output: Buffers,
    blob: Option<Blob>,
    expected: Option<u64>,
    expects_digest: bool,
    writer: Option<JoinHandle<Result<Written>>>,
    written: Option<Result<Written>>,
    /// What is wrong inside. Whether the sender meant it so, or the bytes were damaged on the way, only the digest can tell.
    failed: Option<Failure>,
}

impl Stage {
    fn all(&mut self, source: Source<'_>, digest: Option<&Digest>) -> Result<(Digest, u64, Compression)> {
        let inbox = match &source {
            Source::Inbox(inbox) => Some(*inbox),
            Source::File(_) => None,
        };
        self.resume(inbox).or_else(|failure| self.give_up(inbox, failure))?;
        match source {
            Source::Inbox(inbox) => {
                while let Some(piece) = inbox.next().or_else(|failure| self.give_up(Some(inbox), failure))? {
                    self.keep(&piece)?;
                    self.take(&piece)?;
                }
            }
            Source::File(file) => {
                let mut buffer = vec![0; BUFFER];
                loop {
                    let count = read_at(&file, &mut buffer, self.output.compressed)?;
                    if count == 0 {
                        break;
                    }
                    self.take(buffer.get(..count).unwrap_or_default())?;
                }
            }
        }
        check_size(self.expected, self.output.compressed, true)?;
        let found = self.hasher.clone().finish();
        check_digest("digest", digest, &found)?;
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        self.decoder.finish(&mut self.output)?;
        self.output.end()?;
        Ok((found, self.output.compressed, self.decoder.compression()))
    }

    /// What an earlier try left goes the same way as what is to come.
    fn resume(&mut self, inbox: Option<&Inbox>) -> Result<()> {
        let Some(Blob { file, resume }) = &self.blob else { return Ok(()) };
        let (file, resume) = (rustix::io::fcntl_dupfd_cloexec(file, 0).syscall("fcntl")?, *resume);
        let mut buffer = vec![0; BUFFER];
        while self.output.compressed < resume {
            if inbox.is_some_and(Inbox::is_aborting) {
                return Err(super::aborted());
            }
            let left = usize::try_from(resume - self.output.compressed).unwrap_or(BUFFER).min(BUFFER);
            let room = buffer.get_mut(..left).unwrap_or_default();
            let count = read_at(&file, room, self.output.compressed)?;
            if count == 0 {
                let message = format!("the partial blob is shorter than the {resume} bytes it is said to hold");
                return Err(Failure::new("ERR_BOX_SIZE_MISMATCH", message));
            }
            self.take(buffer.get(..count).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Who gives up resumes later: what was accepted is kept, unpacked or not.
    fn give_up<T>(&mut self, inbox: Option<&Inbox>, failure: Failure) -> Result<T> {
        if let (Some(inbox), Some(Blob { resume, .. })) = (inbox.filter(|inbox| inbox.is_aborting()), &self.blob) {
            self.output.compressed = self.output.compressed.max(*resume);
            for piece in inbox.rest() {
                self.keep(&piece)?;
                self.output.compressed += piece.len() as u64;
            }
        }
        Err(failure)
    }

    fn keep(&mut self, mut piece: &[u8]) -> Result<()> {
        let Some(Blob { file, .. }) = &self.blob else { return Ok(()) };
        // Not a byte beyond what was promised reaches the disk.
        check_size(self.expected, self.output.compressed + piece.len() as u64, false)?;
        let mut offset = self.output.compressed;
        while !piece.is_empty() {
            let count = rustix::io::retry_on_intr(|| rustix::io::pwrite(file, piece, offset)).syscall("pwrite")?;
            offset += count as u64;
            piece = piece.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn take(&mut self, piece: &[u8]) -> Result<()> {
        self.hasher.update(piece);
        self.output.compressed += piece.len() as u64;
        check_size(self.expected, self.output.compressed, false)?;
        if self.failed.is_some() {
            return Ok(());
        }
        let Err(failure) = self.decoder.push(piece, &mut self.output) else { return Ok(()) };
        if failure.message == GONE {
            self.written = self.writer.take().map(join);
        }
        let failure = match &self.written {
            Some(written) => reason(failure, written),
            None => failure,
        };
        if self.expects_digest && failure.code == Some("ERR_BOX_LAYER_INVALID") {
            self.failed = Some(failure);
            return Ok(());
        }
        Err(failure)
    }
}

/// Buffers on their way to the other stage, and back.
struct Buffers {
    current: Vec<u8>,
    filled: usize,
    sender: SyncSender<Message>,
    returned: Receiver<Vec<u8>>,
    compressed: u64,
    total: u64,
    limits: Limits,
}

impl Output for Buffers {
    fn space(&mut self) -> &mut [u8] {
        self.current.get_mut(self.filled..).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) -> Result<()> {
        self.filled += count;
        self.total += count as u64;
        self.limits.check_inflated(self.total, self.compressed)?;
        if self.filled < self.current.len() { Ok(()) } else { self.send() }
    }
}

impl Buffers {
    fn send(&mut self) -> Result<()> {
        let next = self.returned.try_recv().unwrap_or_else(|_| vec![0; BUFFER]);
        let full = std::mem::replace(&mut self.current, next);
        let filled = std::mem::take(&mut self.filled);
        self.sender.send(Message::Bytes(full, filled)).map_err(|_| gone())
    }

    fn end(&mut self) -> Result<()> {
        if self.filled > 0 {
            self.send()?;
        }
        self.sender.send(Message::End).map_err(|_| gone())
    }
}

const GONE: &str = "the stage that writes is gone";

fn gone() -> Failure {
    Failure::new("ERR_BOX_SYSTEM", GONE)
}
