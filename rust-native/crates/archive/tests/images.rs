//! The files of images as their layers' archives have them: listed, read, merged, compressed anew, and the index of an archive.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs::{self, File};
use std::os::fd::AsFd;

use box_archive::decode::Compression;
use box_archive::image::{Below, FileTree, StoredLayer, copy, list, merge, read_file, transcode};
use box_archive::index::index;
use box_archive::limits::Limits;
use box_archive::pack::Options;
use box_archive::tar::Kind;
use support::lister::read;
use support::{Folder, Numbers, Tar, open};

fn stored(place: &Folder, name: &str, bytes: &[u8]) -> StoredLayer {
    fs::write(place.join(name), bytes).unwrap();
    StoredLayer { file: open(&place.join(name)), offset: 0, size: bytes.len() as u64, compression: None, digest: None }
}

fn layers(place: &Folder, tars: &[Tar]) -> Vec<StoredLayer> {
    tars.iter().enumerate().map(|(number, tar)| stored(place, &format!("layer-{number}"), &tar.clone().end())).collect()
}

fn names(tree: &FileTree) -> Vec<String> {
    list(tree).into_iter().map(|listed| String::from_utf8(listed.path).unwrap()).collect()
}

fn tree(layers: &[StoredLayer], below: Below) -> FileTree {
    FileTree::read(layers, below, Limits::default()).unwrap()
}

#[test]
fn layers_one_above_the_other_hide_and_replace() {
    // What the layers are, what is seen of them, and what one layer of them is to say to those below.
    let table: &[(&[Tar], &[&str], &[&str])] = &[
        (&[], &[], &[]),
        (&[Tar::new().file("a/b", b"x")], &["a", "a/b"], &["a/b"]),
        (&[Tar::new().file("a", b"x"), Tar::new().file(".wh.a", b"")], &[], &[".wh.a"]),
        (&[Tar::new().file("a", b"x"), Tar::new().file(".wh.a", b"").file("a", b"y")], &["a"], &["a"]),
        (
            &[Tar::new().folder("d").file("d/a", b"x"), Tar::new().folder("d").file("d/.wh..wh..opq", b"").file("d/b", b"y")],
            &["d", "d/b"],
            &["d/", "d/.wh..wh..opq", "d/b"],
        ),
        (&[Tar::new().folder("d").file("d/a", b"x"), Tar::new().file("d", b"y")], &["d"], &["d"]),
        (&[Tar::new().file("d", b"x"), Tar::new().folder("d").file("d/a", b"y")], &["d", "d/a"], &["d/", "d/.wh..wh..opq", "d/a"]),
        (&[Tar::new().folder("d").symlink("l", "d"), Tar::new().file("l/a", b"x")], &["d", "d/a", "l"], &["d/", "d/a", "l"]),
    ];
    for (number, (tars, seen, merged)) in table.iter().enumerate() {
        let place = Folder::new();
        let layers = layers(&place, tars);
        assert_eq!(names(&tree(&layers, Below::Nothing)), *seen, "row {number}");
        let output = File::create(place.join("merged")).unwrap();
        let options = Options { compression: Some(Compression::None), ..Options::default() };
        merge(&tree(&layers, Below::Layers), &layers, output.into(), &options).unwrap();
        let mut found: Vec<String> = read(&fs::read(place.join("merged")).unwrap())
            .unwrap()
            .into_iter()
            .map(|line| line.split(' ').nth(1).unwrap().trim_matches('"').to_owned())
            .collect();
        found.sort();
        let mut wanted: Vec<String> = merged.iter().map(|name| (*name).to_owned()).collect();
        wanted.sort();
        assert_eq!(found, wanted, "row {number}");
    }
}

#[test]
fn files_are_read_by_way_of_links_and_never_outside() {
    let place = Folder::new();
    let layers = layers(
        &place,
        &[
            Tar::new()
                .folder("etc")
                .file("etc/file", b"content")
                .link("etc/second", "etc/file")
                .symlink("etc/up", "../../../../../etc/file")
                .symlink("absolute", "/etc/file")
                .symlink("loop", "loop")
                .symlink("outside", "/proc/self/environ"),
            Tar::new().file("etc/file", b"newer").symlink("etc/folder", "/etc"),
        ],
    );
    let tree = tree(&layers, Below::Nothing);
    let of = |path: &str| read_file(&tree, &layers, path.as_bytes(), 100).map(|bytes| String::from_utf8(bytes).unwrap());
    for (path, content) in [
        ("etc/file", "newer"),
        ("/etc/../etc/./file", "newer"),
        ("etc/second", "content"),
        ("etc/up", "newer"),
        ("absolute", "newer"),
        ("etc/folder/folder/second", "content"),
    ] {
        assert_eq!(of(path).unwrap(), content, "{path}");
    }
    for (path, code) in [
        ("nothing", "ERR_BOX_NOT_FOUND"),
        ("outside", "ERR_BOX_NOT_FOUND"),
        ("etc/file/below", "ERR_BOX_NOT_FOUND"),
        ("etc", "ERR_BOX_INVALID_ARGUMENT"),
        ("", "ERR_BOX_INVALID_ARGUMENT"),
        ("loop", "ERR_BOX_LAYER_INVALID"),
    ] {
        assert_eq!(of(path).unwrap_err().code, Some(code), "{path}");
    }
    assert_eq!(read_file(&tree, &layers, b"etc/second", 6).unwrap_err().code, Some("ERR_BOX_LIMIT"));
}

