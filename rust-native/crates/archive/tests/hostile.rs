//! Archives made to write outside, to be read in two ways, or to exhaust the machine. Each row says what must come of it; after
//! each, the tree beside the target is what it was.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use box_archive::limits::Limits;
use box_archive::tar::{Entry, Kind};
use support::{Folder, Tar, entry, is_root, listing, open, options, unpack, unpack_in};

const INVALID: Option<&str> = Some("ERR_BOX_LAYER_INVALID");
const LIMIT: Option<&str> = Some("ERR_BOX_LIMIT");

/// Unpacks into `target`, beside a tree that must stay as it is; gives the code of the failure, or the tree.
fn attack(name: &str, tar: &[u8]) -> Result<Vec<String>, Option<&'static str>> {
    let place = Folder::new();
    let target = place.sub("target");
    let canary = place.sub("outside");
    fs::write(canary.join("secret"), "keep").unwrap();
    fs::create_dir(canary.join("folder")).unwrap();
    let before = listing(&canary);
    let outcome = unpack(&target, tar);
    assert_eq!(listing(&canary), before, "{name}: something outside was changed");
    let names: Vec<_> = fs::read_dir(&place.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{name}: something was made outside");
    match outcome {
        Ok(_) => Ok(listing(&target).iter().map(|line| line.split(" hash").next().unwrap().to_owned()).collect()),
        Err(failure) => Err(failure.code),
    }
}

