//! The floor of the benches layers and registry: what it takes to make files of layers, and nothing else. No path is checked, no limit holds, nothing is staged or kept, the
//! paths are joined as strings. It does what the result needs: both digests, content, modes, owners, times and links. For each line on standard
//! input the layers that are named as arguments are unpacked to folders in the current one, two side by side, each with a thread that inflates and one that
//! hashes and writes. A layer is a file, or is received: http://HOST:PORT/PATH#SIZE. It removes the folders and answers with the nanoseconds that the unpacking took.
//! Built as an example of box-archive, so that its decoders are ours: cargo build --release --package box-archive --example floor
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "what cannot go on ends"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{OpenOptionsExt, lchown, symlink};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Instant;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps};
use sha2::{Digest, Sha256};

const BUFFER: usize = 256 << 10;

fn main() {
    rustix::process::umask(Mode::empty());
    let layers: Vec<String> = std::env::args().skip(1).collect();
    for _ in std::io::stdin().lock().lines() {
        let began = Instant::now();
        unpack(&layers);
        let took = began.elapsed().as_nanos();
        for number in 0..layers.len() {
            fs::remove_dir_all(number.to_string()).unwrap();
        }
        println!("{took}");
        std::io::stdout().flush().unwrap();
    }
}

fn unpack(layers: &[String]) {
    // The largest first, so that the two end together.
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_by_key(|number| size_of(&layers[*number]));
    let left = Mutex::new(order);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(number) = left.lock().unwrap().pop() else {
                        return;
                    };
                    unpack_layer(&layers[number], &number.to_string());
                }
            });
        }
    });
}

fn unpack_layer(layer: &str, folder: &str) {
    fs::create_dir(folder).unwrap();
    let (full, filled) = sync_channel::<(Vec<u8>, usize)>(4);
    let (empty, returned) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            Untar {
                folder,
                filled,
                empty,
                hasher: Sha256::new(),
                buffer: Vec::new(),
                at: 0,
                end: 0,
            }
            .all()
        });
        decode(layer, &full, &returned);
        drop(full);
    });
}

fn size_of(layer: &str) -> u64 {
    match layer.split_once('#') {
        Some((_, size)) => size.parse().unwrap(),
        None => fs::metadata(layer).unwrap().len(),
    }
}

fn open(layer: &str) -> Box<dyn Read> {
    let Some(url) = layer.strip_prefix("http://") else {
        return Box::new(File::open(layer).unwrap());
    };
    let (url, size) = url.split_once('#').unwrap();
    let (host, path) = url.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reader = BufReader::with_capacity(BUFFER, stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    Box::new(reader.take(size.parse().unwrap()))
}

fn decode(layer: &str, full: &SyncSender<(Vec<u8>, usize)>, returned: &Receiver<Vec<u8>>) {
    let source = Hashed {
        source: open(layer),
        hasher: Sha256::new(),
    };
    let mut source = BufReader::with_capacity(BUFFER, source);
    let mut decoder: Box<dyn Read> = match source.fill_buf().unwrap() {
        [0x1f, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        _ => Box::new(zstd::stream::read::Decoder::with_buffer(source).unwrap()),
    };
    loop {
        let mut buffer = returned.try_recv().unwrap_or_else(|_| vec![0; BUFFER]);
        let mut length = 0;
        while length < BUFFER {
            match decoder.read(&mut buffer[length..]).unwrap() {
                0 => break,
                count => length += count,
            }
        }
        if length == 0 {
            return;
        }
        full.send((buffer, length)).unwrap();
    }
}

struct Hashed {
    source: Box<dyn Read>,
    hasher: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        if count == 0 {
            let _digest = std::mem::take(&mut self.hasher).finalize();
        }
        Ok(count)
    }
}

/// Reads the tar out of the buffers that arrive.
struct Untar<'layer> {
    folder: &'layer str,
    filled: Receiver<(Vec<u8>, usize)>,
    empty: Sender<Vec<u8>>,
    hasher: Sha256,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
}

