//! gzip (RFC 1952) on several threads: one member, whose deflate stream is made of blocks that each know the 32 KiB before them, as pigz makes it. The blocks are
//! of one size whatever the machine, so the bytes are the same for any number of threads, and as any reader of gzip takes them.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use flate2::{Compress, Compression, FlushCompress, Status};

/// Of plain bytes in a block.
const BLOCK: usize = 512 << 10;
/// How far deflate looks back.
const WINDOW: usize = 32 << 10;
/// More than that wait for each other to be written.
const MOST_THREADS: usize = 16;

/// Compresses what is written, and writes it on.
pub(super) struct ParallelGzip<W> {
    output: W,
    level: u32,
    threads: usize,
    block: Vec<u8>,
    /// The block before, for what it ends with.
    before: Arc<Vec<u8>>,
    pending: VecDeque<Receiver<io::Result<Deflated>>>,
    pool: Option<Pool>,
    crc: crc32fast::Hasher,
    size: u32,
}

/// A block that is to be compressed.
struct Job {
    block: Arc<Vec<u8>>,
    before: Arc<Vec<u8>>,
    is_last: bool,
    done: SyncSender<io::Result<Deflated>>,
}

struct Deflated {
    bytes: Vec<u8>,
    crc: crc32fast::Hasher,
}

impl<W: Write> ParallelGzip<W> {
    /// `threads`: by default as many as the process may use at a time.
    pub(super) fn new(output: W, level: u32, threads: Option<usize>) -> io::Result<Self> {
        let available = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut gzip = Self {
            output,
            level: level.min(9),
            threads: threads.unwrap_or_else(available).clamp(1, MOST_THREADS),
            block: Vec::new(),
            before: Arc::default(),
            pending: VecDeque::new(),
            pool: None,
            crc: crc32fast::Hasher::new(),
            size: 0,
        };
        // No name, no time, no system: equal content gives equal bytes.
        let strength = match gzip.level {
            9 => 2,
            0 | 1 => 4,
            _ => 0,
        };
        gzip.output.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, strength, 255])?;
        Ok(gzip)
    }

    /// Takes the next plain bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.block.len() == BLOCK {
                self.submit(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Ends the stream, and gives back what it was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.submit(true)?;
        while !self.pending.is_empty() {
            self.settle()?;
        }
        self.output.write_all(&self.crc.finalize().to_le_bytes())?;
        self.output.write_all(&self.size.to_le_bytes())?;
        Ok(self.output)
    }

    fn submit(&mut self, is_last: bool) -> io::Result<()> {
        let block = Arc::new(std::mem::replace(&mut self.block, Vec::with_capacity(if is_last { 0 } else { BLOCK })));
        // The size of all, modulo 2^32, ends a member.
        self.size = self.size.wrapping_add(u32::try_from(block.len()).unwrap_or(0));
        let (done, deflated) = sync_channel(1);
        let before = std::mem::replace(&mut self.before, Arc::clone(&block));
        let job = Job { block, before, is_last, done };
        self.pending.push_back(deflated);
        if is_last && self.pool.is_none() {
            // What fits in one block needs no thread.
            job.run(&mut Compress::new(Compression::new(self.level), false));
        } else {
            if self.pool.is_none() {
                self.pool = Some(Pool::start(self.threads, self.level)?);
            }
            self.pool.as_ref().map_or(Ok(()), |pool| pool.submit(job))?;
        }
        while self.pending.len() > self.threads + 1 {
            self.settle()?;
        }
        Ok(())
    }

    /// Writes the oldest block that is not written yet.
    fn settle(&mut self) -> io::Result<()> {
        let Some(oldest) = self.pending.pop_front() else { return Ok(()) };
        let Deflated { bytes, crc } = oldest.recv().map_err(|_| io::Error::other("a thread that compresses has panicked"))??;
        self.crc.combine(&crc);
        self.output.write_all(&bytes)
    }
}

impl Job {
    fn run(self, compress: &mut Compress) {
        let deflated = self.deflate(compress);
        // Nobody waits any more where the stream was given up.
        let _ = self.done.send(deflated);
    }

