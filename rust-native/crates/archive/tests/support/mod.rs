//! What the tests share: temporary folders that are gone afterwards, archives from entries, and trees as text.
#![allow(dead_code, missing_docs, reason = "each test file uses its part of this")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

pub mod lister;
pub mod trees;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use box_archive::limits::Limits;
use box_archive::overlay::Marks;
use box_archive::tar::{Entry, Kind, Reader, Time, writer};
use box_archive::unpack::{Devices, Ids, MissingLinks, Options, Own, Report, Unpacker};
use box_kernel::Result;

pub struct Folder {
    pub path: PathBuf,
}

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("box-test-archive-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self { path }
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A folder in it.
    pub fn sub(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir(&path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let parent = open(self.path.parent().unwrap());
        box_archive::tree::remove_tree(parent.as_fd(), self.path.file_name().unwrap().as_bytes()).unwrap();
    }
}

pub fn open(path: &Path) -> OwnedFd {
    fs::File::open(path).unwrap().into()
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub fn options(folder: &Path) -> Options {
    Options {
        folder: open(folder),
        ids: if is_root() { Ids::Keep { shift: 0 } } else { Ids::Squash },
        devices: Devices::Make,
        opaque: Marks { trusted: is_root(), user: true },
        lowers: Vec::new(),
        own: Own::default(),
        missing_links: MissingLinks::Refuse,
        limits: Limits::default(),
    }
}

pub fn entry(path: &str, kind: Kind) -> Entry {
    Entry {
        path: path.into(),
        kind,
        link: Vec::new(),
        mode: if kind == Kind::Directory { 0o755 } else { 0o644 },
        uid: 0,
        gid: 0,
        size: 0,
        sparse: false,
        mtime: Time { seconds: 1_000_000, nanoseconds: 0 },
        device: (0, 0),
        xattrs: Vec::new(),
    }
}

/// Makes archives.
#[derive(Default, Clone)]
pub struct Tar(pub Vec<u8>);

impl Tar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn entry(mut self, entry: &Entry) -> Self {
        self.0.extend_from_slice(&writer::header(entry));
        self
    }

    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        let entry = Entry { size: content.len() as u64, ..entry(path, Kind::File) };
        self = self.entry(&entry);
        self.content(content)
    }

    pub fn content(mut self, content: &[u8]) -> Self {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len() + writer::padding(content.len() as u64), 0);
        self
    }

    pub fn folder(self, path: &str) -> Self {
        self.entry(&entry(path, Kind::Directory))
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(&Entry { link: target.into(), ..entry(path, Kind::Symlink) })
    }

    pub fn link(self, path: &str, target: &str) -> Self {
        self.entry(&Entry { link: target.into(), ..entry(path, Kind::HardLink) })
    }

    /// A header of that type whose checksum is made right after `change`.
    pub fn raw(mut self, typeflag: u8, name: &str, content: &[u8], change: impl FnOnce(&mut [u8])) -> Self {
        let mut block = writer::header(&Entry { size: content.len() as u64, ..entry(name, Kind::File) });
        assert_eq!(block.len(), 512);
        block[156] = typeflag;
        change(&mut block);
        seal(&mut block);
        self.0.extend_from_slice(&block);
        self.content(content)
    }

    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        self.raw(b'x', "PaxHeaders/x", &pax(records), |_| {})
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&writer::END);
        self.0
    }
}

pub fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let content = key.len() + value.len() + 3;
        let length = (content + 1..).find(|length| *length == content + length.to_string().len()).unwrap();
        bytes.extend_from_slice(format!("{length} {key}=").as_bytes());
        bytes.extend_from_slice(value);
        bytes.push(b'\n');
    }
    bytes
}

pub fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u64 = block[..512].iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Unpacks an archive that arrives in pieces of that size.
pub fn unpack_in(options: Options, tar: &[u8], piece: usize) -> Result<Report> {
    let mut reader = Reader::new(options.limits);
    let mut unpacker = Unpacker::new(options)?;
    for piece in tar.chunks(piece) {
        reader.push(piece, &mut unpacker)?;
    }
    reader.finish(false)?;
    unpacker.finish()
}

pub fn unpack(folder: &Path, tar: &[u8]) -> Result<Report> {
    unpack_in(options(folder), tar, 4096)
}

/// One line for each file: kind, mode, owner, size, time, links, target, attributes and content.
pub fn listing(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    list(root, Path::new(""), &mut lines);
    lines
}

fn list(root: &Path, inside: &Path, lines: &mut Vec<String>) {
    let path = root.join(inside);
    let meta = fs::symlink_metadata(&path).unwrap();
    let kind = meta.file_type();
    let what = if kind.is_dir() {
        "folder".to_owned()
    } else if kind.is_symlink() {
        format!("link to {}", fs::read_link(&path).unwrap().display())
    } else if kind.is_file() {
        format!("file of {} hash {:x} links {}", meta.len(), hash(&fs::read(&path).unwrap()), meta.nlink())
    } else if kind.is_fifo() {
        "fifo".to_owned()
    } else {
        format!("device {:?} {:x}", kind.is_block_device(), meta.rdev())
    };
    lines.push(format!(
        "{} {what} {:o} {}:{} {}.{:09} {}",
        inside.display(),
        meta.mode() & 0o7777,
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec(),
        attributes(&path)
    ));
    if kind.is_dir() {
        let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            list(root, &inside.join(name), lines);
        }
    }
}

fn attributes(path: &Path) -> String {
    let mut buffer = vec![0; 4096];
    let size = rustix::fs::llistxattr(path, &mut buffer).unwrap_or(0);
    let mut names: Vec<_> = buffer[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    let mut text = String::new();
    for name in names {
        let mut value = vec![0; 4096];
        let size = rustix::fs::lgetxattr(path, name, &mut value).unwrap();
        text += &format!("{}={:?} ", String::from_utf8_lossy(name), String::from_utf8_lossy(&value[..size]));
    }
    text
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// A small generator of numbers that gives the same ones for the same seed (xorshift64*).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }
}
