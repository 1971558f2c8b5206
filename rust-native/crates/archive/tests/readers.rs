//! Ours beside other readers and writers, on real trees and on Go's own archives; and on archives that are cut or damaged anywhere.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use box_archive::limits::Limits;
use box_archive::pack::Options as PackOptions;
use box_archive::tar::{Entry, Kind, Reader, Sink, Time, writer};
use box_kernel::Result;
use proptest::prelude::*;
use support::lister::{Lister, read};
use support::trees::{everything, pack};
use support::{Folder, Tar, is_root, listing, open, options, unpack, unpack_in};

#[test]
fn gnu_tar_reads_what_we_write_and_we_read_what_it_writes() {
    let Ok(version) = Command::new("tar").arg("--version").output() else { return };
    if !String::from_utf8_lossy(&version.stdout).contains("GNU tar") || !is_root() {
        return;
    }
    let place = Folder::new();
    let first = place.sub("first");
    unpack(&first, &everything()).unwrap();
    for part in ["doc/bash", "doc/coreutils", "doc/tar", "perl5", "zoneinfo/Europe"] {
        let from = Path::new("/usr/share").join(part);
        if from.is_dir() {
            assert!(Command::new("cp").arg("-a").arg(&from).arg(&first).status().unwrap().success());
        }
    }
    let sparse = fs::File::create(first.join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"x", 5 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"y", 1 << 20).unwrap();
    drop(sparse);
    let expected = listing(&first);
    let gnu = |arguments: &[&str]| assert!(Command::new("tar").args(arguments).status().unwrap().success(), "{arguments:?}");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let formats: [&[&str]; 5] = [
        &["--format=pax", "--xattrs", "--xattrs-include=*"],
        &["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "--sparse-version=1.0"],
        &["--format=gnu", "--sparse"],
    ];
    for format in formats {
        let (archive, target) = (place.join("gnu.tar"), place.sub("gnu"));
        gnu(&[&["-c", "-f", &text(&archive), "-C", &text(&first)], format, &["."]].concat());
        unpack_in(options(&target), &fs::read(&archive).unwrap(), 10_000).unwrap();
        let found = listing(&target);
        if format[0] == "--format=pax" {
            assert_eq!(found, expected, "{format:?}");
        } else {
            // GNU's own format has whole seconds and no attributes.
            let cut = |lines: &[String]| -> Vec<String> { lines.iter().map(|line| line.split('.').next().unwrap().to_owned()).collect() };
            assert_eq!(cut(&found), cut(&expected), "{format:?}");
        }
        let parent = open(&place.path);
        box_archive::tree::remove_tree(parent.as_fd(), b"gnu").unwrap();
    }
    let (ours, target) = (place.join("ours.tar"), place.sub("theirs"));
    pack(&first, &ours, &PackOptions::default());
    gnu(&["-x", "-p", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-f", &text(&ours), "-C", &text(&target)]);
    assert_eq!(listing(&target)[1..], expected[1..]);
}

/// Where we read Go's archives otherwise than Go does, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("gnu-incremental.tar", "a folder's list of an incremental dump is no content of a layer"),
    ("gnu-multi-hdrs.tar", "two long names for one entry: others take the first"),
    ("hdr-only.tar", "links and folders with a size: others skip that much"),
    ("invalid-go17.tar", "a prefix in GNU's format, once written by mistake: others read times there"),
    ("pax-global-records.tar", "a global path: Go takes no notice of it, others name every entry so"),
    ("pax-multi-hdrs.tar", "two pax headers for one entry: others join them"),
    ("pax-path-hdr.tar", "a pax header without an entry: the archive is not whole"),
    ("pax-pos-size-file.tar", "a size with a sign: POSIX has digits only"),
];

#[test]
fn archives_of_go_are_read_as_go_reads_them() {
    let Ok(root) = Command::new("go").args(["env", "GOROOT"]).output() else { return };
    let data = Path::new(String::from_utf8_lossy(&root.stdout).trim()).join("src/archive/tar/testdata");
    if !data.is_dir() {
        return;
    }
    let place = Folder::new();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/list.go");
    let status = Command::new("go").arg("run").arg(program).arg(&data).arg(&place.path).status().unwrap();
    assert!(status.success());
    let mut files: Vec<_> = fs::read_dir(&place.path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_none_or(|extension| extension != "list"));
    files.sort();
    assert!(files.len() > 30);
    let mut differences = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let theirs = fs::read_to_string(place.join(&format!("{name}.list"))).unwrap();
        let ours = match read(&fs::read(&file).unwrap()) {
            Ok(lines) => lines.into_iter().map(|line| line + "\n").collect(),
            Err(failure) => {
                assert!(failure.code.is_some(), "{name}: {failure}");
                format!("refused: {failure}")
            }
        };
        let same = theirs == ours || (theirs == "refused\n" && ours.starts_with("refused"));
        if !same {
            differences.push((name, theirs, ours));
        }
    }
    let found: Vec<&str> = differences.iter().map(|(name, ..)| name.as_str()).collect();
    let listed: Vec<&str> = OTHERWISE.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, listed, "{differences:#?}");
}

