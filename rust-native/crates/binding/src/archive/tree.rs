//! Files and trees at rest.

use std::os::fd::AsFd;

use box_archive::digest::hash_file as hash;
use box_archive::tree::Usage;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::{long_promise, options};

/// Digest and size of a file.
#[napi(object)]
pub struct FileDigest {
    /// `sha256:` or `sha512:`, and hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: f64,
}

/// Hashes a file from its start to its end, whatever its position. Default sha256.
#[napi(catch_unwind, ts_return_type = "Promise<FileDigest>")]
pub fn hash_file<'env>(
    env: &'env Env,
    fd: i32,
    #[napi(ts_arg_type = "'sha256' | 'sha512'")] algorithm: Option<String>,
) -> napi::Result<Object<'env>> {
    let prepared = options::own(fd).and_then(|file| Ok((file, options::algorithm(algorithm.as_deref())?)));
    long_promise(
        env,
        move || prepared.and_then(|(file, algorithm)| hash(file.as_fd(), algorithm)),
        |_, (digest, size)| Ok(FileDigest { digest: digest.to_string(), size: options::number(size) }),
    )
}

/// What a tree takes.
#[napi(object)]
pub struct TreeUsage {
    /// Bytes allocated on the disk.
    pub bytes: f64,
    /// Files, folders and all else below the root; several names of one file count once.
    pub inodes: f64,
}

/// Measures all below a folder.
#[napi(catch_unwind, ts_return_type = "Promise<TreeUsage>")]
pub fn measure_tree(env: &Env, fd: i32) -> napi::Result<Object<'_>> {
    let prepared = options::own(fd);
    long_promise(env, move || prepared.and_then(|root| box_archive::tree::measure(root.as_fd())), |_, found| Ok(usage(found)))
}

pub(super) fn usage(found: Usage) -> TreeUsage {
    TreeUsage { bytes: options::number(found.bytes), inodes: options::number(found.inodes) }
}

/// Removes what `name` is in a folder, and all below it; follows nothing, crosses folders that deny their owner, and is content where
/// nothing is there. `name` is one component.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn remove_tree(env: &Env, parent_fd: i32, name: String) -> napi::Result<Object<'_>> {
    let prepared = options::own(parent_fd);
    long_promise(env, move || prepared.and_then(|parent| box_archive::tree::remove_tree(parent.as_fd(), name.as_bytes())), |_, ()| Ok(()))
}
