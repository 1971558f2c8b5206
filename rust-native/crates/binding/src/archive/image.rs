//! The files of images, from their layers' archives.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use box_archive::image::{Below, FileTree, Listed, StoredLayer, copy, list, merge, read_file, transcode};
use box_archive::index::{Indexed, index};
use box_archive::limits::Limits;
use box_archive::pack::Packed;
use box_archive::tar::Kind;
use box_kernel::{Result, SyscallContext};
use napi::Env;
use napi::bindgen_prelude::{Buffer, Object};
use napi_derive::napi;

use super::pack::{self, PackOptions};
use super::{long_promise, options};
use crate::error::OrThrow;

/// A layer in a file, or in a part of one.
#[napi(object)]
pub struct LayerFile {
    /// The file. It is duplicated; its position is of no account.
    pub fd: i32,
    /// Where the layer begins. Default 0.
    pub offset: Option<f64>,
    /// How many bytes it has.
    pub size: f64,
    /// Default `detect`: by the first bytes.
    #[napi(ts_type = "'gzip' | 'zstd' | 'none' | 'detect'")]
    pub compression: Option<String>,
    /// What the bytes are to be. Where it is given, all are read and compared.
    pub digest: Option<String>,
}

/// A name in an image.
#[napi(object)]
pub struct ImageEntry {
    /// Inside the image, without a slash before it.
    pub path: String,
    /// What has the name.
    #[napi(ts_type = "'file' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo'")]
    pub r#type: String,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Of a file, in bytes.
    pub size: f64,
    /// In seconds since the epoch.
    pub mtime: f64,
    /// Where a symbolic link points.
    pub target: Option<String>,
}

/// The files of some layers, read from their archives without unpacking anything.
#[napi]
pub struct ImageFiles {
    tree: Arc<FileTree>,
}

#[napi]
impl ImageFiles {
    /// All names, in the order of their components.
    #[napi(catch_unwind)]
    pub fn list(&self) -> Vec<ImageEntry> {
        list(&self.tree).into_iter().map(entry).collect()
    }

    /// The content of a regular file of at most `limit` bytes. Links are followed inside the image. `layers` are those that were read.
    #[napi(catch_unwind, ts_return_type = "Promise<Buffer>")]
    pub fn read<'env>(&self, env: &'env Env, layers: Vec<LayerFile>, path: String, limit: f64) -> napi::Result<Object<'env>> {
        let prepared = stored(&layers).and_then(|layers| Ok((layers, options::whole("limit", Some(limit))?.unwrap_or(0))));
        let tree = Arc::clone(&self.tree);
        let work = move || prepared.and_then(|(layers, limit)| read_file(&tree, &layers, path.as_bytes(), limit));
        long_promise(env, work, |_, bytes| Ok(Buffer::from(bytes)))
    }
}

/// Reads the layers of an image, from the lowest up.
#[napi(catch_unwind, ts_return_type = "Promise<ImageFiles>")]
pub fn read_image_files(env: &Env, layers: Vec<LayerFile>) -> napi::Result<Object<'_>> {
    let prepared = stored(&layers);
    let work = move || prepared.and_then(|layers| FileTree::read(&layers, Below::Nothing, Limits::default()));
    long_promise(env, work, |_, tree| Ok(ImageFiles { tree: Arc::new(tree) }))
}

/// Writes layers, from the lowest up, as one to `outputFd`, from its position on. `onOthers`: they stand on others, of which what they hide
/// stays hidden. Of the options compression, level, algorithm and epoch count. Equal layers give equal bytes.
#[napi(catch_unwind, ts_return_type = "Promise<PackResult>")]
pub fn merge_layers(
    env: &Env,
    layers: Vec<LayerFile>,
    on_others: bool,
    output_fd: i32,
    options: Option<PackOptions>,
) -> napi::Result<Object<'_>> {
    let prepared = stored(&layers)
        .and_then(|layers| Ok((layers, options::own(output_fd)?)))
        .and_then(|(layers, output)| Ok((layers, output, pack::read(options.unwrap_or_default())?)));
    let below = if on_others { Below::Layers } else { Below::Nothing };
    let work = move || {
        prepared.and_then(|(layers, output, options): (Vec<StoredLayer>, OwnedFd, _)| {
            let tree = FileTree::read(&layers, below, Limits::default())?;
            merge(&tree, &layers, output, &options)
        })
    };
    long_promise(env, work, |_, packed| Ok(pack::result(packed)))
}

