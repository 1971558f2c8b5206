//! Compressed streams, whole layers, and their ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::channel;

use box_archive::decode::{Compression, Decoder, Output};
use box_archive::digest::{Algorithm, Digest, Hasher};
use box_archive::encode::LayerOutput;
use box_archive::limits::Limits;
use box_archive::pipeline::{Blob, Layer, LayerOptions, LayerWriter, unpack_file};
use box_kernel::Result;
use support::{Folder, Numbers, Tar, listing, open, options};

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
fn decode(compression: Option<Compression>, input: &[u8], piece: usize, room: usize) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(compression)?;
    let mut output = Collected { bytes: Vec::new(), room: vec![0; room] };
    for piece in input.chunks(piece) {
        decoder.push(piece, &mut output)?;
    }
    decoder.finish(&mut output)?;
    Ok(output.bytes)
}

fn encode(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let place = Folder::new();
    let path = place.join("out");
    let mut output = LayerOutput::new(fs::File::create(&path).unwrap().into(), compression, None, Algorithm::Sha256).unwrap();
    output.write(bytes).unwrap();
    let encoded = output.finish().unwrap();
    let written = fs::read(&path).unwrap();
    assert_eq!((encoded.digest, encoded.size), (digest(&written), written.len() as u64));
    assert_eq!((encoded.diff_id, encoded.uncompressed_size), (digest(bytes), bytes.len() as u64));
    written
}

fn digest(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.finish()
}

fn sample(size: usize) -> Vec<u8> {
    let mut numbers = Numbers(7);
    (0..size).map(|_| if numbers.below(3) == 0 { numbers.next() as u8 } else { b'a' }).collect()
}

#[test]
fn digests_are_those_of_the_standards() {
    assert_eq!(digest(b"abc").to_string(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(b"");
    assert!(hasher.finish().to_string().starts_with("sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"));
    for bad in [
        "",
        "sha256",
        "sha256:",
        "sha256:abc",
        &format!("sha256:{}", "A".repeat(64)),
        &format!("md5:{}", "a".repeat(32)),
        &format!("sha256:{}", "a".repeat(65)),
        &format!("sha512:{}", "a".repeat(64)),
        &format!("sha256:{}/../", "a".repeat(60)),
    ] {
        assert_eq!(bad.parse::<Digest>().unwrap_err().code, Some("ERR_BOX_DIGEST_INVALID"), "{bad}");
    }
}

#[test]
fn streams_come_back_whatever_the_pieces() {
    let bytes = sample(100_000);
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let stream = encode(compression, &bytes);
        assert_eq!(encode(compression, &bytes), stream, "equal content gives equal bytes");
        for (piece, room) in [(1, 256 << 10), (7, 1), (1000, 4096), (1 << 20, 100), (1 << 20, 1 << 20)] {
            assert_eq!(decode(Some(compression), &stream, piece, room).unwrap(), bytes, "{compression:?} {piece} {room}");
            assert_eq!(decode(None, &stream, piece, room).unwrap(), bytes, "{compression:?} {piece} {room}, found");
        }
    }
    assert_eq!(decode(None, b"", 1, 1).unwrap(), b"");
    assert_eq!(decode(None, b"abc", 1, 1).unwrap(), b"abc");
}

#[test]
fn gzip_has_members_padding_and_all_header_fields() {
    let one = encode(Compression::Gzip, b"one ");
    let two = encode(Compression::Gzip, b"two");
    let members = [one.clone(), two.clone()].concat();
    assert_eq!(decode(None, &members, 3, 2).unwrap(), b"one two");
    assert_eq!(decode(None, &[members.clone(), vec![0; 1000]].concat(), 3, 2).unwrap(), b"one two");
    assert_eq!(decode(None, &[members.clone(), vec![0; (1 << 20) + 1]].concat(), 1000, 1000).unwrap_err().code, Some("ERR_BOX_LIMIT"));
    for rest in [&b"garbage"[..], b"\0\0x", b"\x1f", b"\x1f\x8c"] {
        assert_eq!(decode(None, &[&members, rest].concat(), 1000, 1000).unwrap_err().code, Some("ERR_BOX_LAYER_INVALID"), "{rest:?}");
    }
    // Extra field, name, comment and the header's checksum, all at once.
    let mut header = vec![0x1f, 0x8b, 8, 4 | 8 | 16 | 2, 0, 0, 0, 0, 0, 3, 5, 0];
    header.extend_from_slice(b"extraname\0comment\0");
    let crc = crc32fast::hash(&header) as u16;
    header.extend_from_slice(&crc.to_le_bytes());
    let full = [header.clone(), one[10..].to_vec()].concat();
    for piece in [1, 5, 1000] {
        assert_eq!(decode(None, &full, piece, 3).unwrap(), b"one ");
    }
    let mut damaged = full.clone();
    damaged[14] ^= 1;
    assert_eq!(decode(None, &damaged, 1000, 1000).unwrap_err().code, Some("ERR_BOX_LAYER_INVALID"));
    let endless = [vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3], vec![b'n'; 1 << 20]].concat();
    assert_eq!(decode(None, &endless, 1000, 1000).unwrap_err().code, Some("ERR_BOX_LIMIT"));
}

