//! What a layer deletes, as overlayfs understands it: in any order, and never an entry of the layer itself. And back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use box_archive::changes::{ChangeKind, changes};
use box_archive::decode::Compression;
use box_archive::overlay::{Mark, Marks};
use box_archive::pack::{Options as PackOptions, pack_upper};
use box_archive::pipeline::{LayerOptions, unpack_file};
use box_archive::tar::{Entry, Kind};
use rustix::mount::{MountFlags, UnmountFlags};
use support::{Folder, Tar, entry, is_root, listing, open, options, unpack, unpack_in};

/// Name and kind of everything, opaque folders with `!`.
fn shape(root: &Path) -> Vec<String> {
    let lines = listing(root);
    lines[1..]
        .iter()
        .map(|line| {
            let mut words = line.split(' ');
            let (name, kind) = (words.next().unwrap(), words.next().unwrap());
            let mark = if line.contains("overlay.opaque=\"y\"") { "!" } else { "" };
            let kind = if line.contains("device false 0 ") { "whiteout" } else { kind };
            format!("{name} {kind}{mark}")
        })
        .collect()
}

#[test]
fn a_whiteout_hides_what_is_below_and_nothing_of_its_layer() {
    let rows: Vec<(&str, Tar, &[&str])> = vec![
        ("a name", Tar::new().folder("a").file("a/.wh.b", b""), &["a folder", "a/b whiteout"]),
        ("a name in a folder without entry", Tar::new().file("a/.wh.b", b""), &["a folder", "a/b whiteout"]),
        ("a file before", Tar::new().file("b", b"x").file(".wh.b", b""), &["b file"]),
        ("a file after", Tar::new().file(".wh.b", b"").file("b", b"x"), &["b file"]),
        ("a link after", Tar::new().file(".wh.b", b"").symlink("b", "x"), &["b link"]),
        ("a folder before", Tar::new().folder("b").file("b/c", b"").file(".wh.b", b""), &["b folder!", "b/c file"]),
        ("a folder after", Tar::new().file(".wh.b", b"").folder("b").file("b/c", b""), &["b folder!", "b/c file"]),
        ("a folder without entry after", Tar::new().file(".wh.b", b"").file("b/c", b""), &["b folder!", "b/c file"]),
        ("opaque before", Tar::new().file("b/.wh..wh..opq", b"").folder("b").file("b/c", b""), &["b folder!", "b/c file"]),
        ("opaque after", Tar::new().folder("b").file("b/c", b"").file("b/.wh..wh..opq", b""), &["b folder!", "b/c file"]),
        ("opaque twice", Tar::new().file("b/.wh..wh..opq", b"").file("b/.wh..wh..opq", b""), &["b folder!"]),
        ("the same name twice", Tar::new().file(".wh.b", b"").file(".wh.b", b""), &["b whiteout"]),
        ("a hard link as whiteout", Tar::new().file(".wh.a", b"").link(".wh.b", ".wh.a"), &["a whiteout", "b whiteout"]),
        ("with content", Tar::new().file(".wh.a", b"some").file("b", b""), &["a whiteout", "b file"]),
    ];
    for (name, tar, expected) in rows {
        let place = Folder::new();
        let report = unpack(&place.path, &tar.end()).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let shape = shape(&place.path);
        assert_eq!(shape, expected, "{name}");
        let count = |text: &str| shape.iter().filter(|line| line.ends_with(text)).count() as u64;
        assert_eq!((report.whiteouts, report.opaques), (count("whiteout"), count("!")), "{name}");
    }
}

#[test]
fn counts_hold_after_a_tree_was_replaced() {
    let place = Folder::new();
    let tar = Tar::new().file("a/.wh.b", b"").file("a/c/.wh..wh..opq", b"").file("a", b"x").file(".wh.d", b"");
    let report = unpack(&place.path, &tar.end()).unwrap();
    assert_eq!((report.whiteouts, report.opaques), (1, 0));
    assert_eq!(report.usage.inodes, 2);
}

#[test]
fn an_opaque_root_is_reported() {
    let place = Folder::new();
    assert!(unpack(&place.path, &Tar::new().file(".wh..wh..opq", b"").end()).unwrap().root_opaque);
}

#[test]
fn dependence_on_the_parent_is_seen() {
    let place = Folder::new();
    let (whole, implied) = (place.sub("whole"), place.sub("implied"));
    let report = unpack(&whole, &Tar::new().folder("./").folder("a").file("a/b", b"").end()).unwrap();
    assert!(report.root_entry && !report.depends_on_parent);
    // A folder's own entry may come after what it holds.
    let report = unpack(&implied, &Tar::new().file("a/b", b"").file("c/d", b"").folder("a").end()).unwrap();
    assert!(!report.root_entry && report.depends_on_parent);
    assert_eq!(report.implied_folders, ["c"]);
}

