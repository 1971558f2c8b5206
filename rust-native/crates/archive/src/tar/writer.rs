//! Writing a tar: ustar headers, and pax headers for what does not fit into them. Equal entries give equal bytes.

use super::header::BLOCK;
use super::{Entry, Kind, Time};

/// The header blocks of an entry, its pax header included. The content follows, filled up to whole blocks by `padding`.
pub fn header(entry: &Entry) -> Vec<u8> {
    let records = records(entry);
    let mut blocks = Vec::new();
    if !records.is_empty() {
        let pax = Entry {
            path: b"PaxHeaders/entry".to_vec(),
            kind: Kind::File,
            link: Vec::new(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: records.len() as u64,
            sparse: false,
            mtime: Time::default(),
            device: (0, 0),
            xattrs: Vec::new(),
        };
        blocks.extend_from_slice(&block(&pax, b'x'));
        blocks.extend_from_slice(&records);
        blocks.resize(blocks.len() + padding(records.len() as u64), 0);
    }
    blocks.extend_from_slice(&block(entry, typeflag(entry.kind)));
    blocks
}

/// How many zeros follow content of that size.
pub fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// What stands at the end of every archive.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The highest numbers that fields of 8 and of 12 bytes hold in octal.
const SHORT: u64 = 0o7_777_777;
const LONG: u64 = 0o77_777_777_777;
const NAME: usize = 100;

fn typeflag(kind: Kind) -> u8 {
    match kind {
        Kind::File => b'0',
        Kind::HardLink => b'1',
        Kind::Symlink => b'2',
        Kind::CharDevice => b'3',
        Kind::BlockDevice => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    }
}

fn records(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    for (name, value) in &entry.xattrs {
        record(&mut records, &[super::pax::XATTR, name].concat(), value);
    }
    if u64::from(entry.gid) > SHORT {
        record(&mut records, b"gid", entry.gid.to_string().as_bytes());
    }
    if entry.link.len() > NAME {
        record(&mut records, b"linkpath", &entry.link);
    }
    let Time { seconds, nanoseconds } = entry.mtime;
    if nanoseconds != 0 || !u64::try_from(seconds).is_ok_and(|seconds| seconds <= LONG) {
        record(&mut records, b"mtime", &decimal(entry.mtime));
    }
    if entry.path.len() > NAME {
        record(&mut records, b"path", &entry.path);
    }
    if entry.size > LONG {
        record(&mut records, b"size", entry.size.to_string().as_bytes());
    }
    if u64::from(entry.uid) > SHORT {
        record(&mut records, b"uid", entry.uid.to_string().as_bytes());
    }
    records
}

/// The length counts itself.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let content = key.len() + value.len() + 3;
    let mut length = content + 1;
    while length != content + length.to_string().len() {
        length = content + length.to_string().len();
    }
    records.extend_from_slice(length.to_string().as_bytes());
    records.push(b' ');
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn decimal(time: Time) -> Vec<u8> {
    let (sign, seconds, nanoseconds) = match time {
        Time { seconds, nanoseconds } if seconds >= 0 => ("", seconds.unsigned_abs(), nanoseconds),
        Time { seconds, nanoseconds: 0 } => ("-", seconds.unsigned_abs(), 0),
        Time { seconds, nanoseconds } => ("-", (seconds + 1).unsigned_abs(), 1_000_000_000 - nanoseconds),
    };
    if nanoseconds == 0 {
        return format!("{sign}{seconds}").into_bytes();
    }
    let fraction = format!("{nanoseconds:09}");
    format!("{sign}{seconds}.{}", fraction.trim_end_matches('0')).into_bytes()
}

fn block(entry: &Entry, typeflag: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, &cut(&entry.path));
    octal(&mut block, 100, 8, u64::from(entry.mode));
    octal(&mut block, 108, 8, within(u64::from(entry.uid), SHORT));
    octal(&mut block, 116, 8, within(u64::from(entry.gid), SHORT));
    octal(&mut block, 124, 12, within(entry.size, LONG));
    octal(&mut block, 136, 12, within(u64::try_from(entry.mtime.seconds).unwrap_or(0), LONG));
    put(&mut block, 148, b"        ");
    put(&mut block, 156, &[typeflag]);
    put(&mut block, 157, &cut(&entry.link));
    put(&mut block, 257, b"ustar\x0000");
    octal(&mut block, 329, 8, u64::from(entry.device.0));
    octal(&mut block, 337, 8, u64::from(entry.device.1));
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block, 148, 7, sum);
    block
}

/// What does not fit is in the pax header. There the field is of no account: 0, as readers without pax should not believe a part.
fn within(value: u64, highest: u64) -> u64 {
    if value <= highest { value } else { 0 }
}

fn cut(name: &[u8]) -> Vec<u8> {
    name.get(..NAME).unwrap_or(name).to_vec()
}

fn octal(block: &mut [u8; BLOCK], at: usize, length: usize, value: u64) {
    let digits = length - 1;
    put(block, at, format!("{value:0digits$o}").as_bytes());
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    if let Some(field) = block.get_mut(at..at + bytes.len()) {
        field.copy_from_slice(bytes);
    }
}
