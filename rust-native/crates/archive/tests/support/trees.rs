//! Trees to pack and to unpack.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use box_archive::decode::Compression;
use box_archive::pack::{Options as PackOptions, pack_tree};
use box_archive::tar::{Entry, Kind, Time};

use super::{Tar, entry, is_root, open};

pub fn pack(tree: &Path, output: &Path, options: &PackOptions) -> Vec<u8> {
    let options = PackOptions { compression: Some(Compression::None), ..options.clone() };
    pack_tree(open(tree).as_fd(), fs::File::create(output).unwrap().into(), &options).unwrap();
    fs::read(output).unwrap()
}

/// A tree with a bit of everything.
pub fn everything() -> Vec<u8> {
    let name = "long-name-".repeat(20);
    let mut tar = Tar::new()
        .entry(&Entry { mode: 0o750, uid: 5, gid: 6, ..entry("./", Kind::Directory) })
        .folder("a")
        .file("a/empty", b"")
        .file(&format!("a/{name}"), b"long")
        .file("a/\u{e9}t\u{e9} \n'\"", b"odd")
        .link("a/zlink", "a/empty")
        .symlink("dangling", "../../nowhere")
        .symlink("longlink", &"t/".repeat(100))
        .entry(&Entry { mtime: Time { seconds: -1_000, nanoseconds: 999_999_999 }, ..entry("before-the-epoch", Kind::File) })
        .entry(&Entry { mtime: Time { seconds: 8_000_000_000, nanoseconds: 1 }, ..entry("far-future", Kind::File) })
        .entry(&Entry { mode: 0o7755, uid: 3_000_000, gid: 70_000, ..entry("setuid", Kind::File) })
        .entry(&Entry { mode: 0o1777, ..entry("sticky", Kind::Directory) })
        .entry(&Entry { mode: 0o2750, gid: 9, ..entry("setgid", Kind::Directory) })
        .file("setgid/child", b"x")
        .entry(&Entry { mode: 0, ..entry("closed", Kind::Directory) })
        .file("closed/inside", b"x")
        .entry(&entry("fifo", Kind::Fifo))
        .entry(&Entry {
            xattrs: vec![(b"user.k".to_vec(), b"a=b\0\n".to_vec()), (b"user.none".to_vec(), Vec::new())],
            ..entry("xattr", Kind::File)
        });
    if is_root() {
        let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        tar = tar
            .entry(&Entry { device: (1, 3), mode: 0o666, ..entry("null", Kind::CharDevice) })
            .entry(&Entry { device: (259, 300_000), ..entry("block", Kind::BlockDevice) })
            .entry(&Entry {
                mode: 0o4755,
                uid: 7,
                xattrs: vec![(b"security.capability".to_vec(), capability)],
                ..entry("ping", Kind::File)
            })
            .entry(&Entry {
                link: b"x".to_vec(),
                uid: 8,
                xattrs: vec![(b"trusted.t".to_vec(), b"1".to_vec())],
                ..entry("marked", Kind::Symlink)
            });
    }
    tar.end()
}
