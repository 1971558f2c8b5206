//! The interpreter: one step after the other, in the child.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::{Plan, Step, flags};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::clone::await_maker;
use crate::device::{self, Node};
use crate::landlock::{self, Rules};
use crate::launch::{Cgroups, Descriptors};
use crate::mount::{self, Root, Settings, Source, Tree};
use crate::resolve::Own;
use crate::start::{below_proc, write_proc};
use crate::stop::{Context, Result, during, refused};
use crate::terminal::{self, Request};
use crate::{exec, identity, network, offer, resolve, scheduling, sys};

/// Does all steps and becomes the program. Comes back with the reason why not.
pub fn enter(plan: &Plan<'_>, given: &Descriptors<'_>, cgroups: &Cgroups, barrier: &OwnedFd) -> Result<()> {
    // All that needs no id is done while the maker writes the map.
    rustix::process::umask(Mode::empty());
    let _ = rustix::process::setsid();
    for tasks in &cgroups.v1 {
        // 0 is the writing thread itself: it has no other, and the process moves with it.
        rustix::io::write(tasks, b"0").call("write").map_err(|stop| during(stop, "enter the cgroup"))?;
    }
    await_maker(plan, barrier).map_err(|stop| during(stop, "map the ids"))?;
    let mut child = Child {
        given,
        root: None,
        empty: None,
        terminals: None,
        terminal: None,
        has_init: plan.flags & flags::INIT != 0,
        keeps_capabilities: keeps_capabilities(plan),
    };
    for step in &plan.enter {
        child.perform(step).map_err(|stop| during(stop, step.name()))?;
    }
    if plan.command.is_empty() {
        sys::exit(0);
    }
    exec::exec(plan, given, child.terminal.as_ref())
}

/// Whether a later step sets capabilities: the change of the user must not drop them before.
fn keeps_capabilities(plan: &Plan<'_>) -> bool {
    plan.enter.iter().any(|step| matches!(step, Step::Capabilities { .. }))
}

struct Child<'a> {
    given: &'a Descriptors<'a>,
    /// The root that targets are resolved in.
    root: Option<Root>,
    /// The folder that masks folders.
    empty: Option<OwnedFd>,
    /// The devpts that this plan has mounted, held as the mount that it was before it had a place.
    terminals: Option<OwnedFd>,
    /// The program's side of its terminal.
    terminal: Option<OwnedFd>,
    has_init: bool,
    keeps_capabilities: bool,
}

