//! User namespaces, and overlays that belong to one.

use std::ffi::CString;
use std::os::fd::IntoRawFd;

use box_kernel::Failure;
use box_kernel::launch::{self, IdRange, Maps, OverlayPlan};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::background::promise;
use crate::error::OrThrow;

/// A range of a map of ids (user_namespaces(7)).
#[napi(object)]
pub struct IdMappingObject {
    /// The first id inside.
    pub container_id: u32,
    /// The first id outside.
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

/// What an overlay in a user namespace is made of. Folders are named by paths.
#[napi(object)]
pub struct UserOverlayOptions {
    /// The folders that are read, the uppermost first.
    pub lowers: Vec<String>,
    /// The folder that is written; without it nothing can be.
    pub upper: Option<String>,
    /// The empty folder that overlayfs works in, beside `upper`.
    pub work: Option<String>,
    /// Without `upper`: what is written is kept in memory, up to so many bytes.
    pub memory: Option<f64>,
    /// With `memory`: the folder whose mode the root has.
    pub like: Option<String>,
    /// Mount options as in overlayfs.rst, `name` or `name=value`: `userxattr`, `index=off`.
    pub options: Vec<String>,
    /// The map of users.
    pub uid_mappings: Vec<IdMappingObject>,
    /// The map of groups.
    pub gid_mappings: Vec<IdMappingObject>,
}

/// An overlay, and the user namespace that it belongs to.
#[napi(object)]
pub struct UserOverlay {
    /// The mount, attached nowhere; the caller's to close.
    pub mount_fd: i32,
    /// Where what is written is kept in memory: that file system, with the folder `upper`; the caller's to close.
    pub memory_fd: Option<i32>,
    /// The user namespace; the caller's to close.
    pub user_namespace_fd: i32,
}

/// What this process's user can map into a user namespace, and by which programs.
#[napi(object)]
pub struct SubordinateIds {
    /// The user's name.
    pub name: String,
    /// The user's own id as 0, and from 1 on the ranges that it has been given.
    pub uid_mappings: Vec<IdMappingObject>,
    /// The same of groups.
    pub gid_mappings: Vec<IdMappingObject>,
    /// The path of the program that maps users.
    pub newuidmap: String,
    /// The path of the program that maps groups.
    pub newgidmap: String,
}

/// What /etc/subuid and /etc/subgid grant to this process's user, where it can use it; throws what stands in the way.
#[napi(catch_unwind)]
pub fn subordinate_ids(env: Env) -> napi::Result<SubordinateIds> {
    let found = box_kernel::subordinate_ids::find().or_throw(&env)?;
    let objects =
        |map: Vec<IdRange>| map.into_iter().map(|(container_id, host_id, size)| IdMappingObject { container_id, host_id, size }).collect();
    Ok(SubordinateIds {
        name: found.name,
        uid_mappings: objects(found.uid),
        gid_mappings: objects(found.gid),
        newuidmap: found.newuidmap.to_string_lossy().into_owned(),
        newgidmap: found.newgidmap.to_string_lossy().into_owned(),
    })
}

/// Makes a user namespace with these maps, and gives its descriptor, which the caller closes. An ordinary
/// user can map its own ids, and where newuidmap serves it those of /etc/subuid and /etc/subgid.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn create_user_namespace(
    env: &Env,
    uid_mappings: Vec<IdMappingObject>,
    gid_mappings: Vec<IdMappingObject>,
) -> napi::Result<Object<'_>> {
    super::launch::provide_launcher();
    let maps = Maps { uid: ranges(uid_mappings), gid: ranges(gid_mappings) };
    promise(env, move || launch::create_user_namespace(&maps), |_, namespace| Ok(namespace.into_raw_fd()))
}

/// Makes an overlay in a new user namespace with these maps: as an ordinary user can.
#[napi(catch_unwind, ts_return_type = "Promise<UserOverlay>")]
pub fn mount_overlay_in_user_namespace(env: &Env, options: UserOverlayOptions) -> napi::Result<Object<'_>> {
    super::launch::provide_launcher();
    let maps = Maps { uid: ranges(options.uid_mappings), gid: ranges(options.gid_mappings) };
    let overlay =
        overlay_plan(options.lowers, (options.upper, options.work), (options.memory, options.like), &options.options).or_throw(env)?;
    promise(
        env,
        move || launch::mount_overlay_in_user_namespace(&maps, &overlay),
        |_, made| {
            Ok(UserOverlay {
                mount_fd: made.mount.into_raw_fd(),
                memory_fd: made.memory.map(IntoRawFd::into_raw_fd),
                user_namespace_fd: made.namespace.into_raw_fd(),
            })
        },
    )
}

/// A mount, and the user namespace that it belongs to.
#[napi(object)]
pub struct UserTree {
    /// The mount, attached nowhere; the caller's to close.
    pub mount_fd: i32,
    /// The user namespace; the caller's to close.
    pub user_namespace_fd: i32,
}

/// Makes a mount of a folder, named by its path, in a new user namespace with these maps: as an ordinary user can.
#[napi(catch_unwind, ts_return_type = "Promise<UserTree>")]
pub fn mount_tree_in_user_namespace(
    env: &Env,
    path: String,
    read_only: bool,
    uid_mappings: Vec<IdMappingObject>,
    gid_mappings: Vec<IdMappingObject>,
) -> napi::Result<Object<'_>> {
    super::launch::provide_launcher();
    let maps = Maps { uid: ranges(uid_mappings), gid: ranges(gid_mappings) };
    let path = text(path).or_throw(env)?;
    promise(
        env,
        move || launch::mount_tree_in_user_namespace(&maps, &path, read_only),
        |_, (mount, namespace)| Ok(UserTree { mount_fd: mount.into_raw_fd(), user_namespace_fd: namespace.into_raw_fd() }),
    )
}

fn overlay_plan(
    lowers: Vec<String>,
    writable: (Option<String>, Option<String>),
    memory: (Option<f64>, Option<String>),
    options: &[String],
) -> box_kernel::Result<OverlayPlan> {
    let memory = match memory {
        (Some(size), Some(like)) => Some((crate::mounts::whole(size)?, text(like)?)),
        (None, None) => None,
        _ => return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "an overlay needs both `memory` and `like`, or neither")),
    };
    let writable = match writable {
        (Some(upper), Some(work)) => Some((text(upper)?, text(work)?)),
        (None, None) => None,
        _ => return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "an overlay needs both `upper` and `work`, or neither")),
    };
    let parameters = options.iter().map(|option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        Ok((text(name)?, text(value)?))
    });
    Ok(OverlayPlan {
        lowers: lowers.into_iter().map(text).collect::<box_kernel::Result<_>>()?,
        writable,
        memory,
        parameters: parameters.collect::<box_kernel::Result<_>>()?,
    })
}

fn text(value: impl Into<Vec<u8>>) -> box_kernel::Result<CString> {
    CString::new(value).map_err(|_| Failure::new("ERR_BOX_INVALID_ARGUMENT", "a path or option holds a NUL"))
}

fn ranges(mappings: Vec<IdMappingObject>) -> Vec<IdRange> {
    mappings.into_iter().map(|mapping| (mapping.container_id, mapping.host_id, mapping.size)).collect()
}