#[test]
fn what_depends_on_lower_layers_is_taken_from_them() {
    let place = Folder::new();
    let (bottom, middle, top) = (place.sub("bottom"), place.sub("middle"), place.sub("top"));
    let private = Entry { mode: 0o700, uid: 7, ..entry("etc", Kind::Directory) };
    let tar = Tar::new().entry(&private).file("etc/old", b"from below").folder("usr/bin").symlink("bin", "usr/bin").file("gone", b"x");
    unpack(&bottom, &tar.end()).unwrap();
    unpack(&middle, &Tar::new().file(".wh.gone", b"").end()).unwrap();
    let above = |folder: &Path| box_archive::unpack::Options { lowers: vec![open(&middle), open(&bottom)], ..options(folder) };
    let tar = Tar::new().link("etc/new", "etc/old").file("bin/tool", b"x").end();
    let report = unpack_in(above(&top), &tar, 512).unwrap();
    assert!(report.depends_on_parent);
    assert_eq!(report.lower_links, ["bin", "etc/new"]);
    let lines = listing(&top);
    let of = |name: &str| lines.iter().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {lines:#?}")).clone();
    assert_eq!(fs::read(top.join("etc/new")).unwrap(), b"from below");
    assert!(of("etc/old file of 10").contains("links 2"));
    assert!(of("usr/bin/tool file").contains("file of 1"));
    assert!(of("etc folder").starts_with(if is_root() { "etc folder 700 7:" } else { "etc folder 700" }), "{}", of("etc folder"));
    assert!(!top.join("bin").exists());
    // What a layer between hides is not there.
    let hidden = place.sub("hidden");
    let failure = unpack_in(above(&hidden), &Tar::new().link("new", "gone").end(), 512).unwrap_err();
    assert_eq!(failure.step.as_deref(), Some("a hard link leads to nothing"));
    // Alone it can only be noted.
    let alone = place.sub("alone");
    let note = box_archive::unpack::Options { missing_links: box_archive::unpack::MissingLinks::Note, ..options(&alone) };
    let report = unpack_in(note, &Tar::new().file("own", b"x").link("new", "gone").end(), 512).unwrap();
    assert!(report.depends_on_parent && report.lower_links == ["new"]);
    assert!(alone.join("own").exists() && !alone.join("new").exists());
}

#[test]
fn what_a_folder_of_a_layer_stands_in_place_of_does_not_matter_whenever_its_entry_comes() {
    let place = Folder::new();
    let bottom = place.sub("bottom");
    let private = Entry { mode: 0o700, xattrs: vec![(b"user.note".to_vec(), b"below".to_vec())], ..entry("old", Kind::Directory) };
    let tar = Tar::new().symlink("link", "nowhere").entry(&private).folder("kept");
    unpack(&bottom, &tar.end()).unwrap();
    let rows: Vec<(&str, Vec<Tar>, &[&str])> = vec![
        (
            "a folder in place of a link",
            vec![Tar::new().folder("link"), Tar::new().file("link/x", b"")],
            &["kept folder", "kept/x file", "link folder", "link/x file"],
        ),
        (
            "an opaque folder in place of a link",
            vec![Tar::new().folder("link"), Tar::new().file("link/.wh..wh..opq", b"")],
            &["kept folder", "kept/x file", "link folder!"],
        ),
        (
            "a folder that is described anew",
            vec![Tar::new().folder("old"), Tar::new().file("old/x", b"")],
            &["kept folder", "kept/x file", "old folder", "old/x file"],
        ),
    ];
    for (name, parts, expected) in rows {
        let mut listings = Vec::new();
        for reversed in [false, true] {
            let ordered: Vec<&Tar> = if reversed { parts.iter().rev().collect() } else { parts.iter().collect() };
            let bytes: Vec<u8> = ordered.into_iter().flat_map(|part| part.0.clone()).collect();
            fs::write(place.join("layer"), Tar(bytes).file("kept/x", b"").end()).unwrap();
            let top = place.sub(&format!("{name} {reversed}"));
            let unpack = box_archive::unpack::Options { lowers: vec![open(&bottom)], ..options(&top) };
            let layer = LayerOptions { unpack, namespace: None, blob: None, compression: None, digest: None, size: None, diff_id: None };
            let report = unpack_file(open(&place.join("layer")), layer).unwrap().report;
            assert!(report.depends_on_parent, "{name}");
            assert_eq!(shape(&top), expected, "{name}, reversed: {reversed}");
            listings.push(listing(&top)[1..].to_vec());
        }
        assert_eq!(listings[0], listings[1], "{name}");
    }
}

struct Mounted<'path>(&'path Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        rustix::mount::unmount(self.0, UnmountFlags::DETACH).unwrap();
    }
}

