//! Roots that are copies of their layers.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use box_archive::copied::Copied;
use box_kernel::Result;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::pack::{self, PackOptions};
use super::tree::usage;
use super::{long_promise, options};
use crate::mounts::folder;

/// What a copy of layers was when it was made. `fd` of its methods is the folder that holds it, `lowers` are the layers' folders, the uppermost first.
#[napi]
pub struct CopiedTree {
    copied: Arc<Copied>,
}

#[napi]
impl CopiedTree {
    /// Whether files share their blocks with those of the layers.
    #[napi(getter)]
    pub fn shares_blocks(&self) -> bool {
        self.copied.shares_blocks()
    }

    /// What was changed since it was made: like `changes`, but that a folder in place of another is told by what it holds.
    #[napi(catch_unwind, ts_return_type = "Promise<Array<TreeChange>>")]
    pub fn changes<'env>(&self, env: &'env Env, fd: i32, lowers: Vec<String>) -> napi::Result<Object<'env>> {
        let copied = Arc::clone(&self.copied);
        let prepared = options::own(fd);
        let work = move || prepared.and_then(|tree| copied.changes(tree.as_fd(), open(&lowers)?));
        long_promise(env, work, |_, changes| Ok(changes.into_iter().map(pack::change).collect::<Vec<_>>()))
    }

    /// What was written since it was made.
    #[napi(catch_unwind, ts_return_type = "Promise<TreeUsage>")]
    pub fn usage<'env>(&self, env: &'env Env, fd: i32, lowers: Vec<String>) -> napi::Result<Object<'env>> {
        let copied = Arc::clone(&self.copied);
        let prepared = options::own(fd);
        let work = move || prepared.and_then(|tree| copied.usage(tree.as_fd(), open(&lowers)?));
        long_promise(env, work, |_, found| Ok(usage(found)))
    }

    /// Writes what was changed since it was made as a layer to `outputFd`, from its position on.
    #[napi(catch_unwind, ts_return_type = "Promise<PackResult>")]
    pub fn pack<'env>(
        &self,
        env: &'env Env,
        fd: i32,
        lowers: Vec<String>,
        output_fd: i32,
        options: Option<PackOptions>,
    ) -> napi::Result<Object<'env>> {
        let copied = Arc::clone(&self.copied);
        let prepared = options::own(fd).and_then(|tree| Ok((tree, options::own(output_fd)?, pack::read(options.unwrap_or_default())?)));
        let work = move || prepared.and_then(|(tree, output, options)| copied.pack(tree.as_fd(), open(&lowers)?, output, &options));
        long_promise(env, work, |_, packed| Ok(pack::result(packed)))
    }
}

/// Copies what the layers at `lowers` show together, the uppermost first, into an empty folder, which becomes like the folder at `like`. Blocks are
/// shared where the file system can.
#[napi(catch_unwind, ts_return_type = "Promise<CopiedTree>")]
pub fn copy_layers(env: &Env, fd: i32, lowers: Vec<String>, like: Option<String>) -> napi::Result<Object<'_>> {
    let prepared = options::own(fd);
    let work = move || {
        let like = like.map(|path| folder(&path)).transpose()?;
        prepared.and_then(|tree| Copied::make(tree.as_fd(), &open(&lowers)?, like.as_ref()))
    };
    long_promise(env, work, |_, copied| Ok(CopiedTree { copied: Arc::new(copied) }))
}

fn open(lowers: &[String]) -> Result<Vec<OwnedFd>> {
    lowers.iter().map(|path| folder(path)).collect()
}