#[test]
fn what_leads_out_of_the_root_or_is_ambiguous_is_refused() {
    let raw = |typeflag: u8, content: &[u8]| Tar::new().raw(typeflag, "a", content, |_| {});
    let rows: Vec<(&str, Tar)> = vec![
        ("a path above the root", Tar::new().file("../outside/new", b"x")),
        ("an absolute path above the root", Tar::new().file("/../outside/new", b"x")),
        ("a path that leaves after it entered", Tar::new().folder("a").file("a/../../outside/new", b"x")),
        ("a folder above the root", Tar::new().folder("../outside/folder")),
        ("the root as a symbolic link", Tar::new().symlink("/.", "/etc")),
        ("the root as a symbolic link, by another name", Tar::new().symlink("a/..", "../outside")),
        ("the root as a file", Tar::new().file("./", b"")),
        ("the root as a hard link", Tar::new().file("a", b"").link(".", "a")),
        ("a hard link above the root", Tar::new().link("a", "../outside/secret")),
        ("a hard link to an absolute path that is not inside", Tar::new().link("a", "/etc/passwd")),
        ("a hard link through a symbolic link", Tar::new().symlink("up", "../outside").link("a", "up/secret")),
        ("a hard link to a folder", Tar::new().folder("b").link("a", "b")),
        ("a hard link to the root", Tar::new().link("a", "/")),
        ("a hard link to itself", Tar::new().file("a", b"x").link("a", "a")),
        ("a hard link to itself, by another name", Tar::new().folder("b").symlink("c", "b").file("b/a", b"x").link("c/a", "b/a")),
        ("a hard link to what it replaces", Tar::new().folder("a").file("a/b", b"x").link("a", "a/b")),
        ("a hard link to nothing", Tar::new().link("a", "b")),
        ("a hard link to a whiteout", Tar::new().file(".wh.b", b"").link("a", "b")),
        ("a hard link to a whiteout's name", Tar::new().file(".wh.b", b"").link("a", ".wh.b")),
        ("a hard link with content", raw(b'1', b"smuggled")),
        ("a folder with content", raw(b'5', b"smuggled")),
        ("a symbolic link with content", raw(b'2', b"smuggled")),
        ("a symbolic link to nothing", Tar::new().entry(&entry("a", Kind::Symlink))),
        ("a file with the name of a folder", Tar::new().raw(b'0', "a/", b"x", |_| {})),
        ("a file below a file", Tar::new().file("a", b"x").file("a/b", b"x")),
        ("a file below a device", Tar::new().entry(&entry("a", Kind::Fifo)).file("a/b", b"x")),
        ("symbolic links in a circle", Tar::new().symlink("a", "b").symlink("b", "a").file("a/c", b"x")),
        ("a symbolic link to itself", Tar::new().symlink("a", "a").file("a/c", b"x")),
        ("a whiteout of nothing", Tar::new().file("a/.wh.", b"")),
        ("a whiteout of the folder itself", Tar::new().file("a/.wh..", b"")),
        ("a whiteout of the parent", Tar::new().file("a/.wh...", b"")),
        ("a whiteout of a slash", Tar::new().file("a/.wh./", b"").folder("b")),
        ("a whiteout of a whiteout", Tar::new().file(".wh..wh.a", b"")),
        ("an AUFS folder", Tar::new().folder(".wh..wh.plnk")),
        ("a whiteout that is a folder", Tar::new().folder(".wh.a")),
        ("a whiteout that is a symbolic link", Tar::new().symlink(".wh.a", "b")),
        ("a file below a whiteout's name", Tar::new().file(".wh.a/b", b"x")),
        ("a device that would be a whiteout", Tar::new().entry(&entry("a", Kind::CharDevice))),
        ("no name", Tar::new().raw(b'0', "a", b"", |block| block[0] = 0)),
        ("an unknown type", raw(b'Z', b"")),
        ("a continued volume", raw(b'M', b"")),
        (
            "a wrong checksum",
            Tar(Tar::new().file("a", b"x").0.iter().enumerate().map(|(at, byte)| if at == 3 { 1 } else { *byte }).collect()),
        ),
        ("a negative size", Tar::new().raw(b'0', "a", b"", |block| block[124..136].fill(0xff))),
        ("a size that is no number", Tar::new().raw(b'0', "a", b"", |block| block[124..128].copy_from_slice(b"12z4"))),
        ("an owner below zero", Tar::new().raw(b'0', "a", b"", |block| block[108..116].fill(0xff))),
        ("an owner that chown takes for none", Tar::new().pax(&[("uid", b"4294967295")]).file("a", b"")),
        ("an owner above all ids", Tar::new().pax(&[("gid", b"4294967296")]).file("a", b"")),
        ("a name with a zero byte", Tar::new().pax(&[("path", b"a\0b")]).file("a", b"")),
        ("a malformed pax header", Tar::new().raw(b'x', "p", b"99 path=b\n", |_| {}).file("a", b"")),
        ("a pax size that is no number", Tar::new().pax(&[("size", b"-1")]).file("a", b"")),
        ("a pax time that is no number", Tar::new().pax(&[("mtime", b"now")]).file("a", b"")),
        ("two pax headers for one entry", Tar::new().pax(&[("path", b"b")]).pax(&[("path", b"c")]).file("a", b"")),
        ("two long names for one entry", Tar::new().raw(b'L', "l", b"b\0", |_| {}).raw(b'L', "l", b"c\0", |_| {}).file("a", b"")),
        ("a pax name and a long name that differ", Tar::new().pax(&[("path", b"b")]).raw(b'L', "l", b"c\0", |_| {}).file("a", b"")),
        ("a global header with a path", Tar::new().raw(b'g', "g", &support::pax(&[("path", b"b")]), |_| {}).file("a", b"")),
        ("a global header with a size", Tar::new().raw(b'g', "g", &support::pax(&[("size", b"0")]), |_| {}).file("a", b"abc")),
        ("a global header after a local one", Tar::new().pax(&[("path", b"b")]).raw(b'g', "g", b"", |_| {}).file("a", b"")),
        ("a header for an entry that does not come", Tar::new().pax(&[("path", b"b")])),
        (
            "a sparse folder",
            Tar::new().pax(&[("GNU.sparse.map", b"0,0"), ("GNU.sparse.numblocks", b"1"), ("GNU.sparse.size", b"0")]).folder("a"),
        ),
        ("a sparse map out of order", sparse("4,1,0,1", "2", "9", b"xy")),
        ("a sparse map beyond its file", sparse("0,1,9,1", "2", "9", b"xy")),
        ("a sparse map beyond all numbers", sparse("9223372036854775807,9223372036854775807", "1", "9", b"xy")),
        ("a sparse map that wants more than there is", sparse("0,5", "1", "9", b"xy")),
        ("a sparse map that wants less than there is", sparse("0,1", "1", "9", b"xy")),
        ("a sparse map with half a pair", sparse("0,2,5", "1", "9", b"xy")),
        ("a sparse map of another length", sparse("0,2", "2", "9", b"xy")),
    ];
    for (name, tar) in rows {
        let outcome = attack(name, &tar.end());
        assert_eq!(outcome.as_ref().err(), Some(&INVALID), "{name}: {outcome:?}");
    }
}