    fn deflate(&self, compress: &mut Compress) -> io::Result<Deflated> {
        compress.reset();
        let known = self.before.len().saturating_sub(WINDOW);
        if let Some(window) = self.before.get(known..).filter(|window| !window.is_empty()) {
            compress.set_dictionary(window)?;
        }
        let flush = if self.is_last { FlushCompress::Finish } else { FlushCompress::Sync };
        let mut bytes = Vec::with_capacity(self.block.len() / 2 + 1024);
        loop {
            let taken = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
            let status = compress.compress_vec(self.block.get(taken..).unwrap_or_default(), &mut bytes, flush)?;
            // A flush is complete when there is room left in the output (deflate in zlib.h).
            let is_complete = if self.is_last { status == Status::StreamEnd } else { bytes.len() < bytes.capacity() };
            if is_complete {
                break;
            }
            bytes.reserve(self.block.len() / 2 + 1024);
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.block);
        Ok(Deflated { bytes, crc })
    }
}

/// Threads that compress blocks. They end when no more can come.
struct Pool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    fn start(threads: usize, level: u32) -> io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let mut pool = Self { jobs: Some(jobs), threads: Vec::with_capacity(threads) };
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let work = move || {
                let mut compress = Compress::new(Compression::new(level), false);
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = next else { break };
                    job.run(&mut compress);
                }
            };
            pool.threads.push(std::thread::Builder::new().name("box-gzip".into()).spawn(work)?);
        }
        Ok(pool)
    }

    fn submit(&self, job: Job) -> io::Result<()> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(io::Error::other("the threads that compress have ended")) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // One that panicked has told who waited for it.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on is a test that failed")]

    use std::io::Read;

    use super::{BLOCK, ParallelGzip};

    /// Bytes that repeat themselves only over some distance.
    fn sample(size: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let words: Vec<Vec<u8>> = (0..64).map(|length| (0..length + 3).map(|_| next()).collect()).collect();
        let mut bytes = Vec::with_capacity(size + 128);
        while bytes.len() < size {
            bytes.extend_from_slice(words.get(usize::from(next()) % 64).unwrap());
        }
        bytes.truncate(size);
        bytes
    }

    fn compressed(bytes: &[u8], threads: usize, piece: usize) -> Vec<u8> {
        let mut gzip = ParallelGzip::new(Vec::new(), 6, Some(threads)).unwrap();
        for piece in bytes.chunks(piece) {
            gzip.write(piece).unwrap();
        }
        gzip.finish().unwrap()
    }

    #[test]
    fn the_bytes_are_the_same_for_any_number_of_threads_and_any_pieces_and_inflate_to_what_was_written() {
        for size in [0, 1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 4 * BLOCK + 17] {
            let bytes = sample(size);
            let alone = compressed(&bytes, 1, 10_007);
            for threads in [2, 3, 8, 100] {
                assert_eq!(compressed(&bytes, threads, 64 << 10), alone, "{size} bytes on {threads} threads");
            }
            let mut inflated = Vec::new();
            // One member: a reader of one takes all of it.
            flate2::read::GzDecoder::new(alone.as_slice()).read_to_end(&mut inflated).unwrap();
            assert!(inflated == bytes, "{size} bytes");
        }
    }

    #[test]
    fn blocks_cost_little_beside_one_stream() {
        let bytes = sample(4 * BLOCK);
        let mut one = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        std::io::Write::write_all(&mut one, &bytes).unwrap();
        let (one, blocks) = (one.finish().unwrap().len(), compressed(&bytes, 2, BLOCK).len());
        assert!(blocks * 100 < one * 101, "{blocks} bytes in blocks, {one} in one stream");
    }

    #[test]
    fn what_is_given_up_leaves_no_thread_behind() {
        let mut gzip = ParallelGzip::new(Vec::new(), 6, Some(3)).unwrap();
        gzip.write(&sample(3 * BLOCK)).unwrap();
        drop(gzip);
    }
}