#[test]
fn another_compression_keeps_every_byte() {
    let place = Folder::new();
    let tar = Tar::new().file("a", &[7; 100_000]).file("b", b"x").end();
    let plain = stored(&place, "plain", &tar);
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let path = place.join("compressed");
        let options = Options { compression: Some(compression), ..Options::default() };
        let encoded = transcode(&plain, File::create(&path).unwrap().into(), &options).unwrap();
        assert_eq!((encoded.size, encoded.uncompressed_size), (fs::metadata(&path).unwrap().len(), tar.len() as u64));
        // Back again, by what the first bytes say; its digest is compared on the way.
        let again =
            StoredLayer { file: open(&path), offset: 0, size: encoded.size, compression: None, digest: Some(encoded.digest.clone()) };
        let options = Options { compression: Some(Compression::None), ..Options::default() };
        let back = transcode(&again, File::create(place.join("back")).unwrap().into(), &options).unwrap();
        assert_eq!(back.digest, encoded.diff_id);
        assert_eq!(fs::read(place.join("back")).unwrap(), tar);
        let wrong = StoredLayer { digest: Some(encoded.diff_id.clone()), ..again };
        let outcome = transcode(&wrong, File::create(place.join("back")).unwrap().into(), &Options::default());
        if compression != Compression::None {
            assert_eq!(outcome.unwrap_err().code, Some("ERR_BOX_DIGEST_MISMATCH"));
        }
    }
}

#[test]
fn a_part_of_a_file_is_copied_as_it_is_and_a_short_one_is_an_error() {
    let place = Folder::new();
    fs::write(place.join("archive"), b"before|the layer|after").unwrap();
    let part = |size| StoredLayer { file: open(&place.join("archive")), offset: 7, size, compression: None, digest: None };
    copy(&part(9), &File::create(place.join("copy")).unwrap().into()).unwrap();
    assert_eq!(fs::read(place.join("copy")).unwrap(), b"the layer");
    let outcome = copy(&part(1000), &File::create(place.join("copy")).unwrap().into());
    assert_eq!(outcome.unwrap_err().code, Some("ERR_BOX_SIZE_MISMATCH"));
}

#[test]
fn the_index_of_an_archive_says_where_each_content_is() {
    let place = Folder::new();
    let long = format!("{}file", "long/".repeat(60));
    let tar =
        Tar::new().file("first", b"one").folder("folder").symlink("link", "first").file(&long, &[9; 1000]).file("last", b"three").end();
    fs::write(place.join("archive"), &tar).unwrap();
    let found = index(open(&place.join("archive")).as_fd(), 10).unwrap();
    let kinds: Vec<Kind> = found.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::File, Kind::Directory, Kind::Symlink, Kind::File, Kind::File]);
    for entry in found.iter().filter(|entry| entry.kind == Kind::File) {
        let start = usize::try_from(entry.offset).unwrap();
        let content = &tar[start..start + usize::try_from(entry.size).unwrap()];
        match entry.path.as_slice() {
            b"first" => assert_eq!(content, b"one"),
            b"last" => assert_eq!(content, b"three"),
            _ => assert_eq!(content, [9; 1000]),
        }
    }
    assert_eq!(found[2].link, b"first");
    assert_eq!(index(open(&place.join("archive")).as_fd(), 3).unwrap_err().code, Some("ERR_BOX_LIMIT"));
    fs::write(place.join("archive"), &tar[..700]).unwrap();
    assert_eq!(index(open(&place.join("archive")).as_fd(), 10).unwrap_err().code, Some("ERR_BOX_LAYER_INVALID"));
}

#[test]
fn damaged_layers_are_errors_with_a_code_and_never_a_panic() {
    let place = Folder::new();
    let tar = Tar::new().folder("d").file("d/a", b"content").symlink("l", "d/a").link("h", "d/a").file("d/.wh.x", b"").end();
    let mut numbers = Numbers(7);
    for round in 0..300 {
        let mut bytes = tar.clone();
        for _ in 0..=numbers.below(4) {
            let place = numbers.below(bytes.len());
            bytes[place] = numbers.below(256) as u8;
        }
        bytes.truncate(bytes.len() - numbers.below(2) * numbers.below(1500));
        let layers = [stored(&place, "damaged", &bytes)];
        let outcome = FileTree::read(&layers, Below::Nothing, Limits::default()).and_then(|tree| {
            for name in names(&tree) {
                let _ = read_file(&tree, &layers, name.as_bytes(), 1 << 20);
            }
            merge(&tree, &layers, File::create(place.join("merged")).unwrap().into(), &Options::default())
        });
        if let Err(failure) = outcome {
            assert!(failure.code.is_some_and(|code| code.starts_with("ERR_BOX_")), "round {round}: {failure:?}");
        }
        if let Err(failure) = index(open(&place.join("damaged")).as_fd(), 100) {
            assert!(failure.code.is_some(), "round {round}: {failure:?}");
        }
    }
}
