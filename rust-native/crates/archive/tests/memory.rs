//! How much memory a layer takes while it is unpacked. In a program of its own, because the kernel counts for the whole process.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs;

use box_archive::decode::Compression;
use box_archive::digest::Algorithm;
use box_archive::encode::LayerOutput;
use box_archive::pipeline::{Layer, LayerOptions, unpack_file};
use box_archive::tar::{Entry, Kind, writer};
use support::{Folder, Numbers, Tar, entry, open, options};

/// The most that a layer may take beside the process itself, in KiB.
const ALLOWED: u64 = 64 << 10;

/// The peak of the process since `forget_peak`, in KiB (proc(5), VmHWM).
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Packs what `fill` writes, and unpacks it. Gives the layer and how much memory that took, in KiB.
fn take(compression: Compression, fill: impl FnOnce(&mut LayerOutput)) -> (Layer, u64) {
    let place = Folder::new();
    let path = place.join("layer");
    let mut output = LayerOutput::new(fs::File::create(&path).unwrap().into(), compression, Some(1), Algorithm::Sha256).unwrap();
    fill(&mut output);
    output.write(&writer::END).unwrap();
    output.finish().unwrap();
    let target = place.sub("target");
    let unpack = options(&target);
    forget_peak();
    let before = peak();
    let options = LayerOptions { unpack, namespace: None, blob: None, compression: None, digest: None, size: None, diff_id: None };
    let layer = unpack_file(open(&path), options).unwrap();
    // The kernel counts pages for each processor apart, and so a little less at times.
    (layer, peak().saturating_sub(before))
}

#[test]
fn a_layer_takes_little_memory_whatever_it_holds() {
    let size = 96 << 20;
    let mut random = vec![0; 1 << 20];
    let mut numbers = Numbers(7);
    random.iter_mut().for_each(|byte| *byte = numbers.next() as u8);
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let (layer, memory) = take(compression, |output| {
            output.write(&writer::header(&Entry { size, ..entry("large", Kind::File) })).unwrap();
            (0..size >> 20).for_each(|_| output.write(&random).unwrap());
        });
        assert_eq!((layer.entries, layer.compression), (1, compression));
        assert!(memory < ALLOWED, "a large file in {}: {memory} KiB", compression.name());
    }
    let (layer, memory) = take(Compression::Gzip, |output| {
        for folder in 0..8000 {
            let tar = Tar::new().folder(&format!("f{folder}")).file(&format!("f{folder}/a"), b"x").symlink(&format!("f{folder}/b"), "a");
            output.write(&tar.0).unwrap();
        }
    });
    assert_eq!(layer.entries, 24_000);
    assert!(memory < ALLOWED, "many entries: {memory} KiB");
    let value = vec![b'v'; (1 << 20) - 100];
    let (layer, memory) = take(Compression::Gzip, |output| {
        for number in 0..64 {
            // A comment: it is read, and means nothing.
            output.write(&Tar::new().pax(&[("comment", &value)]).file(&format!("f{number}"), b"").0).unwrap();
        }
    });
    assert_eq!(layer.entries, 64);
    assert!(memory < ALLOWED, "large headers: {memory} KiB");
}