impl Untar<'_> {
    fn all(mut self) {
        let mut folders = Vec::new();
        let mut block = [0; 512];
        let mut pax = String::new();
        while self.exactly(&mut block) && block[0] != 0 {
            let size = octal(&block[124..136]) as usize;
            if block[156] == b'x' {
                let mut records = vec![0; size.next_multiple_of(512)];
                self.exactly(&mut records);
                pax = String::from_utf8_lossy(&records[..size]).into_owned();
                continue;
            }
            let path = record(&pax, " path=").unwrap_or_else(|| name(&block));
            let target =
                record(&pax, " linkpath=").unwrap_or_else(|| text(&block[157..257]).to_owned());
            let mtime = record(&pax, " mtime=").map_or_else(
                || octal(&block[136..148]) as f64,
                |text| text.parse().unwrap(),
            );
            pax.clear();
            let path = format!("{}/{path}", self.folder);
            self.entry(&block, &path, &target, size, mtime, &mut folders);
        }
        while self.more() {
            self.at = self.end;
        }
        let _digest = self.hasher.finalize();
        for (path, mtime) in folders.into_iter().rev() {
            stamp(&path, mtime);
        }
    }

    fn entry(
        &mut self,
        block: &[u8; 512],
        path: &str,
        target: &str,
        size: usize,
        mtime: f64,
        folders: &mut Vec<(String, f64)>,
    ) {
        let mode = octal(&block[100..108]) as u32;
        let (uid, gid) = (
            octal(&block[108..116]) as u32,
            octal(&block[116..124]) as u32,
        );
        match block[156] {
            b'5' => {
                let _made = rustix::fs::mkdir(path, Mode::from_raw_mode(mode));
                folders.push((path.to_owned(), mtime));
            }
            b'2' => symlink(target, path).unwrap(),
            b'1' => return fs::hard_link(format!("{}/{target}", self.folder), path).unwrap(),
            b'3' | b'4' | b'6' => {
                let kind = [
                    FileType::CharacterDevice,
                    FileType::BlockDevice,
                    FileType::Fifo,
                    FileType::Fifo,
                ][usize::from(block[156] - b'3')];
                let device = rustix::fs::makedev(
                    octal(&block[329..337]) as u32,
                    octal(&block[337..345]) as u32,
                );
                rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(mode), device).unwrap();
            }
            _ => self.file(path, mode, size, mtime),
        }
        if (uid, gid) != (0, 0) {
            lchown(path, Some(uid), Some(gid)).unwrap();
            if block[156] != b'2' {
                rustix::fs::chmod(path, Mode::from_raw_mode(mode)).unwrap();
            }
        }
        if !matches!(block[156], b'0' | b'5') {
            stamp(path, mtime);
        }
    }

    fn file(&mut self, path: &str, mode: u32, size: usize, mtime: f64) {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .unwrap();
        let mut left = size;
        while left > 0 && self.more() {
            let count = left.min(self.end - self.at);
            file.write_all(&self.buffer[self.at..self.at + count])
                .unwrap();
            self.at += count;
            left -= count;
        }
        let mut padding = vec![0; size.next_multiple_of(512) - size];
        self.exactly(&mut padding);
        rustix::fs::futimens(&file, &times(mtime)).unwrap();
    }

    fn exactly(&mut self, room: &mut [u8]) -> bool {
        let mut done = 0;
        while done < room.len() {
            if !self.more() {
                return false;
            }
            let count = (room.len() - done).min(self.end - self.at);
            room[done..done + count].copy_from_slice(&self.buffer[self.at..self.at + count]);
            self.at += count;
            done += count;
        }
        true
    }

    fn more(&mut self) -> bool {
        if self.at < self.end {
            return true;
        }
        let Ok((buffer, end)) = self.filled.recv() else {
            return false;
        };
        let before = std::mem::replace(&mut self.buffer, buffer);
        if !before.is_empty() {
            let _sent = self.empty.send(before);
        }
        (self.at, self.end) = (0, end);
        self.hasher.update(&self.buffer[..end]);
        true
    }
}

fn stamp(path: &str, mtime: f64) {
    rustix::fs::utimensat(CWD, path, &times(mtime), AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn times(mtime: f64) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime.floor() as i64,
        tv_nsec: (mtime.fract() * 1e9) as i64,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn record(pax: &str, key: &str) -> Option<String> {
    let start = pax.find(key)? + key.len();
    Some(pax[start..].split('\n').next()?.to_owned())
}

fn name(block: &[u8; 512]) -> String {
    match text(&block[345..500]) {
        "" => text(&block[..100]).to_owned(),
        prefix => format!("{prefix}/{}", text(&block[..100])),
    }
}

fn text(field: &[u8]) -> &str {
    std::str::from_utf8(field.split(|byte| *byte == 0).next().unwrap()).unwrap()
}

fn octal(field: &[u8]) -> u64 {
    u64::from_str_radix(text(field).trim(), 8).unwrap_or(0)
}
