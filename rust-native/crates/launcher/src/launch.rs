//! One launch, from the plan to the child's first step.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::{Outcome, Plan, flags};
use rustix::fs::{CWD, Mode, OFlags};

use crate::children::Children;
use crate::clone::{Made, make};
use crate::descriptors::close_together;
use crate::spare::Spares;
use crate::stop::{Context, Result, during};
use crate::{channel, descriptors, enter, join, sys, time};

/// What came with the plan.
pub struct Descriptors<'a> {
    /// One for each slot.
    pub files: &'a [OwnedFd],
    /// How each could be opened: see [`box_plan::slot`].
    pub kinds: &'a [u8],
    /// The channel of this launch.
    pub answer: &'a OwnedFd,
}

/// The cgroups that the child is born in.
pub struct Cgroups {
    /// The folder of the v2 cgroup.
    pub v2: Option<OwnedFd>,
    /// `tasks` of each v1 cgroup, open for writing.
    pub v1: Vec<OwnedFd>,
}

/// What the launcher keeps from one launch to the next.
#[derive(Default)]
pub struct Served {
    /// Those that end with the caller.
    pub children: Children,
    /// What is made ahead.
    pub spares: Spares,
}

/// Makes the child and answers. Returns in the launcher only. `bytes` are the plan's.
pub fn launch(plan: &Plan<'_>, bytes: &[u8], given: &Descriptors<'_>, Served { children, spares }: &mut Served) -> Result<()> {
    let cgroups = open_cgroups(plan).map_err(|stop| during(stop, "open the cgroup"))?;
    if !plan.joins.is_empty() || plan.namespaces & time::NEW != 0 {
        return join::launch_joined(plan, given, &cgroups, children);
    }
    if !spares.launch(plan, bytes, given, &cgroups) {
        match make(plan, cgroups.v2.as_ref(), given.answer, false).map_err(|stop| during(stop, "make the process"))? {
            Made::Child(barrier) => {
                children.forget();
                become_child(plan, given, &cgroups, &barrier)
            }
            Made::Maker(pidfd) if plan.flags & flags::DETACHED == 0 => children.add(pidfd),
            Made::Maker(_) => {}
        }
    }
    close_together(cgroups.v1.into_iter().chain(cgroups.v2));
    spares.made().into_iter().for_each(|pidfd| children.add(pidfd));
    spares.prepare(plan, given.answer);
    Ok(())
}

/// The child's life up to the program.
pub fn become_child(plan: &Plan<'_>, given: &Descriptors<'_>, cgroups: &Cgroups, barrier: &OwnedFd) -> ! {
    let mut keep: Vec<BorrowedFd<'_>> = given.files.iter().map(AsFd::as_fd).collect();
    keep.push(given.answer.as_fd());
    keep.extend(cgroups.v1.iter().map(AsFd::as_fd));
    keep.extend([barrier.as_fd(), sys::fixed(sys::CALLER), sys::fixed(sys::PROC)]);
    let ended = descriptors::close_all_but(&keep).call("close_range").and_then(|()| enter::enter(plan, given, cgroups, barrier));
    if let Err(stop) = ended {
        channel::send(given.answer, &Outcome::Stopped(*stop), None);
    }
    sys::exit(127)
}

fn open_cgroups(plan: &Plan<'_>) -> Result<Cgroups> {
    let open = |path: &CStr, flags: OFlags, named: &CStr| {
        rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty()).call_at("open", named)
    };
    let path = plan.cgroup_v2;
    let v2 = if path.is_empty() { None } else { Some(open(path, OFlags::PATH | OFlags::DIRECTORY, path)?) };
    let mut v1 = Vec::with_capacity(plan.cgroup_v1.len());
    for folder in &plan.cgroup_v1 {
        let tasks = CString::new([folder.to_bytes(), b"/tasks"].concat()).unwrap_or_default();
        v1.push(open(&tasks, OFlags::WRONLY, folder)?);
    }
    Ok(Cgroups { v2, v1 })
}
