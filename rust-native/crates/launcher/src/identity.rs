//! Who the program is: users, groups, capabilities, the filter.

use std::os::fd::OwnedFd;

use box_plan::Outcome;
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::stop::{Context, Result};
use crate::{channel, sys};

/// The user and the group.
pub fn set_ids(uid: u32, gid: u32) -> Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(gid, gid, gid).call("setresgid")?;
    set_thread_res_uid(uid, uid, uid).call("setresuid")
}

/// The additional groups.
pub fn set_groups(groups: &[u32]) -> Result<()> {
    let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
    set_thread_groups(&groups).call("setgroups")
}

/// Keeps the permitted set over the change of the user, for the step that then sets it.
pub fn keep_capabilities() -> Result<()> {
    sys::prctl(libc::PR_SET_KEEPCAPS, 1).call("prctl")
}

/// Drops every capability that this kernel knows and that is not in the set.
pub fn bound(keep: u64) -> Result<()> {
    for capability in (0..64).filter(|capability| keep & (1 << capability) == 0) {
        match sys::prctl(libc::PR_CAPBSET_DROP, capability) {
            // The first number that this kernel does not know.
            Err(Errno::INVAL) => break,
            result => result.call("prctl")?,
        }
    }
    Ok(())
}

/// The filter of system calls. Where it has a listener that is sent to the caller; the filter is then in force: nothing may be called in
/// between that it could hold up, not even for memory.
pub fn filter(flags: u32, filter: &[u8], answer: &OwnedFd) -> Result<()> {
    const SECCOMP_FILTER_FLAG_NEW_LISTENER: u32 = 8;
    if flags & SECCOMP_FILTER_FLAG_NEW_LISTENER == 0 {
        return sys::seccomp(flags, filter).call("seccomp").map(drop);
    }
    let message = Outcome::Offered.encode();
    let installed = sys::seccomp(flags, filter);
    let sent = installed.and_then(|listener| channel::send_only(answer, &message, sys::borrow(listener)));
    sent.call("seccomp")
}

/// The four sets of a thread.
pub fn set_capabilities(effective: u64, permitted: u64, inheritable: u64, ambient: u64) -> Result<()> {
    let sets = CapabilitySets {
        effective: CapabilitySet::from_bits_retain(effective),
        permitted: CapabilitySet::from_bits_retain(permitted),
        inheritable: CapabilitySet::from_bits_retain(inheritable),
    };
    rustix::thread::set_capabilities(None, sets).call("capset")?;
    for capability in (0..64).filter(|capability| ambient & (1 << capability) != 0) {
        sys::ambient(libc::PR_CAP_AMBIENT_RAISE, capability).call("prctl")?;
    }
    Ok(())
}
