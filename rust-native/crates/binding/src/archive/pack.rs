//! Packing layers, and what changed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_archive::changes::{Change, ChangeKind};
use box_archive::decode::Compression;
use box_archive::overlay::Mark;
use box_archive::pack::{Options, Packed, pack_tree, pack_upper as pack_upper_tree};
use box_kernel::{Failure, Result};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use rustix::fs::FileType;

use super::{long_promise, options};

/// User and group.
#[napi(object)]
pub struct PackOwner {
    /// User id.
    pub uid: f64,
    /// Group id.
    pub gid: f64,
}

/// How a tree is packed.
#[napi(object)]
#[derive(Default)]
pub struct PackOptions {
    /// Default `gzip`.
    #[napi(ts_type = "'gzip' | 'zstd' | 'none'")]
    pub compression: Option<String>,
    /// Default 6 for gzip (0 to 9), 3 for zstd (1 to 22).
    pub level: Option<f64>,
    /// Of the compressed bytes. Default `sha256`.
    #[napi(ts_type = "'sha256' | 'sha512'")]
    pub algorithm: Option<String>,
    /// In seconds: later times become this one.
    pub source_date_epoch: Option<f64>,
    /// Taken from user and group ids. Default 0.
    pub id_shift: Option<f64>,
    /// The owner of everything.
    pub owner: Option<PackOwner>,
    /// Where in the image a folder stands, or a file's name there; `packUpper` does not take it. Parents become folders, 0755.
    pub prefix: Option<String>,
    /// Leaves the parents of `prefix` out of the layer, for those of the layers below to stay as they are. Default false.
    pub without_parents: Option<bool>,
}

/// A layer that was written.
#[napi(object)]
pub struct PackResult {
    /// Of the compressed bytes.
    pub digest: String,
    /// Of the compressed bytes.
    pub size: f64,
    /// Of the tar.
    pub diff_id: String,
    /// Of the tar.
    pub uncompressed_size: f64,
    /// Entries of the tar.
    pub entries: f64,
    /// What a tar cannot hold: sockets, and attributes with `=` in the name. The first 1000.
    pub skipped: Vec<String>,
}

/// Writes a folder, or a single file (by `prefix`), as a layer to `outputFd`, from its position on. Equal trees give equal bytes.
#[napi(catch_unwind, ts_return_type = "Promise<PackResult>")]
pub fn pack_directory(env: &Env, fd: i32, output_fd: i32, options: Option<PackOptions>) -> napi::Result<Object<'_>> {
    pack(env, fd, output_fd, Ok(Mark::default()), options, pack_tree)
}

/// Writes what the upper folder of an overlay changes as a layer to `outputFd`: whiteouts and opaque folders as the image
/// specification has them. `marks` are those of the overlay that the folder was in: `user` where it was mounted with `userxattr`, else
/// `trusted`; what the other ones say was written by programs, or copied up. `ERR_BOX_UNSUPPORTED` where the overlay was mounted with
/// metacopy or redirect_dir.
#[napi(catch_unwind, ts_return_type = "Promise<PackResult>")]
pub fn pack_upper<'env>(
    env: &'env Env,
    upper_fd: i32,
    output_fd: i32,
    #[napi(ts_arg_type = "'trusted' | 'user'")] marks: String,
    options: Option<PackOptions>,
) -> napi::Result<Object<'env>> {
    pack(env, upper_fd, output_fd, mark(&marks), options, pack_upper_tree)
}

type Pack = fn(BorrowedFd<'_>, OwnedFd, &Options) -> Result<Packed>;

fn pack(env: &Env, fd: i32, output_fd: i32, marks: Result<Mark>, given: Option<PackOptions>, work: Pack) -> napi::Result<Object<'_>> {
    let read = |tree| Ok((tree, options::own(output_fd)?, Options { mark: marks?, ..read(given.unwrap_or_default())? }));
    let prepared = options::own(fd).and_then(read);
    long_promise(
        env,
        move || prepared.and_then(|(tree, output, options)| work(tree.as_fd(), output, &options)),
        |_, packed| Ok(result(packed)),
    )
}