#[test]
fn a_damaged_or_cut_stream_is_an_error() {
    let bytes = sample(3000);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let stream = encode(compression, &bytes);
        for length in 0..stream.len() {
            let outcome = decode(Some(compression), &stream[..length], 512, 512);
            assert_eq!(outcome.unwrap_err().code, Some("ERR_BOX_LAYER_INVALID"), "{compression:?} cut at {length}");
        }
    }
    let stream = encode(Compression::Gzip, &bytes);
    for at in (10..stream.len()).step_by(37) {
        let mut damaged = stream.clone();
        damaged[at] ^= 0x10;
        assert!(decode(None, &damaged, 512, 512).is_err(), "damaged at {at}");
    }
    assert!(decode(Some(Compression::Zstd), &stream, 512, 512).is_err());
    assert!(decode(Some(Compression::Gzip), b"plain", 512, 512).is_err());
}

#[test]
fn a_window_of_zstd_is_limited() {
    // A frame header that declares a window of 256 MiB (RFC 8878, 3.1.1.1.2), and an empty last block.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 18 << 3, 0x01, 0x00, 0x00];
    assert_eq!(decode(None, &frame, 100, 100).unwrap_err().code, Some("ERR_BOX_LIMIT"));
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
    assert_eq!(decode(None, &frame, 100, 100).unwrap(), b"");
}

#[test]
fn a_layer_that_was_told_to_finish_does_so_without_its_handle() {
    let place = Folder::new();
    let (stream, tar) = layer();
    let writer = LayerWriter::start(layer_options(&place.path)).unwrap();
    for piece in stream.chunks(1 << 20) {
        let _answer = writer.write(piece.to_vec(), || Box::new(|_| {}));
    }
    let (tell, told) = channel();
    writer.finish(Box::new(move |outcome| tell.send(outcome).unwrap()));
    drop(writer);
    assert_eq!(told.recv().unwrap().unwrap().diff_id, digest(&tar));
}

fn layer_options(folder: &std::path::Path) -> LayerOptions {
    LayerOptions { unpack: options(folder), namespace: None, blob: None, compression: None, digest: None, size: None, diff_id: None }
}

/// Sends a layer in pieces, as a network does.
fn send(options: LayerOptions, bytes: &[u8]) -> Result<Layer> {
    let writer = LayerWriter::start(options)?;
    for piece in bytes.chunks(10_000) {
        let (tell, told) = channel();
        match writer.write(piece.to_vec(), || Box::new(move |outcome| tell.send(outcome).unwrap())) {
            Some(outcome) => outcome?,
            None => told.recv().unwrap()?,
        }
    }
    let (tell, told) = channel();
    writer.finish(Box::new(move |outcome| tell.send(outcome).unwrap()));
    told.recv().unwrap()
}

fn layer() -> (Vec<u8>, Vec<u8>) {
    let tar = Tar::new().folder("a").file("a/large", &sample(3 << 20)).file("b", b"small").end();
    (encode(Compression::Gzip, &tar), tar)
}

