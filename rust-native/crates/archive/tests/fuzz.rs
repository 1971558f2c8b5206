//! Archives and streams of many writers (`corpus/`), damaged at random: each is read or refused, without a panic, without a byte beyond a file's
//! end, without anything made outside, and the same whatever the pieces in which it arrives. `BOX_FUZZ_SECONDS` says for how long, `BOX_SEED` repeats a run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use box_archive::decode::{Decoder, Output};
use box_kernel::Result;
use support::lister::read_in;
use support::{Folder, Numbers, unpack};

/// The corpus's files with one of those extensions, by name.
fn corpus(extensions: &[&str]) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| extensions.iter().any(|wanted| path.extension().is_some_and(|extension| extension == *wanted)))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Damages inputs and gives each to `check` with numbers of its own. What fails is kept in a file, which the message names.
fn fuzz(seeds: &[(String, Vec<u8>)], rounds: usize, damage: fn(&mut Numbers, &mut Vec<u8>, &[u8]), check: fn(&mut Numbers, usize, &[u8])) {
    let seconds = std::env::var("BOX_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let given = std::env::var("BOX_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or(if seconds.is_some() { now } else { 0x5eed }) | 1;
    let until = seconds.map(|seconds| Instant::now() + seconds);
    let mut numbers = Numbers(seed);
    let mut round = 0;
    while until.map_or(round < rounds, |until| Instant::now() < until) {
        let (name, original) = &seeds[round % seeds.len()];
        let (_, other) = &seeds[numbers.below(seeds.len())];
        let mut input = original.clone();
        damage(&mut numbers, &mut input, other);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&mut numbers, round, &input))) {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("failed-{seed}-{name}"));
            fs::write(&path, &input).unwrap();
            eprintln!("BOX_SEED={seed}, round {round}, made of {name}: {}", path.display());
            resume_unwind(panic);
        }
        round += 1;
    }
    eprintln!("{round} inputs of seed {seed}");
}

#[test]
fn every_file_of_the_corpus_is_read() {
    let tars = corpus(&["tar"]);
    assert!(tars.len() > 10);
    for (name, tar) in tars {
        assert!(!read_in(&tar, 1000).unwrap_or_else(|failure| panic!("{name}: {failure}")).is_empty(), "{name}");
    }
    let streams = corpus(&["gz", "zst"]);
    assert!(streams.len() > 5);
    for (name, stream) in streams {
        assert!(!decode(&stream, 100, 100).unwrap_or_else(|failure| panic!("{name}: {failure}")).is_empty(), "{name}");
    }
}

#[test]
fn damaged_archives_are_read_or_refused() {
    fuzz(&corpus(&["tar"]), 4000, damage_archive, |numbers, round, tar| {
        let whole = outcome(read_in(tar, tar.len().max(1)));
        assert_eq!(outcome(read_in(tar, 1 + numbers.below(1500))), whole, "the pieces decide what is read");
        if round % 20 == 0 {
            let place = Folder::new();
            let target = place.sub("target");
            let _outcome = unpack(&target, tar);
            assert_eq!(fs::read_dir(&place.path).unwrap().count(), 1, "something was made outside");
        }
    });
}

#[test]
fn damaged_streams_are_read_or_refused() {
    fuzz(&corpus(&["gz", "zst"]), 3000, damage_stream, |numbers, _, stream| {
        let whole = outcome(decode(stream, stream.len().max(1), 1 << 16));
        let pieces = outcome(decode(stream, 1 + numbers.below(700), 1 + numbers.below(700)));
        match (&whole, &pieces) {
            (Ok(one), Ok(other)) => assert!(one == other, "the pieces decide what is read"),
            // A frame of zstd that is there whole is decoded without a window, and then its size is not looked at.
            (Err(_), Err(_)) | (Err("ERR_BOX_LIMIT"), Ok(_)) | (Ok(_), Err("ERR_BOX_LIMIT")) => {}
            (one, other) => panic!("the pieces decide whether it is read: {one:?}, {other:?}"),
        }
    });
}

/// What was read, or the code of the refusal, which must be one of those for bad input.
fn outcome<Value>(read: Result<Value>) -> std::result::Result<Value, &'static str> {
    read.map_err(|failure| match failure.code {
        Some(code @ ("ERR_BOX_LAYER_INVALID" | "ERR_BOX_LIMIT")) => code,
        _ => panic!("{failure}"),
    })
}

fn damage_archive(numbers: &mut Numbers, tar: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(tar.len());
        let block = at / 512 * 512;
        match numbers.below(7) {
            0 => tar[at] = numbers.next() as u8,
            1 => tar[at] ^= 1 << numbers.below(8),
            2 => tar.truncate(at + 1),
            3 => {
                // A block of this archive or of another one, put in or in place of one.
                let source = if numbers.below(2) == 0 { other } else { &*tar };
                let from = numbers.below(source.len()) / 512 * 512;
                let piece = source[from..(from + 512 * (1 + numbers.below(3))).min(source.len())].to_vec();
                let end = if numbers.below(2) == 0 { block } else { (block + 512).min(tar.len()) };
                tar.splice(block..end, piece);
            }
            4 => tar[block..(at + 1).min(block + 512)].fill(0),
            5 => {
                // The kind of an entry.
                if let Some(kind) = tar.get_mut(block + 156) {
                    *kind = b"01234567xgLKSDMVZ\0"[numbers.below(18)];
                }
            }
            _ => {
                let digits = match numbers.below(3) {
                    0 => format!("{}", numbers.next()),
                    1 => format!("{:o}\0", numbers.next() >> (numbers.below(64) as u32)),
                    _ => format!("{} ", numbers.below(1000)),
                };
                let end = (at + digits.len()).min(tar.len());
                tar[at..end].copy_from_slice(&digits.as_bytes()[..end - at]);
            }
        }
    }
    // A checksum that is right again lets the damage in further.
    for block in tar.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" && numbers.below(8) > 0 {
            support::seal(block);
        }
    }
}

fn damage_stream(numbers: &mut Numbers, stream: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=numbers.below(3) {
        // Headers decide the most, and are short.
        let limit = if numbers.below(2) == 0 { stream.len() } else { 16.min(stream.len()) };
        let at = numbers.below(limit);
        match numbers.below(5) {
            0 => stream[at] = numbers.next() as u8,
            1 => stream[at] ^= 1 << numbers.below(8),
            2 => stream.truncate(at + 1),
            3 => stream.extend_from_slice(other),
            _ => {
                let from = numbers.below(other.len());
                stream.splice(at..at, other[from..(from + 40).min(other.len())].iter().copied());
            }
        }
    }
}

struct Collected {
    bytes: Vec<u8>,
    room: Vec<u8>,
}

impl Output for Collected {
    fn space(&mut self) -> &mut [u8] {
        &mut self.room
    }

    fn advance(&mut self, count: usize) -> Result<()> {
        assert!(count > 0);
        self.bytes.extend_from_slice(&self.room[..count]);
        Ok(())
    }
}

/// Decodes with pieces and room of those sizes.
fn decode(input: &[u8], piece: usize, room: usize) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(None)?;
    let mut output = Collected { bytes: Vec::new(), room: vec![0; room] };
    for piece in input.chunks(piece) {
        decoder.push(piece, &mut output)?;
    }
    decoder.finish(&mut output)?;
    Ok(output.bytes)
}