impl Child<'_> {
    fn perform(&mut self, step: &Step<'_>) -> Result<()> {
        match *step {
            Step::Become { uid, gid } => identity::set_ids(uid, gid),
            Step::Hostname(name) => rustix::system::sethostname(name.to_bytes()).call("sethostname"),
            Step::Domainname(name) => sys::setdomainname(name.to_bytes()).call("setdomainname"),
            Step::Loopback => network::loopback_up(),
            Step::CgroupNamespace => sys::unshare(libc::CLONE_NEWCGROUP).call("unshare"),
            Step::Sysctl { name, value } => {
                let path = [b"sys/", name.to_bytes()].concat();
                let path = std::ffi::CString::new(path).unwrap_or_default();
                write_proc(&path, value.to_bytes()).call_at("write", &below_proc(&path))
            }
            Step::Rlimit { resource, soft, hard } => sys::setrlimit(resource, soft, hard).call("prlimit"),
            Step::OomScoreAdj(value) => set_oom_score_adj(value),
            Step::Umask(mask) => {
                rustix::process::umask(Mode::from_raw_mode(mask));
                Ok(())
            }
            Step::Directory(path) => change_directory(self.root()?, path),
            Step::Bounding(keep) => identity::bound(keep),
            Step::User { uid, gid, set_groups, ref groups } => {
                if self.keeps_capabilities {
                    identity::keep_capabilities()?;
                }
                if set_groups != 0 {
                    identity::set_groups(groups)?;
                }
                identity::set_ids(uid, gid)
            }
            Step::Capabilities { effective, permitted, inheritable, ambient } => {
                identity::set_capabilities(effective, permitted, inheritable, ambient)
            }
            Step::NoNewPrivileges => sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1).call("prctl"),
            Step::Seccomp { flags, filter } => identity::filter(flags, filter, self.given.answer),
            Step::Landlock { best_effort, files, network, scopes, ref paths, ref ports } => {
                let rules = Rules { best_effort: best_effort != 0, files, network, scopes, paths, ports };
                landlock::restrict(self.root()?, &rules)
            }
            Step::SessionKeyring(name) => sys::join_session_keyring(name).call("keyctl"),
            Step::Scheduler { .. } | Step::IoPriority(_) | Step::Affinity(_) | Step::MemoryPolicy { .. } | Step::Personality(_) => {
                scheduling::set(step)
            }
            _ => self.perform_in_root(step),
        }
    }

    /// The steps that concern the file system.
    fn perform_in_root(&mut self, step: &Step<'_>) -> Result<()> {
        match *step {
            Step::Propagation(flags) => mount::propagate(flags),
            Step::Root { slot, source } => {
                let source = self.source(slot, source)?;
                self.root = Some(Root { folder: mount::attach_root(source)?, own: Own::default(), interfaces: Vec::new() });
                Ok(())
            }
            Step::Mount { options, attributes, propagation, kind, target, ref parameters } => {
                let settings = Settings { attributes, propagation, options };
                if let Some(terminals) = mount::mount_new(self.places()?, kind, target, parameters, settings)? {
                    self.terminals = Some(terminals);
                }
                Ok(())
            }
            Step::Terminal { own, columns, rows, owner, console } => {
                let answer = self.given.answer;
                let request = Request { columns, rows, owner, console, controlling: !self.has_init };
                let terminals =
                    if own != 0 { Some(self.terminals.take().ok_or(Errno::NOENT).call_at("openat2", c"/dev/pts")?) } else { None };
                self.terminal = Some(terminal::make(self.root()?, terminals.as_ref(), &request, answer)?);
                Ok(())
            }
            Step::Bind { options, attributes, propagation, slot, source, target } => {
                let source = self.source(slot, source)?;
                mount::mount_prepared(self.places()?, source, target, Settings { attributes, propagation, options })
            }
            Step::Overlay { attributes, propagation, target, ref lowers, upper, work } => {
                let tree = offer::own_overlay(lowers, upper, work, attributes)?;
                mount::attach_new(self.places()?, &tree, target, Settings { attributes: 0, propagation, options: 0 })
            }
            Step::Attributes { options, attributes, target } => {
                mount::set_attributes(self.root()?, target, Settings { attributes, propagation: 0, options })
            }
            Step::Device { kind, mode, major, minor, uid, gid, slot, path } => {
                let node = Node { kind, mode, major, minor, uid, gid, path };
                if slot == u16::MAX {
                    return device::make(self.places()?, &node);
                }
                let source = self.source(slot, path)?;
                device::bind(self.places()?, &node, source)
            }
            Step::Link { value, path } => device::link(self.places()?, value, path),
            Step::Pivot => mount::pivot(self.root()?),
            Step::ReadOnly(path) => {
                self.root()?;
                mount::read_only(self.places()?, path)
            }
            Step::Mask(path) => {
                let mut empty = self.empty.take();
                self.root()?;
                let result = mount::mask(self.places()?, path, &mut empty);
                self.empty = empty;
                result
            }
            Step::OfferOverlay { ref lowers, upper, work, memory, like, ref parameters } => {
                offer::overlay(lowers, (upper, work), (memory, like), parameters, self.given.answer)
            }
            Step::OfferTree { path, attributes } => offer::tree(path, attributes, self.given.answer),
            Step::OfferNamespace(name) => offer::namespace(name, self.given.answer),
            _ => Err(Errno::NOSYS).call("enter"),
        }
    }

    /// The root's folder, for steps that may change what paths lead to.
    fn root(&mut self) -> Result<BorrowedFd<'_>> {
        let root = self.places()?;
        root.own.forget();
        Ok(root.folder.as_fd())
    }

    fn places(&mut self) -> Result<&mut Root> {
        if self.root.is_none() {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let folder = rustix::fs::openat(CWD, c"/", flags, Mode::empty()).call("open")?;
            self.root = Some(Root { folder: Tree::Made(folder), own: Own::default(), interfaces: Vec::new() });
        }
        self.root.as_mut().ok_or(Errno::BADF).call("open")
    }

    fn file(&self, slot: u16) -> Result<BorrowedFd<'static>> {
        use std::os::fd::AsRawFd;
        // The descriptors stay open until execve.
        self.given.files.get(usize::from(slot)).map(|file| sys::borrow(file.as_raw_fd())).ok_or(Errno::BADF).call("fcntl")
    }

    fn source<'p>(&self, slot: u16, path: &'p std::ffi::CStr) -> Result<Source<'p>> {
        let kind = self.given.kinds.get(usize::from(slot)).copied().unwrap_or(box_plan::slot::PLAIN);
        Ok(Source { file: self.file(slot)?, kind, path })
    }
}

fn set_oom_score_adj(value: i32) -> Result<()> {
    // The file belongs to an ordinary user only while the process is dumpable. It has entered nothing yet.
    sys::prctl(libc::PR_SET_DUMPABLE, 1).call("prctl")?;
    let written = write_proc(c"self/oom_score_adj", value.to_string().as_bytes());
    sys::prctl(libc::PR_SET_DUMPABLE, 0).call("prctl")?;
    written.call_at("write", c"/proc/self/oom_score_adj")
}

/// chdir(2), without the links of /proc that lead to what a descriptor refers to; and the folder must have a path below the root.
fn change_directory(root: BorrowedFd<'_>, path: &std::ffi::CStr) -> Result<()> {
    let folder = resolve::open(root, path, OFlags::PATH | OFlags::DIRECTORY).call_at("chdir", path)?;
    rustix::process::fchdir(folder).call_at("chdir", path)?;
    let reached = rustix::process::getcwd(Vec::new()).call_at("getcwd", path)?;
    if reached.to_bytes().first() == Some(&b'/') { Ok(()) } else { Err(refused("ERR_BOX_INVALID_ARGUMENT", path)) }
}