fn sparse(map: &str, count: &str, size: &str, content: &[u8]) -> Tar {
    let records = [("GNU.sparse.map", map.as_bytes()), ("GNU.sparse.numblocks", count.as_bytes()), ("GNU.sparse.size", size.as_bytes())];
    Tar::new().pax(&records).file("a", content)
}

#[test]
fn links_lead_nowhere_but_into_the_root() {
    let chain = Tar::new().folder("a").folder("a/b").folder("a/b/c").symlink("a/b/c/up", "../..").symlink("a/b/escape", "c/up/../..");
    let rows: Vec<(&str, Tar, &str)> = vec![
        ("an absolute link", Tar::new().symlink("out", "/outside").file("out/new", b"x"), "outside/new file of 1"),
        ("a link above the root", Tar::new().symlink("out", "../../outside").file("out/new", b"x"), "outside/new file of 1"),
        ("a chain of links", chain.clone().file("a/b/escape/outside/new", b"x"), "outside/new file of 1"),
        ("a link in an absolute path", Tar::new().symlink("out", "..").file("/out/new", b"x"), "new file of 1"),
        ("a path that takes itself back", Tar::new().file("a/../b", b"x"), "b file of 1"),
        (
            "a hard link through a link",
            Tar::new().folder("etc").file("etc/passwd", b"x").symlink("e", "/etc").link("a", "e/passwd"),
            "a file of 1",
        ),
        ("a hard link to a link is that link", Tar::new().symlink("l", "/etc/passwd").link("a", "l"), "a link to /etc/passwd"),
        ("a folder in place of a link", Tar::new().symlink("a", "../outside/folder").folder("a").file("a/b", b"x"), "a/b file of 1"),
        ("a file in place of a link", Tar::new().symlink("a", "../outside/secret").file("a", b"x"), "a file of 1"),
        ("a file in place of a hard link", Tar::new().file("b", b"old").link("a", "b").file("a", b"x"), "b file of 3"),
        ("a file in place of a folder", Tar::new().folder("a").file("a/b", b"").file("a", b"x"), "a file of 1"),
        (
            "a link in place of a folder that was used",
            Tar::new().file("a/b", b"").symlink("a", "../outside").file("a/c", b"x"),
            "outside/c file of 1",
        ),
        ("a whiteout over a link", Tar::new().symlink("a", "../outside").file("a/.wh.secret", b""), "outside/secret device"),
        ("an opaque mark through a link", Tar::new().symlink("a", "../outside").file("a/.wh..wh..opq", b""), "outside folder"),
    ];
    for (name, tar, expected) in rows {
        let lines = attack(name, &tar.end()).unwrap_or_else(|code| panic!("{name}: {code:?}"));
        assert!(lines.iter().any(|line| line.starts_with(expected)), "{name}: {lines:#?}");
    }
}

