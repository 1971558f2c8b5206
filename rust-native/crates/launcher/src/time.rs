//! A time namespace of the child's own (time_namespaces(7)).

use std::borrow::Cow;
use std::os::fd::OwnedFd;

use box_plan::Plan;

use crate::clone::{map_self, maps_itself};
use crate::start::write_proc;
use crate::stop::{Context, Result};
use crate::{mapper, sys};

/// `CLONE_NEWTIME`, whose bit is a signal's number to clone(2): libc has it for unshare(2) and setns(2) only as a number of another type.
pub const NEW: u32 = 0x80;

/// Makes it for the next child of this process, and sets its clocks while nobody is in it. Gives what is left of the plan to be made.
pub fn make<'p, 'a>(plan: &'p Plan<'a>, answer: &OwnedFd) -> Result<Cow<'p, Plan<'a>>> {
    if plan.namespaces & NEW == 0 {
        return Ok(Cow::Borrowed(plan));
    }
    let mut rest = plan.clone();
    let mut made = NEW;
    // An ordinary user has the right to it only in a user namespace of its own.
    let owned = maps_itself(plan) || mapper::is_needed(plan);
    // It has to be outside of the namespace that this process is about to make.
    let mapper = if mapper::is_needed(plan) { Some(mapper::start(plan, sys::own_id(), None, answer)?) } else { None };
    if owned {
        made |= libc::CLONE_NEWUSER.cast_unsigned();
        rest.uid_map = c"";
        rest.gid_map = c"";
    }
    rest.namespaces &= !made;
    sys::unshare(made.cast_signed()).call("unshare")?;
    match &mapper {
        Some(mapper) => mapper::await_maps(mapper)?,
        None if owned => map_self(plan)?,
        None => {}
    }
    if !plan.time_offsets.is_empty() {
        set_offsets(plan)?;
    }
    Ok(Cow::Owned(rest))
}

fn set_offsets(plan: &Plan<'_>) -> Result<()> {
    // The file belongs to an ordinary user only while the process is dumpable. Nobody but the caller's own processes sees it yet.
    sys::prctl(libc::PR_SET_DUMPABLE, 1).call("prctl")?;
    let written = write_proc(c"self/timens_offsets", plan.time_offsets.to_bytes());
    sys::prctl(libc::PR_SET_DUMPABLE, 0).call("prctl")?;
    written.call_at("write", c"/proc/self/timens_offsets")
}
