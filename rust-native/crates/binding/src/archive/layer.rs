//! Unpacking layers.

use box_archive::limits::Limits;
use box_archive::overlay::Marks;
use box_archive::pipeline::{self, Blob, Layer, LayerWriter};
use box_archive::unpack::{Devices, Ids, MissingLinks, Options, Own};
use box_kernel::Result;
use napi::Env;
use napi::bindgen_prelude::{Either, Object, PromiseRaw};
use napi_derive::napi;

use super::{Resolver, options, threads_promise};
use crate::error::{OrThrow, plain};
use crate::within;

/// What a layer may take.
#[napi(object)]
pub struct LayerLimits {
    /// Bytes of the tar, and of one file's logical size. Default 64 GiB.
    pub total_size: Option<f64>,
    /// Entries of the tar. Default 2,000,000.
    pub entries: Option<f64>,
    /// Uncompressed bytes for each compressed one, beyond the first 64 MiB. Default 250.
    pub ratio: Option<f64>,
    /// Components of a path. Default 512.
    pub depth: Option<f64>,
}

/// How a layer is unpacked, and what it is to be. Descriptors are duplicated by the call that takes them.
#[napi(object)]
pub struct LayerOptions {
    /// The folder that receives the tree: empty, and nobody else's.
    pub directory_fd: i32,
    /// Where the compressed bytes are written to, from offset `resumeSize` on. Open for reading too where that is not 0.
    pub blob_fd: Option<i32>,
    /// How many bytes `blobFd` holds from an earlier try. They are read and go through before what is written. Default 0.
    pub resume_size: Option<f64>,
    /// Default `detect`: by the first bytes.
    #[napi(ts_type = "'gzip' | 'zstd' | 'none' | 'detect'")]
    pub compression: Option<String>,
    /// The digest of the compressed bytes, sha256 or sha512.
    pub digest: Option<String>,
    /// The number of compressed bytes.
    pub size: Option<f64>,
    /// The digest of the tar, as in the image config's `rootfs.diff_ids`.
    pub diff_id: Option<String>,
    /// `keep` (default): owners as the layer says, `idShift` added. `squash`: all belongs to the caller.
    #[napi(ts_type = "'keep' | 'squash'")]
    pub ids: Option<String>,
    /// Added to user and group ids. Default 0.
    pub id_shift: Option<f64>,
    /// Which mark opaque folders get: `trusted.overlay.opaque`, `user.overlay.opaque`, or (default) those of both that can be set.
    #[napi(ts_type = "'trusted' | 'user' | 'both'")]
    pub opaque: Option<String>,
    /// Device nodes are made (default), left out, or an error.
    #[napi(ts_type = "'make' | 'skip' | 'error'")]
    pub devices: Option<String>,
    /// The layers below, unpacked, topmost first: for what depends on them.
    pub lower_fds: Option<Vec<i32>>,
    /// What becomes of hard links to files that are neither in the layer nor in those below: an error (default), or left out and named in `lowerLinks`.
    #[napi(ts_type = "'error' | 'note'")]
    pub missing_links: Option<String>,
    /// Limits against hostile input.
    pub limits: Option<LayerLimits>,
}