#[test]
fn a_layer_is_hashed_kept_and_unpacked_in_one_pass() {
    let place = Folder::new();
    let (stream, tar) = layer();
    let target = place.sub("tree");
    let blob: OwnedFd = fs::File::create(place.join("blob")).unwrap().into();
    let options = LayerOptions {
        blob: Some(Blob { file: blob, resume: 0 }),
        digest: Some(digest(&stream)),
        size: Some(stream.len() as u64),
        diff_id: Some(digest(&tar)),
        ..layer_options(&target)
    };
    let layer = send(options, &stream).unwrap();
    assert_eq!((layer.digest, layer.size), (digest(&stream), stream.len() as u64));
    assert_eq!((layer.diff_id, layer.uncompressed_size), (digest(&tar), tar.len() as u64));
    assert_eq!((layer.compression, layer.entries), (Compression::Gzip, 3));
    assert_eq!(fs::read(place.join("blob")).unwrap(), stream);
    assert_eq!(layer.report.usage, box_archive::tree::measure(open(&target).as_fd()).unwrap());
    assert_eq!(layer.report.usage.inodes, 3);
    assert_eq!(fs::read(target.join("a/large")).unwrap(), sample(3 << 20));
    let from_file = place.sub("from-file");
    unpack_file(open(&place.join("blob")), layer_options(&from_file)).unwrap();
    assert_eq!(listing(&from_file)[1..], listing(&target)[1..]);
}

#[test]
fn a_layer_goes_on_from_what_is_there() {
    let (stream, tar) = layer();
    for kept in [0, 1, 5000, stream.len() / 2, stream.len()] {
        let place = Folder::new();
        let target = place.sub("tree");
        fs::write(place.join("blob"), &stream[..kept]).unwrap();
        let file: OwnedFd = fs::OpenOptions::new().read(true).write(true).open(place.join("blob")).unwrap().into();
        let options = LayerOptions {
            blob: Some(Blob { file, resume: kept as u64 }),
            digest: Some(digest(&stream)),
            diff_id: Some(digest(&tar)),
            ..layer_options(&target)
        };
        send(options, &stream[kept..]).unwrap();
        assert_eq!(fs::read(place.join("blob")).unwrap(), stream);
    }
    let place = Folder::new();
    fs::write(place.join("blob"), b"short").unwrap();
    let options = LayerOptions { blob: Some(Blob { file: open(&place.join("blob")), resume: 6 }), ..layer_options(&place.path) };
    assert_eq!(send(options, b"").unwrap_err().code, Some("ERR_BOX_SIZE_MISMATCH"));
}

#[test]
fn what_was_promised_is_checked() {
    let (stream, tar) = layer();
    let mut damaged = stream.clone();
    damaged[5000] ^= 1;
    let (right, right_inside, size) = (Some(digest(&stream)), Some(digest(&tar)), Some(stream.len() as u64));
    let wrong = Some(digest(b"other"));
    let bomb = encode(Compression::Gzip, &vec![0; 4 << 20]);
    type Row<'row> = (&'row str, &'row [u8], Option<Digest>, Option<u64>, Option<Digest>, &'static str);
    let rows: Vec<Row<'_>> = vec![
        ("another digest", &stream, wrong.clone(), size, right_inside.clone(), "ERR_BOX_DIGEST_MISMATCH"),
        ("another diffID", &stream, right.clone(), size, wrong, "ERR_BOX_DIGEST_MISMATCH"),
        ("too long", &stream, None, size.map(|size| size - 1), None, "ERR_BOX_SIZE_MISMATCH"),
        ("too short", &stream, None, size.map(|size| size + 1), None, "ERR_BOX_SIZE_MISMATCH"),
        ("cut, and the size is known", &stream[..5000], right.clone(), size, None, "ERR_BOX_SIZE_MISMATCH"),
        ("cut, and the digest is known", &stream[..5000], right.clone(), None, None, "ERR_BOX_DIGEST_MISMATCH"),
        ("cut, and nothing is known", &stream[..5000], None, None, None, "ERR_BOX_LAYER_INVALID"),
        // Damaged on the way, and not by who made it.
        ("damaged, and the digest is known", &damaged, right, size, None, "ERR_BOX_DIGEST_MISMATCH"),
        ("damaged, and nothing is known", &damaged, None, None, None, "ERR_BOX_LAYER_INVALID"),
        ("a bomb", &bomb, None, None, None, "ERR_BOX_LIMIT"),
        ("a bomb whose digest is known", &bomb, Some(digest(&bomb)), None, None, "ERR_BOX_LIMIT"),
        ("no archive", b"hello", None, None, None, "ERR_BOX_LAYER_INVALID"),
        ("nothing", b"", None, None, None, "ERR_BOX_LAYER_INVALID"),
    ];
    for (name, bytes, digest, size, diff_id, code) in rows {
        let place = Folder::new();
        let target = place.sub("tree");
        let blob = fs::File::create(place.join("blob")).unwrap();
        let mut options =
            LayerOptions { digest, size, diff_id, blob: Some(Blob { file: blob.into(), resume: 0 }), ..layer_options(&target) };
        options.unpack.limits.ratio_free = if name.starts_with("a bomb") { 1 << 20 } else { 64 << 20 };
        let failure = send(options, bytes).unwrap_err();
        assert_eq!(failure.code, Some(code), "{name}: {failure}");
        let kept = fs::metadata(place.join("blob")).unwrap().len();
        assert!(kept <= size.unwrap_or(u64::MAX), "{name}: {kept} bytes were kept");
    }
}