pub(super) fn result(packed: Packed) -> PackResult {
    PackResult {
        digest: packed.encoded.digest.to_string(),
        size: options::number(packed.encoded.size),
        diff_id: packed.encoded.diff_id.to_string(),
        uncompressed_size: options::number(packed.encoded.uncompressed_size),
        entries: options::number(packed.entries),
        skipped: packed.skipped,
    }
}

pub(super) fn read(given: PackOptions) -> Result<Options> {
    let words = [("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("none", Compression::None)];
    let owner = match given.owner {
        None => None,
        Some(owner) => options::small("owner.uid", Some(owner.uid))?.zip(options::small("owner.gid", Some(owner.gid))?),
    };
    let epoch = match given.source_date_epoch {
        None => None,
        Some(epoch) if epoch.fract() == 0.0 && epoch.abs() <= 9_007_199_254_740_991.0 => Some(epoch as i64),
        Some(epoch) => return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("sourceDateEpoch is no number of seconds: {epoch}"))),
    };
    let compression = options::choice("compression", given.compression.as_deref(), &words)?;
    let level = options::small("level", given.level)?;
    let highest = if compression == Some(Compression::Zstd) { 22 } else { 9 };
    if level.is_some_and(|level| level > highest) {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("level is at most {highest}")));
    }
    Ok(Options {
        compression,
        level,
        algorithm: options::algorithm(given.algorithm.as_deref())?,
        source_date_epoch: epoch,
        id_shift: options::small("idShift", given.id_shift)?.unwrap_or(0),
        owner,
        mark: Mark::default(),
        prefix: given.prefix.unwrap_or_default().into_bytes(),
        without_parents: given.without_parents.unwrap_or(false),
    })
}

fn mark(value: &str) -> Result<Mark> {
    Ok(options::choice("marks", Some(value), &[("trusted", Mark::Trusted), ("user", Mark::User)])?.unwrap_or_default())
}

/// One change of an upper folder over its lowers.
#[napi(object)]
pub struct TreeChange {
    /// `replace`: a folder took the place of another, and hides all that it held.
    #[napi(ts_type = "'add' | 'modify' | 'delete' | 'replace'")]
    pub kind: String,
    /// Inside the root, without a slash before it.
    pub path: String,
    /// What is there now; absent where it was deleted.
    #[napi(ts_type = "'file' | 'directory' | 'symlink' | 'device' | 'fifo' | 'socket'")]
    pub r#type: Option<String>,
    /// In bytes, for files; else 0.
    pub size: f64,
}

/// What an upper folder changes over the layers below (topmost first), parents first, by name. A folder that is there only because
/// something in it changed is left out. `marks` as for `packUpper`.
#[napi(catch_unwind, ts_return_type = "Promise<Array<TreeChange>>")]
pub fn changes<'env>(
    env: &'env Env,
    upper_fd: i32,
    lower_fds: Vec<i32>,
    #[napi(ts_arg_type = "'trusted' | 'user'")] marks: String,
) -> napi::Result<Object<'env>> {
    let prepared = options::own(upper_fd)
        .and_then(|upper| Ok((upper, lower_fds.iter().map(|fd| options::own(*fd)).collect::<Result<Vec<OwnedFd>>>()?)))
        .and_then(|(upper, lowers)| Ok((upper, lowers, mark(&marks)?)));
    let work = move || prepared.and_then(|(upper, lowers, mark)| box_archive::changes::changes(upper.as_fd(), lowers, mark));
    long_promise(env, work, |_, changes| Ok(changes.into_iter().map(change).collect::<Vec<TreeChange>>()))
}

pub(super) fn change(change: Change) -> TreeChange {
    let kind = match change.kind {
        ChangeKind::Add => "add",
        ChangeKind::Modify => "modify",
        ChangeKind::Delete => "delete",
        ChangeKind::Replace => "replace",
    };
    let file_type = change.file_type.map(|file_type| match file_type {
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        _ => "file",
    });
    TreeChange {
        kind: kind.to_owned(),
        path: String::from_utf8_lossy(&change.path).into_owned(),
        r#type: file_type.map(str::to_owned),
        size: options::number(change.size),
    }
}