/// What a layer is, and what of it was unpacked.
#[napi(object)]
pub struct LayerResult {
    /// Of the compressed bytes.
    pub digest: String,
    /// Of the compressed bytes.
    pub size: f64,
    /// Of the tar.
    pub diff_id: String,
    /// Of the tar.
    pub uncompressed_size: f64,
    /// What was said, or found.
    #[napi(ts_type = "'gzip' | 'zstd' | 'none'")]
    pub compression: String,
    /// Entries of the tar.
    pub entries: f64,
    /// Whether the layer describes its root folder (`./`).
    pub root_entry: bool,
    /// Whether the root folder is opaque. overlayfs takes no notice of that mark on a root: mount nothing below this layer.
    pub root_opaque: bool,
    /// What the tree takes on the disk.
    pub bytes: f64,
    /// Files, folders and all else below the root; several names of one file count once.
    pub inodes: f64,
    /// Whiteouts in the tree, as devices 0, 0.
    pub whiteouts: f64,
    /// Opaque folders in the tree.
    pub opaques: f64,
    /// The marks that all of them have.
    #[napi(ts_type = "Array<'trusted' | 'user'>")]
    pub opaque_marks: Vec<String>,
    /// Whether the tree would be another above other layers.
    pub depends_on_parent: bool,
    /// Folders that no entry described: as in `lowerFds`, else 0755, root's, of the epoch. The first 1000.
    pub implied_folders: Vec<String>,
    /// Hard links to files of lower layers, and links of lower layers with entries of this one behind them. The first 1000.
    pub lower_links: Vec<String>,
    /// Devices that were left out. The first 1000.
    pub skipped_devices: Vec<String>,
    /// Names of extended attributes that were left out: labels of another machine, and with `squash` what the caller may not set.
    pub skipped_xattrs: Vec<String>,
}

/// A layer that arrives in pieces. It runs on two threads of its own; a full queue is felt by `write`.
///
/// Failures by code: `ERR_BOX_DIGEST_MISMATCH`, `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_LAYER_INVALID` (path: the entry; step: the rule),
/// `ERR_BOX_LIMIT` (step: which), `ERR_BOX_STATE`, and of the system with their errno.
#[napi]
pub struct LayerUnpacker {
    writer: LayerWriter,
}

#[napi]
impl LayerUnpacker {
    /// Starts.
    #[napi(factory, catch_unwind)]
    pub fn start(env: Env, options: LayerOptions) -> napi::Result<Self> {
        let writer = read_options(&options).and_then(LayerWriter::start).or_throw(&env)?;
        Ok(Self { writer })
    }

    /// Gives the next bytes, which are copied. Resolves when there is room for more.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn write<'env>(&self, env: &'env Env, chunk: &[u8]) -> napi::Result<Either<PromiseRaw<'env, ()>, Object<'env>>> {
        let (mut promise, mut failed) = (None, None);
        let answer = self.writer.write(chunk.to_vec(), || match env.create_deferred::<(), Resolver<()>>() {
            Ok((deferred, object)) => {
                promise = Some(object);
                Box::new(move |accepted: Result<()>| deferred.resolve(Box::new(move |env| accepted.or_throw(&env))))
            }
            Err(error) => {
                failed = Some(error);
                Box::new(|_| {})
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        match (answer, promise) {
            (None, Some(promise)) => Ok(Either::B(promise)),
            (Some(Err(failure)), _) => PromiseRaw::reject(env, plain(env, &failure)?).map(Either::A),
            _ => PromiseRaw::resolve(env, ()).map(Either::A),
        }
    }

    /// Ends the layer. Resolves when all is checked and written, and both threads are gone.
    #[napi(catch_unwind, ts_return_type = "Promise<LayerResult>")]
    pub fn finish<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<LayerResult, Resolver<LayerResult>>()?;
        self.writer.finish(Box::new(move |layer| deferred.resolve(Box::new(move |env| layer.map(result).or_throw(&env)))));
        Ok(promise)
    }

    /// Gives up. Resolves when both threads are gone and the descriptors closed; the tree stays as far as it was made.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn abort<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<(), Resolver<()>>()?;
        self.writer.abort(Box::new(move || deferred.resolve(Box::new(|_| Ok(())))));
        Ok(promise)
    }
}

/// Unpacks a layer from a file, from its start to its end. `blobFd` and `resumeSize` are not taken.
#[napi(catch_unwind, ts_return_type = "Promise<LayerResult>")]
pub fn unpack_file(env: &Env, fd: i32, options: LayerOptions) -> napi::Result<Object<'_>> {
    let prepared = options::own(fd).and_then(|file| {
        if options.blob_fd.is_some() || options.resume_size.is_some() {
            return Err(box_kernel::Failure::new("ERR_BOX_INVALID_ARGUMENT", "unpackFile takes no blobFd: the file is there already"));
        }
        Ok((file, read_options(&options)?))
    });
    threads_promise(env, move || prepared.and_then(|(file, options)| pipeline::unpack_file(file, options)), |_, layer| Ok(result(layer)))
}

