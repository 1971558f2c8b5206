//! Files inside a root, resolved by descriptor.

use std::os::fd::{AsFd, OwnedFd};

use box_kernel::file_ids::FileIds;
use box_kernel::root::Root;
use napi::Env;
use napi::bindgen_prelude::{Buffer, Object};
use napi_derive::napi;

use crate::background::promise;
use crate::error::OrThrow;
use crate::mounts::duplicate;

/// The ids, outside, of who makes files in a root whose ids are mapped.
#[napi(object)]
pub struct RootOwner {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
}

/// Reads a regular file of at most `limit` bytes, its path resolved inside the root.
#[napi(catch_unwind, ts_return_type = "Promise<Buffer>")]
pub fn root_read_file(env: &Env, fd: i32, path: String, limit: f64) -> napi::Result<Object<'_>> {
    let limit = crate::mounts::whole(limit).or_throw(env)?;
    within(env, fd, None, move |root| root.read(path.as_bytes(), limit), |content| Ok(Buffer::from(content)))
}

/// Writes a regular file, its path resolved inside the root. `mode` is of a new one.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn root_write_file(env: &Env, fd: i32, path: String, content: Buffer, mode: u32, owner: Option<RootOwner>) -> napi::Result<Object<'_>> {
    // A copy: the caller may change the bytes while they are written.
    let content = content.to_vec();
    within(env, fd, owner, move |root| root.write(path.as_bytes(), &content, mode), Ok)
}

/// Makes a folder and those above it that are missing, resolved inside the root.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn root_make_folder(env: &Env, fd: i32, path: String, mode: u32, owner: Option<RootOwner>) -> napi::Result<Object<'_>> {
    within(env, fd, owner, move |root| root.make_folder(path.as_bytes(), mode), Ok)
}

/// The names in a folder, sorted. Bytes that are no UTF-8 are replaced.
#[napi(catch_unwind, ts_return_type = "Promise<string[]>")]
pub fn root_list(env: &Env, fd: i32, path: String) -> napi::Result<Object<'_>> {
    within(
        env,
        fd,
        None,
        move |root| root.list(path.as_bytes()),
        |names| Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>()),
    )
}

/// What a symbolic link says.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn root_read_link(env: &Env, fd: i32, path: String) -> napi::Result<Object<'_>> {
    within(env, fd, None, move |root| root.read_link(path.as_bytes()), |target| Ok(String::from_utf8_lossy(&target).into_owned()))
}

/// Makes a symbolic link inside the root.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn root_make_link(env: &Env, fd: i32, target: String, path: String, owner: Option<RootOwner>) -> napi::Result<Object<'_>> {
    within(env, fd, owner, move |root| root.make_link(target.as_bytes(), path.as_bytes()), Ok)
}

/// Removes a file, or a folder with all that is in it, inside the root. Nothing there is no failure.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn root_remove(env: &Env, fd: i32, path: String, owner: Option<RootOwner>) -> napi::Result<Object<'_>> {
    within(env, fd, owner, move |root| root.remove(path.as_bytes()), Ok)
}

fn within<'env, T, V>(
    env: &'env Env,
    fd: i32,
    owner: Option<RootOwner>,
    work: impl FnOnce(Root<'_>) -> box_kernel::Result<T> + Send + 'static,
    convert: impl FnOnce(T) -> napi::Result<V> + Send + 'static,
) -> napi::Result<Object<'env>>
where
    T: Send + 'static,
    V: napi::bindgen_prelude::ToNapiValue + 'static,
{
    let top: OwnedFd = duplicate(fd).or_throw(env)?;
    promise(
        env,
        move || {
            let _ids = owner.map(|owner| FileIds::take(owner.uid, owner.gid)).transpose()?;
            work(Root::new(top.as_fd()))
        },
        move |_, value| convert(value),
    )
}
