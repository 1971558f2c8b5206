//! Groups and their processes.

use std::time::Duration;

use box_kernel::cgroup::{self, Made};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::background;

/// Moves a process into the groups in those folders. What it rejects with names the `cgroup.procs` that did not take it.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn move_process(env: &Env, folders: Vec<String>, pid: i32) -> napi::Result<Object<'_>> {
    background::promise(env, move || cgroup::move_process(&folders, pid), |_, ()| Ok(()))
}

/// How far a group was made.
#[napi(object)]
pub struct GroupMade {
    /// This process is in other groups than was said: nothing was made.
    pub elsewhere: bool,
    /// How many of the folders were made.
    pub folders: u32,
    /// Why the next folder was not made: the error's name.
    pub errno: Option<String>,
    /// How many of the files were written.
    pub written: u32,
}

/// Makes the folders of a group and writes files in them, in their order, each with the value of its place in the other list. Stops at the first that
/// is refused. `own` is what /proc/self/cgroup said when the folders were chosen, where it may say something else by now.
#[napi(catch_unwind, ts_return_type = "Promise<GroupMade>")]
pub fn make_group(
    env: &Env,
    folders: Vec<String>,
    files: Vec<String>,
    values: Vec<String>,
    own: Option<String>,
) -> napi::Result<Object<'_>> {
    let count = u32::try_from(folders.len()).unwrap_or(0);
    let work = move || cgroup::make(&folders, files.into_iter().zip(values), own.as_deref());
    background::short_promise(env, work, move |_, made| {
        Ok(match made {
            Made::Elsewhere => GroupMade { elsewhere: true, folders: 0, errno: None, written: 0 },
            Made::Folders { written } => GroupMade { elsewhere: false, folders: count, errno: None, written },
            Made::Refused { made, errno } => {
                GroupMade { elsewhere: false, folders: made, errno: Some(box_kernel::errno::name(errno).into_owned()), written: 0 }
            }
        })
    })
}

/// Removes folders of groups, in their order, as long as nothing is in them. Gives how many are gone.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn remove_groups(env: &Env, folders: Vec<String>) -> napi::Result<Object<'_>> {
    background::short_promise(env, move || Ok(cgroup::remove(&folders)), |_, gone| Ok(gone))
}

/// Waits until processes have ended, for that many milliseconds at most. Gives whether they have.
#[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
pub fn wait_for_ends(env: &Env, pids: Vec<i32>, at_most: u32) -> napi::Result<Object<'_>> {
    background::promise(env, move || cgroup::wait_for_ends(&pids, Duration::from_millis(at_most.into())), |_, ended| Ok(ended))
}
