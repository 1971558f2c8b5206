//! Short-lived children that make something in a user namespace and send it back.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use box_plan::{Plan, Step, encode, flags};

use super::reactor::{Event, Sink, launch_internally};
use super::request::Request;
use crate::error::{Failure, Result};
use crate::subordinate_ids::{self, SubordinateIds};

/// A range of ids: the first inside, the first outside, how many.
pub type IdRange = (u32, u32, u32);

/// The maps of a user namespace.
pub struct Maps {
    /// Users.
    pub uid: Vec<IdRange>,
    /// Groups.
    pub gid: Vec<IdRange>,
}

impl Maps {
    /// Becomes id 0 inside, or the first that there is.
    fn first(&self) -> Step<'static> {
        let first =
            |ranges: &[IdRange]| if ranges.iter().any(|range| range.0 == 0) { 0 } else { ranges.first().map_or(0, |range| range.0) };
        Step::Become { uid: first(&self.uid), gid: first(&self.gid) }
    }
}

/// What an overlay is made of, by paths of the caller's.
pub struct OverlayPlan {
    /// The folders that are read, the uppermost first.
    pub lowers: Vec<CString>,
    /// The folder that is written and the one that overlayfs works in.
    pub writable: Option<(CString, CString)>,
    /// Without `writable`: what is written is kept in memory, up to so many bytes, in a root with the mode of this folder.
    pub memory: Option<(u64, CString)>,
    /// Parameters: a name, and a value that is empty for a flag.
    pub parameters: Vec<(CString, CString)>,
}

/// Makes a user namespace with these maps. Waits: not for the event loop.
pub fn create_user_namespace(maps: &Maps) -> Result<OwnedFd> {
    let offered = run(maps, libc::CLONE_NEWUSER.cast_unsigned(), vec![Step::OfferNamespace(c"user")], Some(1))?;
    let [namespace] = <[OwnedFd; 1]>::try_from(offered).map_err(|_| incomplete())?;
    Ok(namespace)
}

/// What was made in a user namespace.
pub struct UserOverlay {
    /// The overlay, attached nowhere.
    pub mount: OwnedFd,
    /// Where what is written is kept in memory: that file system, with the folder `upper`.
    pub memory: Option<OwnedFd>,
    /// The namespace.
    pub namespace: OwnedFd,
}

/// Makes an overlay in a user namespace with these maps. Waits: not for the event loop.
pub fn mount_overlay_in_user_namespace(maps: &Maps, overlay: &OverlayPlan) -> Result<UserOverlay> {
    let namespaces = (libc::CLONE_NEWUSER | libc::CLONE_NEWNS).cast_unsigned();
    let (upper, work) = overlay.writable.as_ref().map_or((c"", c""), |(upper, work)| (upper.as_c_str(), work.as_c_str()));
    let steps = vec![
        maps.first(),
        Step::OfferOverlay {
            lowers: overlay.lowers.iter().map(CString::as_c_str).collect(),
            upper,
            work,
            memory: overlay.memory.as_ref().map_or(0, |(size, _)| *size),
            like: overlay.memory.as_ref().map_or(c"", |(_, like)| like.as_c_str()),
            parameters: overlay.parameters.iter().map(|(name, value)| (name.as_c_str(), value.as_c_str())).collect(),
        },
        Step::OfferNamespace(c"user"),
    ];
    let mut offered = run(maps, namespaces, steps, None)?.into_iter();
    let mount = offered.next().ok_or_else(incomplete)?;
    let memory = if overlay.memory.is_some() { Some(offered.next().ok_or_else(incomplete)?) } else { None };
    let namespace = offered.next().ok_or_else(incomplete)?;
    Ok(UserOverlay { mount, memory, namespace })
}