/// Writes a layer with another compression to `outputFd`, from its position on. `entries` of the result is 0: the archive is not read.
#[napi(catch_unwind, ts_return_type = "Promise<PackResult>")]
pub fn transcode_layer(env: &Env, layer: LayerFile, output_fd: i32, options: Option<PackOptions>) -> napi::Result<Object<'_>> {
    let prepared = stored(std::slice::from_ref(&layer))
        .and_then(|layers| Ok((layers, options::own(output_fd)?)))
        .and_then(|(layers, output)| Ok((layers, output, pack::read(options.unwrap_or_default())?)));
    let work = move || {
        let (mut layers, output, options) = prepared?;
        let layer = layers.pop().ok_or_else(|| box_kernel::Failure::new("ERR_BOX_INVALID_ARGUMENT", "no layer was given"))?;
        let encoded = transcode(&layer, output, &options)?;
        Ok(Packed { encoded, entries: 0, skipped: Vec::new() })
    };
    long_promise(env, work, |_, packed| Ok(pack::result(packed)))
}

/// Writes what is stored, as it is, to `outputFd`, from its position on. The bytes are not looked at: `compression` and `digest` are of no account.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn copy_stored(env: &Env, layer: LayerFile, output_fd: i32) -> napi::Result<Object<'_>> {
    let prepared = stored(std::slice::from_ref(&layer)).and_then(|layers| Ok((layers, options::own(output_fd)?)));
    let work = move || {
        let (layers, output) = prepared?;
        layers.iter().try_for_each(|layer| copy(layer, &output))
    };
    long_promise(env, work, |_, ()| Ok(()))
}

/// An entry of an archive.
#[napi(object)]
pub struct ArchiveEntry {
    /// As it stands in the archive.
    pub path: String,
    /// `other` for what is neither a file, a folder nor a link.
    #[napi(ts_type = "'file' | 'directory' | 'symlink' | 'hardlink' | 'other'")]
    pub r#type: String,
    /// Of a link, as it stands in the archive.
    pub target: String,
    /// Where in the archive the content begins.
    pub offset: f64,
    /// In bytes.
    pub size: f64,
}

/// What a tar in a file holds, and where: at most `limit` entries. Contents are not read.
#[napi(catch_unwind, ts_return_type = "Promise<Array<ArchiveEntry>>")]
pub fn index_archive(env: &Env, fd: i32, limit: f64) -> napi::Result<Object<'_>> {
    let prepared = options::own(fd).and_then(|file| Ok((file, options::whole("limit", Some(limit))?.unwrap_or(0))));
    let work = move || prepared.and_then(|(file, limit)| index(file.as_fd(), limit));
    long_promise(env, work, |_, found| Ok(found.into_iter().map(archived).collect::<Vec<_>>()))
}

/// The two ends of a pipe. They are the caller's to close.
#[napi(object)]
pub struct Pipe {
    /// What is written comes out here.
    pub read: i32,
    /// The other end.
    pub write: i32,
}

/// Makes a pipe(7) of 1 MiB, or of what the system allows.
#[napi(catch_unwind)]
pub fn make_pipe(env: Env) -> napi::Result<Pipe> {
    use std::os::fd::IntoRawFd;
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).syscall("pipe2").or_throw(&env)?;
    // Where the limit of all pipes is reached it stays small: slower, and no failure.
    rustix::pipe::fcntl_setpipe_size(&write, 1 << 20).unwrap_or_default();
    Ok(Pipe { read: read.into_raw_fd(), write: write.into_raw_fd() })
}

fn stored(layers: &[LayerFile]) -> Result<Vec<StoredLayer>> {
    let one = |layer: &LayerFile| {
        Ok(StoredLayer {
            file: options::own(layer.fd)?,
            offset: options::whole("offset", layer.offset)?.unwrap_or(0),
            size: options::whole("size", Some(layer.size))?.unwrap_or(0),
            compression: options::compression(layer.compression.as_deref())?,
            digest: options::digest(layer.digest.as_deref())?,
        })
    };
    layers.iter().map(one).collect()
}

fn entry(listed: Listed<'_>) -> ImageEntry {
    let path = String::from_utf8_lossy(&listed.path).into_owned();
    let Some(entry) = listed.entry else {
        let r#type = "directory".to_owned();
        return ImageEntry { path, r#type, mode: 0o755, uid: 0, gid: 0, size: 0.0, mtime: 0.0, target: None };
    };
    let kind = match entry.kind {
        Kind::File | Kind::HardLink => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::CharDevice => "character-device",
        Kind::BlockDevice => "block-device",
        Kind::Fifo => "fifo",
    };
    ImageEntry {
        path,
        r#type: kind.to_owned(),
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        size: options::number(entry.size),
        mtime: entry.mtime.seconds as f64,
        target: (entry.kind == Kind::Symlink).then(|| String::from_utf8_lossy(&entry.link).into_owned()),
    }
}

fn archived(found: Indexed) -> ArchiveEntry {
    let kind = match found.kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::HardLink => "hardlink",
        Kind::CharDevice | Kind::BlockDevice | Kind::Fifo => "other",
    };
    ArchiveEntry {
        path: String::from_utf8_lossy(&found.path).into_owned(),
        r#type: kind.to_owned(),
        target: String::from_utf8_lossy(&found.link).into_owned(),
        offset: options::number(found.offset),
        size: options::number(found.size),
    }
}