#[test]
fn limits_hold_for_streams() {
    let place = Folder::new();
    let tar = Tar::new().file("a", &vec![0; 2 << 20]).end();
    let mut options = layer_options(&place.path);
    options.unpack.limits = Limits { total_size: 1 << 20, ..Limits::default() };
    assert_eq!(send(options, &tar).unwrap_err().code, Some("ERR_BOX_LIMIT"));
}

fn threads_and_descriptors() -> (usize, usize) {
    (fs::read_dir("/proc/self/task").unwrap().count(), fs::read_dir("/proc/self/fd").unwrap().count())
}

/// Alone in its process, so that nobody else's descriptors are counted.
#[test]
fn giving_up_leaves_no_thread_and_no_descriptor() {
    if std::env::var_os("BOX_TEST_ALONE").is_none() {
        let this = std::env::current_exe().unwrap();
        let arguments = ["--exact", "giving_up_leaves_no_thread_and_no_descriptor", "--test-threads=1"];
        let status = std::process::Command::new(this).args(arguments).env("BOX_TEST_ALONE", "1").status().unwrap();
        assert!(status.success());
        return;
    }
    let place = Folder::new();
    let (stream, _) = layer();
    let before = threads_and_descriptors();
    for length in [0, 100, 50_000, stream.len()] {
        let writer = LayerWriter::start(layer_options(&place.path)).unwrap();
        let accepted = writer.write(stream[..length].to_vec(), || Box::new(|_| {}));
        assert_eq!(accepted, Some(Ok(())));
        let (tell, told) = channel();
        writer.abort(Box::new(move || tell.send(()).unwrap()));
        told.recv().unwrap();
        assert_eq!(writer.write(vec![1], || Box::new(|_| {})).unwrap().unwrap_err().code, Some("ERR_BOX_STATE"));
        let (tell, told) = channel();
        writer.finish(Box::new(move |outcome| tell.send(outcome).unwrap()));
        assert_eq!(told.recv().unwrap().unwrap_err().code, Some("ERR_BOX_STATE"));
    }
    // The thread's last act is to tell: it may be on its way out still.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while threads_and_descriptors() != before && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(threads_and_descriptors(), before);
}

#[test]
fn a_full_queue_holds_the_sender_back() {
    let place = Folder::new();
    let layer = LayerWriter::start(layer_options(&place.path)).unwrap();
    let stream = Tar::new().file("a", &sample(8 << 20)).end();
    let (tell, told) = channel();
    let mut waited = 0;
    for piece in stream.chunks(256 << 10) {
        let tell = tell.clone();
        if layer.write(piece.to_vec(), || Box::new(move |outcome| tell.send(outcome).unwrap())).is_none() {
            waited += 1;
        }
    }
    // 8 MiB are given faster than they are hashed and written, and no more than the queue's room is taken at once.
    assert!(waited > 0);
    for _ in 0..waited {
        told.recv().unwrap().unwrap();
    }
    let (tell, told) = channel();
    layer.finish(Box::new(move |outcome| tell.send(outcome).unwrap()));
    assert_eq!(told.recv().unwrap().unwrap().entries, 1);
}