#[test]
fn an_archive_that_is_cut_is_an_error() {
    let tar = Tar::new().folder("a").file("a/b", &[7; 1500]).pax(&[("mtime", b"1.5")]).file("c", b"x").symlink("d", "c").end();
    for length in (0..tar.len() - 512).step_by(512).chain([1, 100, 513, tar.len() - 513, tar.len() - 511]) {
        let place = Folder::new();
        let failure = unpack(&place.path, &tar[..length]).unwrap_err();
        assert_eq!(failure.code, Some("ERR_BOX_LAYER_INVALID"), "cut at {length}");
    }
    let place = Folder::new();
    unpack(&place.path, &tar[..tar.len() - 512]).unwrap();
    // A digest that holds proves that nothing is missing.
    let mut reader = Reader::new(Limits::default());
    reader.push(&tar[..tar.len() - 1024], &mut Lister::default()).unwrap();
    assert!(reader.finish(true).is_ok() && reader.finish(false).is_err());
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'a'), Just(b'='), 1_u8..=255], 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_entry_that_is_written_is_read_again(
        path in any_name(), link in any_name(), mode in 0_u32..0o10000, uid in 0..u32::MAX, gid in 0..u32::MAX,
        seconds in any::<i64>().prop_map(|seconds| seconds / 4), nanoseconds in 0_u32..1_000_000_000,
        xattrs in proptest::collection::btree_map("[a-z]{1,9}\\.[a-z.]{1,300}", proptest::collection::vec(any::<u8>(), 0..300), 0..4),
        content in proptest::collection::vec(any::<u8>(), 0..2000), symlink in any::<bool>(), piece in 1_usize..3000,
    ) {
        prop_assume!(!path.ends_with(b"/"));
        let (kind, link, content) = if symlink { (Kind::Symlink, link, Vec::new()) } else { (Kind::File, Vec::new(), content) };
        let xattrs: Vec<_> = xattrs.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
        let mtime = Time { seconds, nanoseconds };
        let entry = Entry { path, kind, link, mode, uid, gid, size: content.len() as u64, sparse: false, mtime, device: (0, 0), xattrs };
        let tar = Tar::new().entry(&entry).content(&content).end();
        let mut reader = Reader::new(Limits::default());
        let mut kept = Kept::default();
        for piece in tar.chunks(piece) {
            reader.push(piece, &mut kept).unwrap();
        }
        reader.finish(false).unwrap();
        prop_assert_eq!(kept.entries, vec![(entry, content)]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _outcome = read(&bytes);
    }
}

#[derive(Default)]
struct Kept {
    entries: Vec<(Entry, Vec<u8>)>,
}

impl Sink for Kept {
    fn begin(&mut self, entry: Entry) -> Result<()> {
        self.entries.push((entry, Vec::new()));
        Ok(())
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let (_, content) = self.entries.last_mut().unwrap();
        assert_eq!(content.len() as u64, offset);
        content.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn padding_fills_blocks() {
    assert_eq!([0, 1, 511, 512, 513].map(writer::padding), [0, 511, 1, 0, 511]);
}