/// Every kind of change that a program makes in an overlay, packed from the upper folder alone, unpacked, and laid over the same
/// lower folder: the root is the one that the program left.
#[test]
fn a_commit_of_an_overlay_gives_the_same_root_again() {
    if !is_root() {
        return;
    }
    let place = Folder::new();
    let tmpfs = place.sub("t");
    rustix::mount::mount(c"box-test", &tmpfs, c"tmpfs", MountFlags::empty(), None).unwrap();
    let _tmpfs = Mounted(&tmpfs);
    let sub = |name: &str| {
        let path = tmpfs.join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (lower, upper, merged) = (sub("l"), sub("u"), sub("m"));
    sub("w");
    let tar = Tar::new()
        .folder("keep")
        .file("keep/a", b"a")
        .file("keep/b", b"b")
        .folder("gone")
        .file("gone/x", b"x")
        .folder("again")
        .file("again/old", b"x")
        .folder("renamed")
        .file("renamed/inside", b"x")
        .file("linked", b"x")
        .link("linked2", "linked")
        .file("mode", b"x")
        .file("becomes-folder", b"x")
        .folder("becomes-file")
        .file("becomes-file/x", b"x")
        .symlink("link", "keep")
        .file("marked/.wh..wh..opq", b"")
        .file("marked/x", b"x");
    unpack(&lower, &tar.end()).unwrap();
    let mount = |lower: &str, upper: &str, on: &Path| {
        let data = format!(
            "lowerdir={0}/{lower},upperdir={0}/{upper},workdir={0}/w,index=off,metacopy=off,redirect_dir=off,xino=off",
            tmpfs.display()
        );
        let data = std::ffi::CString::new(data).unwrap();
        rustix::mount::mount(c"overlay", on, c"overlay", MountFlags::empty(), Some(data.as_c_str())).unwrap();
    };
    mount("l", "u", &merged);
    let overlay = Mounted(&merged);
    let inside = |name: &str| merged.join(name);
    fs::write(inside("keep/a"), "changed").unwrap();
    fs::remove_file(inside("keep/b")).unwrap();
    fs::write(inside("keep/new"), "new").unwrap();
    fs::remove_dir_all(inside("gone")).unwrap();
    fs::remove_dir_all(inside("again")).unwrap();
    fs::create_dir(inside("again")).unwrap();
    fs::write(inside("again/new"), "x").unwrap();
    fs::hard_link(inside("linked"), inside("linked3")).unwrap();
    rustix::fs::chmod(inside("mode"), rustix::fs::Mode::from_raw_mode(0o4711)).unwrap();
    fs::remove_file(inside("becomes-folder")).unwrap();
    fs::create_dir(inside("becomes-folder")).unwrap();
    fs::remove_dir_all(inside("becomes-file")).unwrap();
    fs::write(inside("becomes-file"), "x").unwrap();
    rustix::fs::setxattr(inside("renamed/inside"), "user.note", b"v", rustix::fs::XattrFlags::empty()).unwrap();
    // Copied up with its folder, the mark of the other namespace means nothing.
    rustix::fs::chmod(inside("marked"), rustix::fs::Mode::from_raw_mode(0o700)).unwrap();
    let before: Vec<String> = listing(&merged).into_iter().map(|line| line.replace("user.overlay.opaque=\"y\" ", "")).collect();
    drop(overlay);

    let found: Vec<String> = changes(open(&upper).as_fd(), vec![open(&lower)], Mark::Trusted)
        .unwrap()
        .into_iter()
        .map(|change| {
            let kind = match change.kind {
                ChangeKind::Add => '+',
                ChangeKind::Modify => '*',
                ChangeKind::Delete => '-',
                ChangeKind::Replace => '!',
            };
            format!("{kind}{}", String::from_utf8(change.path).unwrap())
        })
        .collect();
    let expected = [
        "!again",
        "+again/new",
        "*becomes-file",
        "*becomes-folder",
        "-gone",
        "*keep/a",
        "-keep/b",
        "+keep/new",
        "*linked",
        "+linked3",
        "*marked",
        "*mode",
        "*renamed/inside",
    ];
    assert_eq!(found, expected);

    let pack = |name: &str| {
        let file = fs::File::create(tmpfs.join(name)).unwrap();
        let options = PackOptions { compression: Some(Compression::None), ..PackOptions::default() };
        let packed = pack_upper(open(&upper).as_fd(), file.into(), &options).unwrap();
        (packed, fs::read(tmpfs.join(name)).unwrap())
    };
    let (packed, tar) = pack("layer");
    assert_eq!(pack("again.tar").1, tar, "packing twice gives the same bytes");
    let again = sub("u2");
    // The other mark would be seen inside as an ordinary attribute.
    let trusted = box_archive::unpack::Options { opaque: Marks { trusted: true, user: false }, ..options(&again) };
    let report = unpack_in(trusted, &tar, 4096).unwrap();
    assert!(!report.depends_on_parent, "{report:?}");
    assert_eq!(packed.skipped, Vec::<String>::new());
    sub("u3");
    mount(&format!("u2:{}/l", tmpfs.display()), "u3", &merged);
    let _overlay = Mounted(&merged);
    let after: Vec<String> = listing(&merged).into_iter().map(|line| line.replace("user.overlay.opaque=\"y\" ", "")).collect();
    assert_eq!(after[1..], before[1..]);
}