fn read_options(given: &LayerOptions) -> Result<pipeline::LayerOptions> {
    let squash = options::choice("ids", given.ids.as_deref(), &[("keep", false), ("squash", true)])?.unwrap_or(false);
    let shift = options::small("idShift", given.id_shift)?.unwrap_or(0);
    let devices = [("make", Devices::Make), ("skip", Devices::Skip), ("error", Devices::Refuse)];
    let links = [("error", MissingLinks::Refuse), ("note", MissingLinks::Note)];
    let marks = [
        ("trusted", Marks { trusted: true, user: false }),
        ("user", Marks { trusted: false, user: true }),
        ("both", Marks { trusted: true, user: true }),
    ];
    let both = Marks { trusted: true, user: true };
    let resume = options::whole("resumeSize", given.resume_size)?.unwrap_or(0);
    let blob = match given.blob_fd {
        None => None,
        Some(fd) => Some(Blob { file: options::own(fd)?, resume }),
    };
    Ok(pipeline::LayerOptions {
        unpack: Options {
            folder: options::own(given.directory_fd)?,
            ids: if squash { Ids::Squash } else { Ids::Keep { shift } },
            devices: options::choice("devices", given.devices.as_deref(), &devices)?.unwrap_or(Devices::Make),
            opaque: options::choice("opaque", given.opaque.as_deref(), &marks)?.unwrap_or(both),
            lowers: given.lower_fds.iter().flatten().map(|fd| options::own(*fd)).collect::<Result<_>>()?,
            own: Own::default(),
            missing_links: options::choice("missingLinks", given.missing_links.as_deref(), &links)?.unwrap_or(MissingLinks::Refuse),
            limits: read_limits(given.limits.as_ref())?,
        },
        namespace: within::chosen(),
        blob,
        compression: options::compression(given.compression.as_deref())?,
        digest: options::digest(given.digest.as_deref())?,
        size: options::whole("size", given.size)?,
        diff_id: options::digest(given.diff_id.as_deref())?,
    })
}

fn read_limits(given: Option<&LayerLimits>) -> Result<Limits> {
    let default = Limits::default();
    let Some(given) = given else { return Ok(default) };
    let depth = options::small("limits.depth", given.depth)?.map(|depth| depth as usize);
    Ok(Limits {
        total_size: options::whole("limits.totalSize", given.total_size)?.unwrap_or(default.total_size),
        entries: options::whole("limits.entries", given.entries)?.unwrap_or(default.entries),
        ratio: options::whole("limits.ratio", given.ratio)?.unwrap_or(default.ratio),
        depth: depth.unwrap_or(default.depth),
        ..default
    })
}

fn result(layer: Layer) -> LayerResult {
    let report = layer.report;
    let marks = [(report.marks.trusted, "trusted"), (report.marks.user, "user")];
    LayerResult {
        digest: layer.digest.to_string(),
        size: options::number(layer.size),
        diff_id: layer.diff_id.to_string(),
        uncompressed_size: options::number(layer.uncompressed_size),
        compression: layer.compression.name().to_owned(),
        entries: options::number(layer.entries),
        root_entry: report.root_entry,
        root_opaque: report.root_opaque,
        bytes: options::number(report.usage.bytes),
        inodes: options::number(report.usage.inodes),
        whiteouts: options::number(report.whiteouts),
        opaques: options::number(report.opaques),
        opaque_marks: marks.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned()).collect(),
        depends_on_parent: report.depends_on_parent,
        implied_folders: report.implied_folders,
        lower_links: report.lower_links,
        skipped_devices: report.skipped_devices,
        skipped_xattrs: report.skipped_xattrs,
    }
}
