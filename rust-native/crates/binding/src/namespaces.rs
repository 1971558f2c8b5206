//! Namespaces by descriptor.

use std::os::fd::{AsFd, IntoRawFd};
use std::path::Path;

use box_kernel::namespaces::{self, Entry, KINDS, Kind};
use box_kernel::{Failure, Result};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::background::promise;
use crate::error::OrThrow;
use crate::mounts::duplicate;

/// What the kernel says of a namespace (ioctl_ns(2)).
#[napi(object)]
pub struct NamespaceDescription {
    /// As the runtime specification names it.
    #[napi(ts_type = "'user' | 'pid' | 'mount' | 'uts' | 'ipc' | 'network' | 'cgroup' | 'time'")]
    pub kind: String,
    /// Its inode number.
    pub id: f64,
    /// Of a user namespace: who made it.
    pub owner_uid: Option<u32>,
}

/// A namespace of this machine.
#[napi(object)]
pub struct NamespaceEntry {
    /// As the runtime specification names it.
    #[napi(ts_type = "'user' | 'pid' | 'mount' | 'uts' | 'ipc' | 'network' | 'cgroup' | 'time'")]
    pub kind: String,
    /// Its inode number.
    pub id: f64,
    /// The user namespace that it belongs to.
    pub owner: Option<f64>,
    /// The pid or user namespace above.
    pub parent: Option<f64>,
    /// Of a user namespace: who made it.
    pub owner_uid: Option<u32>,
    /// The processes in it.
    pub members: Vec<u32>,
    /// Where it is pinned.
    pub pins: Vec<String>,
}

/// Opens the namespace at a path. Gives a descriptor, which the caller closes.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn open_namespace(env: &Env, path: String) -> napi::Result<Object<'_>> {
    promise(env, move || namespaces::open(Path::new(&path)), |_, namespace| Ok(namespace.into_raw_fd()))
}

/// Opens a namespace of a process, by its id and pidfd or its id alone, or of this one. Gives a descriptor, which the caller closes.
#[napi(catch_unwind)]
pub fn namespace_of(env: &Env, kind: String, pid: Option<u32>, pidfd: Option<i32>) -> napi::Result<i32> {
    let open = || {
        let pidfd = pidfd.map(duplicate).transpose()?;
        match pid {
            Some(pid) => namespaces::of_process(pid, pidfd.as_ref().map(AsFd::as_fd), kind_of(&kind)?),
            None => namespaces::own(kind_of(&kind)?),
        }
    };
    open().map(IntoRawFd::into_raw_fd).or_throw(env)
}

fn kind_of(name: &str) -> Result<&'static Kind> {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    kind.ok_or_else(|| Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{name} is not a kind of namespace")))
}

/// Kind, number and owner's id.
#[napi(catch_unwind)]
pub fn describe_namespace(env: &Env, fd: i32) -> napi::Result<NamespaceDescription> {
    let described = duplicate(fd).and_then(|namespace| namespaces::describe(namespace.as_fd())).or_throw(env)?;
    Ok(NamespaceDescription { kind: described.kind.name.to_owned(), id: number(described.id), owner_uid: described.owner_uid })
}

/// Opens the user namespace that a namespace belongs to, or (`parent`) the one above it, where the caller may see that. The caller closes it.
#[napi(catch_unwind)]
pub fn related_namespace(env: &Env, fd: i32, #[napi(ts_arg_type = "'owner' | 'parent'")] which: String) -> napi::Result<Option<i32>> {
    let ask = if which == "parent" { namespaces::parent } else { namespaces::owner };
    let related = duplicate(fd).and_then(|namespace| ask(namespace.as_fd())).or_throw(env)?;
    Ok(related.map(IntoRawFd::into_raw_fd))
}

/// Keeps a namespace at a path by a bind mount.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn pin_namespace(env: &Env, fd: i32, path: String) -> napi::Result<Object<'_>> {
    let namespace = duplicate(fd).or_throw(env)?;
    promise(env, move || namespaces::pin(namespace.as_fd(), Path::new(&path)), |_, ()| Ok(()))
}

/// Ends that, and removes the file.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn unpin_namespace(env: &Env, path: String) -> napi::Result<Object<'_>> {
    promise(env, move || namespaces::unpin(Path::new(&path)), |_, ()| Ok(()))
}

/// All namespaces that the caller can see.
#[napi(catch_unwind, ts_return_type = "Promise<Array<NamespaceEntry>>")]
pub fn list_namespaces(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, namespaces::list, |_, entries| Ok(entries.into_iter().map(entry).collect::<Vec<_>>()))
}

fn entry(entry: Entry) -> NamespaceEntry {
    NamespaceEntry {
        kind: entry.kind.name.to_owned(),
        id: number(entry.id),
        owner: entry.owner.map(number),
        parent: entry.parent.map(number),
        owner_uid: entry.owner_uid,
        members: entry.members,
        pins: entry.pins.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
    }
}

/// Inode numbers of nsfs have 32 bits.
#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn number(id: u64) -> f64 {
    id as f64
}
