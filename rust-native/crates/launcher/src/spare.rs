//! A process made ahead. A new network namespace is the slowest part of a launch by far, and the same for all launches that ask for the same:
//! where two in a row did, a process makes it for the third, with those that go along with it, and waits in them; it makes the third's
//! child there and ends. Each of them serves one launch: no two children have a namespace in common. It has no mount namespace of its own, so that it holds no
//! mount of the host's, and nothing of any launch before its own.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use box_plan::{Outcome, Plan, Step, flags, slot};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::clone::{self, Made, maps_itself};
use crate::launch::{Cgroups, Descriptors, become_child};
use crate::stop::during;
use crate::sys::{self, Cloned};
use crate::{channel, descriptors, mapper, network, time};

/// How long one waits for a launch.
const IDLE: Duration = Duration::from_secs(30);

/// The largest message: a plan of the largest size that comes in one, and the numbers before it.
const BUFFER: usize = 160 * 1024;

const USER: u32 = libc::CLONE_NEWUSER.cast_unsigned();
const NETWORK: u32 = libc::CLONE_NEWNET.cast_unsigned();
/// What is made ahead where the plan asks for it. The others are the child's own: a pid namespace begins with it, and a mount namespace is a copy
/// of what is mounted then.
const AHEAD: u32 = USER | NETWORK | (libc::CLONE_NEWIPC | libc::CLONE_NEWUTS).cast_unsigned();

/// What launches have in common that can have their namespaces made ahead.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    namespaces: u32,
    denies_setgroups: bool,
    loopback: bool,
    uid_map: CString,
    gid_map: CString,
}

impl Key {
    /// None where it is not worth it, or where others than the launcher have a part in it.
    fn of(plan: &Plan<'_>) -> Option<Self> {
        let simple = plan.joins.is_empty() && plan.namespaces & time::NEW == 0 && !mapper::is_needed(plan) && !maps_itself(plan);
        (simple && plan.namespaces & NETWORK != 0).then(|| Self {
            namespaces: plan.namespaces & AHEAD,
            denies_setgroups: plan.flags & flags::DENY_SETGROUPS != 0,
            loopback: plan.enter.contains(&Step::Loopback),
            uid_map: plan.uid_map.into(),
            gid_map: plan.gid_map.into(),
        })
    }
}

struct Spare {
    key: Key,
    socket: OwnedFd,
}

/// The one that waits, if any.
#[derive(Default)]
pub struct Spares {
    last: Option<Key>,
    waiting: Option<Spare>,
    /// Of those that were given a launch: the pidfd of what they have made comes over these, and is read when there is time.
    served: Vec<OwnedFd>,
}

impl Spares {
    /// Has the launch done by the process that waits for such a one. Gives false where there is none.
    pub fn launch(&mut self, plan: &Plan<'_>, bytes: &[u8], given: &Descriptors<'_>, cgroups: &Cgroups) -> bool {
        let Some(spare) = Key::of(plan).and_then(|key| self.waiting.take_if(|waiting| waiting.key == key)) else { return false };
        if spare.hand_over(bytes, given, cgroups).is_err() {
            return false;
        }
        self.served.push(spare.socket);
        true
    }

    /// The children that such processes have made since the last call and that end with the caller. Nobody is waited for: one that is being made yet comes the next time.
    pub fn made(&mut self) -> Vec<OwnedFd> {
        let mut made = Vec::new();
        self.served.retain(|socket| match channel::receive_now(socket, &mut [0; 1]) {
            Ok((_, pidfds)) => {
                made.extend(pidfds);
                false
            }
            Err(errno) => errno == Errno::AGAIN,
        });
        made
    }

    /// After a launch: makes one for the next, where this one asked for what the one before it did. `answer` is this launch's channel.
    pub fn prepare(&mut self, plan: &Plan<'_>, answer: &OwnedFd) {
        let Some(key) = Key::of(plan) else { return };
        let is_there = self.waiting.as_ref().is_some_and(|waiting| waiting.key == key);
        if !is_there && self.last.as_ref() == Some(&key) {
            let had_none = self.waiting.is_none();
            self.waiting = make(plan, key.clone(), answer);
            if had_none && self.waiting.is_some() {
                let _ = channel::wait_at_most(sys::fixed(sys::SOCKET), Some(IDLE));
            }
        }
        self.last = Some(key);
    }