/// The same archives bite where paths are strings: this is what every reader did once.
#[test]
fn a_reader_that_joins_paths_is_led_out() {
    type Step = (&'static str, Option<&'static str>);
    let steps: [(&str, &[Step]); 3] = [
        ("a path above the root", &[("../outside/secret", None)]),
        ("a link", &[("a", Some("../outside")), ("a/secret", None)]),
        ("a chain of links", &[("up", Some("..")), ("out", Some("up/outside")), ("out/secret", None)]),
    ];
    for (name, entries) in steps {
        let place = Folder::new();
        let (target, outside) = (place.sub("target"), place.sub("outside"));
        fs::write(outside.join("secret"), "keep").unwrap();
        for (path, link) in entries {
            match link {
                Some(link) => symlink(link, target.join(path)).unwrap(),
                None => fs::write(target.join(path), "stolen").unwrap(),
            }
        }
        assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "stolen", "{name}");
        let tar = entries.iter().fold(Tar::new(), |tar, (path, link)| match link {
            Some(link) => tar.symlink(path, link),
            None => tar.file(path, b"stolen"),
        });
        fs::write(outside.join("secret"), "keep").unwrap();
        let other = place.sub("other");
        let _outcome = unpack(&other, &tar.end());
        assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "keep", "{name}");
    }
}

/// Modes and times must not go through a link that took a folder's place, or came before it.
#[test]
fn metadata_does_not_follow_links() {
    let place = Folder::new();
    let target = place.sub("target");
    let outside = place.sub("outside");
    let tar = Tar::new()
        .symlink("a", outside.to_str().unwrap())
        .entry(&Entry { mode: 0o7777, ..entry("a", Kind::Directory) })
        .folder("b")
        .symlink("b", outside.to_str().unwrap())
        .entry(&Entry { mode: 0o777, link: outside.to_str().unwrap().into(), uid: 4321, ..entry("c", Kind::Symlink) });
    let before = listing(&outside);
    // Without the privilege to give a link away this fails, and not on what it points to.
    assert!(unpack(&target, &tar.end()).is_ok());
    assert_eq!(listing(&outside), before);
    assert!(fs::symlink_metadata(target.join("a")).unwrap().is_dir());
    assert_eq!(fs::symlink_metadata(target.join("c")).unwrap().uid(), if is_root() { 4321 } else { rustix::process::geteuid().as_raw() });
}

/// A folder that someone swaps for a link while the layer is unpacked: what is made there is made in the folder, or not at all.
#[test]
fn a_swapped_parent_is_not_followed() {
    let place = Folder::new();
    let target = place.sub("target");
    let outside = place.sub("outside");
    let mut tar = Tar::new().folder("a");
    for number in 0..600 {
        // Another folder in between, so that no descriptor is kept from before.
        tar = tar.file(&format!("a/f{number}"), b"x").file("other", b"");
    }
    let tar = tar.end();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let (folder, aside) = (target.join("a"), target.join("aside"));
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                if fs::rename(&folder, &aside).is_ok() {
                    symlink("../outside", &folder).unwrap_or_default();
                    fs::remove_file(&folder).unwrap_or_default();
                    fs::rename(&aside, &folder).unwrap_or_default();
                }
            }
        });
        // The swap can make it fail; it must not make it write outside.
        let _outcome = unpack(&target, &tar);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        swapper.join().unwrap();
    });
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn pax_describes_the_next_file_and_its_size_holds() {
    // A reader that took the pax size for the long name's would see another archive.
    let inner = Tar::new().file("smuggled", b"x").end();
    let tar = Tar::new().pax(&[("size", inner.len().to_string().as_bytes())]).raw(b'L', "././@LongLink", b"outer\0", |_| {}).raw(
        b'0',
        "short",
        &inner,
        |block| block[124..136].copy_from_slice(b"00000000000\0"),
    );
    let lines = attack("x, L, file", &tar.end()).unwrap();
    assert_eq!(lines[1..], [format!("outer file of {}", inner.len())]);
}

