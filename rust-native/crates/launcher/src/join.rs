//! Namespaces of others. A pid namespace is entered only by a child, and a user namespace cannot be left: a process in between joins, makes
//! the child as a sibling, and ends. A new time namespace, which only a child enters, is made by it, too. It has no number in the pid namespace that it joins, so that nobody in there can reach it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::{Join, Outcome, Plan, Stop};
use rustix::io::Errno;

use crate::children::Children;
use crate::clone::{Made, make};
use crate::launch::{Cgroups, Descriptors, become_child};
use crate::stop::{Context, Result, during};
use crate::sys::{self, Cloned};
use crate::{channel, descriptors, time};

/// Makes the process in between. Returns in the launcher only.
pub fn launch_joined(plan: &Plan<'_>, given: &Descriptors<'_>, cgroups: &Cgroups, children: &mut Children) -> Result<()> {
    let cloned = sys::clone3(libc::CLONE_PARENT as u64, None).call("clone3").map_err(|stop| during(stop, "make the process"))?;
    match cloned {
        Cloned::Maker { pidfd, .. } => {
            channel::send(given.answer, &Outcome::Intermediate, Some(pidfd.as_fd()));
            Ok(())
        }
        Cloned::Child => {
            children.forget();
            intermediate(plan, given, cgroups)
        }
    }
}

fn intermediate(plan: &Plan<'_>, given: &Descriptors<'_>, cgroups: &Cgroups) -> ! {
    let mut keep: Vec<BorrowedFd<'_>> = given.files.iter().map(AsFd::as_fd).collect();
    keep.push(given.answer.as_fd());
    keep.extend(cgroups.v1.iter().map(AsFd::as_fd));
    keep.extend(cgroups.v2.iter().map(AsFd::as_fd));
    keep.extend([sys::fixed(sys::CALLER), sys::fixed(sys::PROC)]);
    let made = descriptors::close_all_but(&keep)
        .call("close_range")
        .and_then(|()| join(&plan.joins, given.files))
        .map_err(|stop| during(stop, "join the namespaces"))
        .and_then(|()| time::make(plan, given.answer).map_err(|stop| during(stop, "make the time namespace")))
        .and_then(|plan| {
            let made = make(&plan, cgroups.v2.as_ref(), given.answer, true).map_err(|stop| during(stop, "make the process"))?;
            Ok((plan, made))
        });
    match made {
        Ok((plan, Made::Child(barrier))) => become_child(&plan, given, cgroups, &barrier),
        Ok((_, Made::Maker(_))) => {}
        Err(stop) => channel::send(given.answer, &Outcome::Stopped(*stop), None),
    }
    sys::exit(0)
}

/// Joins them, a user namespace between those that need the old rights and those that need the new.
fn join(joins: &[Join], files: &[OwnedFd]) -> Result<()> {
    let user = libc::CLONE_NEWUSER.cast_unsigned();
    let mut later = Vec::new();
    for one in joins.iter().filter(|one| one.kinds & user == 0) {
        match enter(one, files) {
            Err(stop) if stop.errno == Errno::PERM.raw_os_error() => later.push(one),
            result => result?,
        }
    }
    for one in joins.iter().filter(|one| one.kinds & user != 0).chain(later) {
        enter(one, files)?;
    }
    // Other credentials, with other ids, have made it what fs.suid_dumpable says.
    sys::prctl(libc::PR_SET_DUMPABLE, 0).call("prctl")
}

fn enter(one: &Join, files: &[OwnedFd]) -> Result<()> {
    let file = files.get(usize::from(one.slot)).ok_or(Errno::BADF).call("setns")?;
    let user = libc::CLONE_NEWUSER.cast_unsigned();
    match sys::setns(file.as_fd(), one.kinds) {
        // Of all kinds only the user namespace refuses who is in it already.
        Err(Errno::INVAL) if one.kinds & user != 0 && one.kinds != user => sys::setns(file.as_fd(), one.kinds & !user).call("setns"),
        Err(Errno::SRCH) => Err(ended()),
        result => result.call("setns"),
    }
}

/// The process whose namespaces were to be joined is no more.
fn ended() -> Box<Stop> {
    let errno = Errno::SRCH.raw_os_error();
    Box::new(Stop { syscall: "setns".into(), errno, code: "ERR_BOX_STATE".into(), ..Stop::default() })
}