    /// Nothing has come for so long: nobody is kept waiting.
    pub fn let_go(&mut self) {
        self.last = None;
        self.waiting = None;
        let _ = channel::wait_at_most(sys::fixed(sys::SOCKET), None);
    }
}

impl Spare {
    fn hand_over(&self, bytes: &[u8], given: &Descriptors<'_>, cgroups: &Cgroups) -> rustix::io::Result<()> {
        let count = |length: usize| u16::try_from(length).map_err(|_| Errno::TOOBIG);
        let (slots, v1) = (count(given.kinds.len())?.to_le_bytes(), count(cgroups.v1.len())?.to_le_bytes());
        let mut sent: Vec<BorrowedFd<'_>> = vec![given.answer.as_fd()];
        sent.extend(given.files.iter().chain(&cgroups.v1).chain(&cgroups.v2).map(AsFd::as_fd));
        channel::send_parts(&self.socket, &[&slots, &v1, given.kinds, bytes], &sent)
    }
}

/// Makes one, a child of the caller's as all are.
fn make(plan: &Plan<'_>, key: Key, answer: &OwnedFd) -> Option<Spare> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).ok()?;
    let user = u64::from(plan.namespaces & USER);
    match sys::clone3(user | libc::CLONE_PARENT as u64, None).ok()? {
        Cloned::Child => become_spare(&key, &theirs),
        Cloned::Maker { pid, pidfd } => {
            // The caller collects it when it ends, whenever that is.
            let told = channel::deliver(answer, &Outcome::Intermediate, Some(pidfd.as_fd())).is_ok();
            // It waits until it gets a launch: its ids are mapped by then.
            if !told || (!plan.uid_map.is_empty() && clone::map(plan, pid).is_err()) {
                sys::kill_by(&pidfd);
                return None;
            }
            Some(Spare { key, socket: ours })
        }
    }
}

/// Whatever stops it here, the launcher finds it gone, and makes the child itself.
fn become_spare(key: &Key, socket: &OwnedFd) -> ! {
    let _ = sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64);
    let _ = rustix::thread::set_name(c"box-spare");
    let keep = [socket.as_fd(), sys::fixed(sys::CALLER), sys::fixed(sys::PROC)];
    let made = descriptors::close_all_but(&keep).and_then(|()| sys::unshare((key.namespaces & !USER).cast_signed()));
    if made.is_ok() && (!key.loopback || network::loopback_up().is_ok()) {
        let mut buffer = vec![0; BUFFER];
        if let Ok((length @ 1.., came)) = channel::receive(socket, &mut buffer) {
            serve(buffer.get(..length).unwrap_or_default(), came, socket);
        }
    }
    sys::exit(0)
}

/// Makes the child of the launch. Where the message is none of the launcher's nobody answers, and the caller tries again.
fn serve(message: &[u8], mut came: Vec<OwnedFd>, socket: &OwnedFd) -> Option<()> {
    let (slots, rest) = message.split_first_chunk::<2>()?;
    let (v1, rest) = rest.split_first_chunk::<2>()?;
    let (slots, v1) = (usize::from(u16::from_le_bytes(*slots)), usize::from(u16::from_le_bytes(*v1)));
    let (kinds, bytes) = rest.split_at_checked(slots)?;
    let plan = box_plan::decode(bytes).ok().filter(|_| kinds.iter().all(|kind| *kind < slot::LATER))?;
    if came.len() < 1 + slots + v1 {
        return None;
    }
    let mut groups = came.split_off(1 + slots);
    let v2 = groups.split_off(v1).into_iter().next();
    let cgroups = Cgroups { v2, v1: groups };
    let files = came.split_off(1);
    let answer = came.first()?;
    let rest = Plan { namespaces: plan.namespaces & !AHEAD, uid_map: c"", gid_map: c"", ..plan };
    let given = Descriptors { files: &files, kinds, answer };
    match clone::make(&rest, cgroups.v2.as_ref(), answer, false) {
        Ok(Made::Child(barrier)) => become_child(&rest, &given, &cgroups, &barrier),
        Ok(Made::Maker(pidfd)) => {
            if rest.flags & flags::DETACHED == 0 {
                let _ = channel::send_only(socket, &[0], pidfd.as_fd());
            }
            // All at once, and not one descriptor after the other.
            sys::exit(0)
        }
        Err(stop) => channel::send(answer, &Outcome::Stopped(*during(stop, "make the process")), None),
    }
    Some(())
}