#[test]
fn marks_of_overlayfs_in_a_layer_are_no_marks() {
    let place = Folder::new();
    let mut folder = entry("a", Kind::Directory);
    folder.xattrs = vec![(b"user.overlay.opaque".to_vec(), b"y".to_vec()), (b"user.overlay.overlay.opaque".to_vec(), b"x".to_vec())];
    unpack(&place.path, &Tar::new().entry(&folder).end()).unwrap();
    let line = &listing(&place.path)[1];
    assert!(line.ends_with("user.overlay.overlay.opaque=\"y\" user.overlay.overlay.overlay.opaque=\"x\" "), "{line}");
}

#[test]
fn labels_of_other_machines_are_left_out_and_named() {
    let place = Folder::new();
    let mut file = entry("a", Kind::File);
    file.xattrs = vec![(b"security.selinux".to_vec(), b"x".to_vec()), (b"system.posix_acl_access".to_vec(), b"x".to_vec())];
    let report = unpack(&place.path, &Tar::new().entry(&file).end()).unwrap();
    assert_eq!(report.skipped_xattrs, ["security.selinux", "system.posix_acl_access"]);
}

#[test]
fn what_would_exhaust_the_machine_is_limited() {
    let small = Limits { total_size: 1 << 20, entries: 10, ratio: 10, depth: 8, ..Limits::default() };
    let long = "a/".repeat(9);
    let huge = (u64::MAX / 4).to_string();
    let map = vec![b'1'; 3 << 20];
    let rows: Vec<(&str, Tar)> = vec![
        ("many entries", (0..11).fold(Tar::new(), |tar, number| tar.file(&format!("f{number}"), b""))),
        ("depth", Tar::new().folder(&long)),
        ("depth by links", Tar::new().symlink("a", &"b/".repeat(9)).file("a/c", b"")),
        ("a large file", Tar::new().pax(&[("size", b"1048577")]).file("a", b"")),
        ("a file beyond all sizes", Tar::new().pax(&[("size", huge.as_bytes())]).file("a", b"")),
        ("a large sparse file", sparse("0,1", "1", "1048577", b"x")),
        ("a large pax header", Tar::new().raw(b'x', "p", &vec![b' '; (1 << 20) + 1], |_| {})),
        ("a pax header beyond all sizes", Tar::new().raw(b'x', "p", b"", |block| block[124..136].copy_from_slice(b"77777777777\0"))),
        ("a large long name", Tar::new().raw(b'L', "l", b"", |block| block[124..136].copy_from_slice(b"77777777777\0"))),
        ("a large sparse map", {
            let records = [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"1000")];
            Tar::new().pax(&records).file("a", &map)
        }),
        ("a sparse map of very many parts", {
            let records = [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"1000")];
            Tar::new().pax(&records).file("a", b"99999999999\n")
        }),
    ];
    for (name, tar) in rows {
        let place = Folder::new();
        let failure = unpack_in(box_archive::unpack::Options { limits: small, ..options(&place.path) }, &tar.end(), 4096).unwrap_err();
        assert!(failure.code == LIMIT || (name == "depth by links" && failure.code == INVALID), "{name}: {failure}");
    }
    let place = Folder::new();
    let name = "n".repeat(200) + "/";
    let tar = Tar::new().folder(&name.repeat(21)).end();
    assert_eq!(unpack(&place.path, &tar).unwrap_err().code, LIMIT);
    drop(open(&place.path));
}

#[test]
fn a_failure_names_the_entry_and_the_rule() {
    let place = Folder::new();
    let failure = unpack(&place.path, &Tar::new().file("ok", b"").file("../evil", b"").end()).unwrap_err();
    assert_eq!(failure.path.as_deref(), Some("../evil"));
    assert_eq!(failure.step.as_deref(), Some("the path leads out of the root"));
    assert_eq!(failure.message, "invalid layer entry ../evil: the path leads out of the root");
}
