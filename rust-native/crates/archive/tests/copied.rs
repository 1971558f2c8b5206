//! Copies of layers: what they show, and what is said of what was written to them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use box_archive::copied::Copied;
use box_archive::decode::Compression;
use box_archive::pack::Options;
use support::lister::read;
use support::{Folder, open};

/// Two layers, and what they show together: the upper one deletes `gone`, replaces `folder/file`, and hides what `opaque` held.
fn layers(top: &Path) -> [std::path::PathBuf; 2] {
    let (lower, upper) = (top.join("lower"), top.join("upper"));
    for folder in ["lower/folder/deep", "lower/opaque", "lower/was-folder", "upper/folder", "upper/opaque"] {
        fs::create_dir_all(top.join(folder)).unwrap();
    }
    for (path, content) in [
        ("lower/gone", "gone"),
        ("lower/kept", "kept"),
        ("lower/folder/file", "old"),
        ("lower/folder/deep/file", "deep"),
        ("lower/opaque/hidden", "hidden"),
        ("lower/was-folder/hidden", "hidden"),
        ("upper/folder/file", "new"),
        ("upper/opaque/shown", "shown"),
        ("upper/was-folder", "a file now"),
    ] {
        fs::write(top.join(path), content).unwrap();
    }
    fs::hard_link(lower.join("kept"), lower.join("folder/link")).unwrap();
    symlink("kept", lower.join("symlink")).unwrap();
    fs::set_permissions(lower.join("folder/deep"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::write(upper.join("gone"), "").unwrap();
    for (name, attribute) in [("gone", "user.overlay.whiteout"), ("opaque", "user.overlay.opaque")] {
        rustix::fs::setxattr(upper.join(name), attribute, b"y", rustix::fs::XattrFlags::empty()).unwrap();
    }
    [upper, lower]
}

fn changes(copied: &Copied, tree: &Path, layers: &[std::path::PathBuf; 2]) -> Vec<String> {
    let found = copied.changes(open(tree).as_fd(), layers.iter().map(|path| open(path)).collect()).unwrap();
    found.into_iter().map(|change| format!("{:?} {}", change.kind, String::from_utf8(change.path).unwrap())).collect()
}

fn copy(top: &Path, layers: &[std::path::PathBuf; 2]) -> (Copied, std::path::PathBuf) {
    let tree = top.join("tree");
    fs::create_dir(&tree).unwrap();
    let lowers: Vec<OwnedFd> = layers.iter().map(|path| open(path)).collect();
    (Copied::make(open(&tree).as_fd(), &lowers, None).unwrap(), tree)
}

#[test]
fn a_copy_shows_what_its_layers_show_together() {
    let top = Folder::new();
    let layers = layers(&top.path);
    let (copied, tree) = copy(&top.path, &layers);
    let read = |path: &str| fs::read_to_string(tree.join(path)).ok();
    assert_eq!(read("gone"), None);
    assert_eq!(read("folder/file").as_deref(), Some("new"));
    assert_eq!(read("folder/deep/file").as_deref(), Some("deep"));
    assert_eq!(read("opaque/hidden"), None);
    assert_eq!(read("opaque/shown").as_deref(), Some("shown"));
    assert_eq!(read("was-folder").as_deref(), Some("a file now"));
    assert_eq!(fs::read_link(tree.join("symlink")).unwrap(), Path::new("kept"));
    assert_eq!(fs::metadata(tree.join("folder/deep")).unwrap().mode() & 0o7777, 0o750);
    let (one, other) = (fs::metadata(tree.join("kept")).unwrap(), fs::metadata(tree.join("folder/link")).unwrap());
    assert_eq!((one.ino(), one.nlink()), (other.ino(), 2));
    assert_eq!(one.mtime_nsec(), fs::metadata(layers[1].join("kept")).unwrap().mtime_nsec());
    assert_eq!(changes(&copied, &tree, &layers), Vec::<String>::new());
}

#[test]
fn what_was_written_is_found_whatever_it_looks_like() {
    let top = Folder::new();
    let layers = layers(&top.path);
    let (copied, tree) = copy(&top.path, &layers);
    // The same size and the same time: only the content differs.
    let before = fs::metadata(tree.join("folder/file")).unwrap().modified().unwrap();
    fs::write(tree.join("folder/file"), "NEW").unwrap();
    File::options().write(true).open(tree.join("folder/file")).unwrap().set_modified(before).unwrap();
    fs::remove_dir_all(tree.join("opaque")).unwrap();
    fs::create_dir(tree.join("added")).unwrap();
    fs::write(tree.join("added/file"), "x").unwrap();
    assert_eq!(changes(&copied, &tree, &layers), ["Add added", "Add added/file", "Modify folder/file", "Delete opaque"]);
    let usage = copied.usage(open(&tree).as_fd(), layers.iter().map(|path| open(path)).collect()).unwrap();
    assert_eq!(usage.inodes, 3);
}

#[test]
fn folders_that_change_places_bring_changes_along() {
    let top = Folder::new();
    let layers = layers(&top.path);
    for (folder, content) in [("one", "1"), ("two", "2")] {
        fs::create_dir(layers[1].join(folder)).unwrap();
        fs::write(layers[1].join(folder).join("file"), content).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        File::options().write(true).open(layers[1].join(folder).join("file")).unwrap().set_modified(time).unwrap();
    }
    let (copied, tree) = copy(&top.path, &layers);
    for (from, to) in [("one", "three"), ("two", "one"), ("three", "two")] {
        fs::rename(tree.join(from), tree.join(to)).unwrap();
    }
    assert_eq!(changes(&copied, &tree, &layers), ["Modify one/file", "Modify two/file"]);
}

#[test]
fn names_of_one_file_are_packed_together() {
    let top = Folder::new();
    let layers = layers(&top.path);
    let (copied, tree) = copy(&top.path, &layers);
    fs::hard_link(tree.join("kept"), tree.join("third")).unwrap();
    assert_eq!(changes(&copied, &tree, &layers), ["Modify folder/link", "Modify kept", "Add third"]);
    fs::remove_file(tree.join("third")).unwrap();
    fs::remove_file(tree.join("kept")).unwrap();
    assert_eq!(changes(&copied, &tree, &layers), ["Delete kept"]);
}

#[test]
fn a_layer_of_a_copy_has_folders_above_what_changed_and_marks_of_what_is_gone() {
    let top = Folder::new();
    let layers = layers(&top.path);
    let (copied, tree) = copy(&top.path, &layers);
    fs::remove_file(tree.join("folder/deep/file")).unwrap();
    fs::write(tree.join("new"), "new").unwrap();
    let output = top.path.join("layer");
    let options = Options { compression: Some(Compression::None), ..Options::default() };
    let file = File::create(&output).unwrap();
    let packed = copied.pack(open(&tree).as_fd(), layers.iter().map(|path| open(path)).collect(), file.into(), &options).unwrap();
    assert_eq!(packed.entries, 4);
    let bytes = fs::read(&output).unwrap();
    let names: Vec<String> = read(&bytes).unwrap().into_iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(names, ["\"folder/\"", "\"folder/deep/\"", "\"folder/deep/.wh.file\"", "\"new\""]);
}