/// Makes a mount of a folder in a user namespace with these maps, without devices. Gives the mount and the namespace. Waits: not for the event loop.
pub fn mount_tree_in_user_namespace(maps: &Maps, path: &CStr, read_only: bool) -> Result<(OwnedFd, OwnedFd)> {
    let namespaces = (libc::CLONE_NEWUSER | libc::CLONE_NEWNS).cast_unsigned();
    let attributes = libc::MOUNT_ATTR_NODEV | if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 };
    let steps = vec![maps.first(), Step::OfferTree { path, attributes }, Step::OfferNamespace(c"user")];
    let offered = run(maps, namespaces, steps, None)?;
    let [mount, namespace] = <[OwnedFd; 2]>::try_from(offered).map_err(|_| incomplete())?;
    Ok((mount, namespace))
}

fn incomplete() -> Failure {
    Failure::new("ERR_BOX_LAUNCHER_LOST", "a helper process ended before it had sent what it made")
}

/// Gives what was offered: as soon as there are so many as are `enough`, or when the child has ended.
fn run(maps: &Maps, namespaces: u32, enter: Vec<Step<'_>>, enough: Option<usize>) -> Result<Vec<OwnedFd>> {
    let (uid_map, gid_map) = (map_text(&maps.uid), map_text(&maps.gid));
    let writer = Writer::of(maps)?;
    let plan = Plan {
        flags: if matches!(writer, Writer::Child) { flags::MAP_SELF | flags::DENY_SETGROUPS } else { 0 },
        namespaces,
        joins: Vec::new(),
        uid_map: &uid_map,
        gid_map: &gid_map,
        mappers: if let Writer::Helpers(ids) = &writer { vec![&ids.newuidmap, &ids.newgidmap] } else { Vec::new() },
        time_offsets: <&CStr>::default(),
        cgroup_v2: <&CStr>::default(),
        cgroup_v1: Vec::new(),
        descriptors: Vec::new(),
        given: 0,
        prepare: Vec::new(),
        enter,
        command: Vec::new(),
        environment: Vec::new(),
    };
    let (sender, receiver) = channel();
    let waiter = Arc::new(Waiter { enough, offered: Mutex::default(), done: Mutex::new(Some(sender)) });
    launch_internally(Request { plan: encode(&plan), given: Vec::new() }, waiter);
    receiver.recv().map_err(|_| incomplete())?
}

/// Who writes the maps.
enum Writer {
    /// The launcher, which has the privilege.
    Launcher,
    /// The process in the namespace: an ordinary user may map its own ids alone.
    Child,
    /// newuidmap and newgidmap.
    Helpers(SubordinateIds),
}

impl Writer {
    fn of(maps: &Maps) -> Result<Self> {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        let alone = |ranges: &[IdRange], own: u32| matches!(ranges, [(_, outside, 1)] if *outside == own);
        if uid.is_root() {
            Ok(Self::Launcher)
        } else if alone(&maps.uid, uid.as_raw()) && alone(&maps.gid, gid.as_raw()) {
            Ok(Self::Child)
        } else {
            subordinate_ids::find().map(Self::Helpers)
        }
    }
}

fn map_text(ranges: &[IdRange]) -> CString {
    let text: String = ranges.iter().map(|(inside, outside, size)| format!("{inside} {outside} {size}\n")).collect();
    CString::new(text).unwrap_or_default()
}

struct Waiter {
    enough: Option<usize>,
    offered: Mutex<Vec<OwnedFd>>,
    done: Mutex<Option<Sender<Result<Vec<OwnedFd>>>>>,
}

impl Sink for Waiter {
    fn event(&self, _id: u64, event: Event) {
        let outcome = match event {
            Event::Offered { descriptor, .. } => {
                let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
                offered.push(descriptor);
                if self.enough != Some(offered.len()) {
                    return;
                }
                Ok(std::mem::take(&mut *offered))
            }
            Event::Started { .. } => return,
            Event::Failed(failure) => Err(failure),
            Event::Exited { .. } => Ok(std::mem::take(&mut *self.offered.lock().unwrap_or_else(PoisonError::into_inner))),
        };
        if let Some(sender) = self.done.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = sender.send(outcome);
        }
    }
}
