//! Processes of groups.

use std::time::Duration;

use box_kernel::cgroup;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::background;

/// Moves a process into the groups in those folders. What it rejects with names the `cgroup.procs` that did not take it.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn move_process(env: &Env, folders: Vec<String>, pid: i32) -> napi::Result<Object<'_>> {
    background::promise(env, move || cgroup::move_process(&folders, pid), |_, ()| Ok(()))
}

/// Writes files of groups, in their order, each with the value of its place in the other list. Stops at the first that fails; gives how many were written.
#[napi(catch_unwind)]
pub fn write_group_files(paths: Vec<String>, values: Vec<String>) -> u32 {
    cgroup::write_files(paths.into_iter().zip(values))
}

/// Waits until processes have ended, for that many milliseconds at most. Gives whether they have.
#[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
pub fn wait_for_ends(env: &Env, pids: Vec<i32>, at_most: u32) -> napi::Result<Object<'_>> {
    background::promise(env, move || cgroup::wait_for_ends(&pids, Duration::from_millis(at_most.into())), |_, ended| Ok(ended))
}
