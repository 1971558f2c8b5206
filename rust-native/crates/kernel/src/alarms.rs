//! What the kernel tells of a group only to who waits on a descriptor: stalls above a threshold (Documentation/accounting/psi.rst, "Monitoring for
//! pressure thresholds"), on cgroup v1 that memory ran out or is short (Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control", "Memory Pressure"),
//! and what is in its log. One thread sleeps until the kernel wakes it.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::log::KernelLog;
use crate::{Failure, Result, SyscallContext};

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// A trigger (`some 150000 2000000`) for a pressure file.
    Pressure {
        /// The file.
        file: String,
        /// What is written to it.
        trigger: String,
    },
    /// A file of a v1 group that tells by eventfd(2), such as `memory.oom_control`.
    Event {
        /// The group.
        folder: String,
        /// The file's name.
        file: String,
        /// What else is registered: the level of `memory.pressure_level`.
        level: Option<String>,
    },
    /// A record of the kernel's log that holds one of these words.
    Log {
        /// The words.
        words: Vec<String>,
    },
}

/// Alarms that are waited for until this is dropped.
#[derive(Debug)]
pub struct Alarms {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

/// What the kernel wakes, and what keeps it alive.
enum Source {
    Pressure(OwnedFd),
    Event { counter: OwnedFd, _file: OwnedFd },
    Log { log: KernelLog, words: Vec<String> },
}

impl Source {
    fn polled(&self) -> PollFd<'_> {
        match self {
            Self::Pressure(file) => PollFd::from_borrowed_fd(file.as_fd(), PollFlags::PRI),
            Self::Event { counter, .. } => PollFd::from_borrowed_fd(counter.as_fd(), PollFlags::IN),
            Self::Log { log, .. } => PollFd::from_borrowed_fd(log.as_fd(), PollFlags::IN),
        }
    }

    /// How often it went off.
    fn count(&self) -> u64 {
        match self {
            Self::Pressure(_) => 1,
            Self::Event { counter, .. } => {
                let mut bytes = [0_u8; 8];
                rustix::io::read(counter, &mut bytes).map_or(1, |_| u64::from_ne_bytes(bytes))
            }
            Self::Log { log, words } => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                log.records(&words).map_or(0, |records| records.len() as u64)
            }
        }
    }
}

impl Alarms {
    /// Sets all alarms, or none. `tell` is called on the thread with the alarm's index and how often it went off.
    pub fn set(alarms: &[Alarm], tell: impl Fn(usize, u64) + Send + 'static) -> Result<Self> {
        let sources = alarms.iter().map(open).collect::<Result<Vec<_>>>()?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).syscall("eventfd2")?;
        let stopped = stop.try_clone().map_err(|error| Failure::new("ERR_BOX_SYSTEM", error.to_string()))?;
        let thread = std::thread::Builder::new()
            .name("box-alarms".into())
            .spawn(move || wait(sources, &stopped, tell))
            .map_err(|error| Failure::new("ERR_BOX_SYSTEM", format!("a thread cannot be started: {error}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        // A counter that is full wakes the thread too.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open(alarm: &Alarm) -> Result<Source> {
    match alarm {
        Alarm::Pressure { file, trigger } => {
            let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let wait = rustix::fs::open(file.as_str(), flags, Mode::empty()).syscall("open").map_err(|it| it.at(file))?;
            rustix::io::write(&wait, format!("{trigger}\0").as_bytes()).syscall("write").map_err(|it| it.at(file))?;
            Ok(Source::Pressure(wait))
        }
        Alarm::Event { folder, file, level } => {
            let path = format!("{folder}/{file}");
            let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let told = rustix::fs::open(path.as_str(), read, Mode::empty()).syscall("open").map_err(|it| it.at(&path))?;
            let counter = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).syscall("eventfd2")?;
            let control = format!("{folder}/cgroup.event_control");
            let write = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let register = rustix::fs::open(control.as_str(), write, Mode::empty()).syscall("open").map_err(|it| it.at(&control))?;
            let level = level.as_ref().map_or(String::new(), |it| format!(" {it}"));
            let line = format!("{} {}{level}", counter.as_raw_fd(), told.as_raw_fd());
            rustix::io::write(&register, line.as_bytes()).syscall("write").map_err(|it| it.at(&control))?;
            Ok(Source::Event { counter, _file: told })
        }
        Alarm::Log { words } => Ok(Source::Log { log: KernelLog::open()?, words: words.clone() }),
    }
}

fn wait(sources: Vec<Source>, stop: &OwnedFd, tell: impl Fn(usize, u64)) {
    let mut sources: Vec<Option<Source>> = sources.into_iter().map(Some).collect();
    loop {
        let live: Vec<usize> = sources.iter().enumerate().filter_map(|(index, it)| it.as_ref().map(|_| index)).collect();
        let mut waited: Vec<PollFd<'_>> = sources.iter().flatten().map(Source::polled).collect();
        waited.push(PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN));
        match poll(&mut waited, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        let woken: Vec<PollFlags> = waited.iter().map(PollFd::revents).collect();
        if woken.last().is_some_and(|flags| !flags.is_empty()) {
            return;
        }
        for (index, flags) in live.into_iter().zip(woken) {
            let Some(Some(source)) = sources.get_mut(index).filter(|_| !flags.is_empty()) else { continue };
            // Of the log it means that records were lost; of another file that the group is gone.
            if flags.contains(PollFlags::ERR) && !matches!(source, Source::Log { .. }) {
                sources.get_mut(index).map(Option::take);
                continue;
            }
            match source.count() {
                0 => {}
                count => tell(index, count),
            }
        }
    }
}
