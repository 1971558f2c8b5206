//! What the reactor knows: the launches on their way, and what they wait for.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Sink;
use crate::error::{Failure, Result};
use crate::launch::exit::Exit;
use crate::launch::launcher::Launcher;
use crate::launch::prepare::Prepared;

/// All of it, behind one lock.
#[derive(Default)]
pub(super) struct State {
    pub(super) launcher: Option<Launcher>,
    /// How many launchers there were.
    pub(super) launchers: u64,
    pub(super) launches: HashMap<u64, Launch>,
    /// Processes that nobody waits for, by their token: those that only make others, and orphans of a launcher.
    pub(super) intermediates: HashMap<u64, OwnedFd>,
    /// Launches that wait for a launcher.
    pub(super) waiting: Vec<u64>,
    pub(super) next_token: u64,
}

/// A plan with its slots, as the launcher gets them.
pub(super) struct Message {
    pub(super) plan: Vec<u8>,
    pub(super) slots: Vec<Prepared>,
}

/// One launch, until its end is told.
pub(super) struct Launch {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) began: Instant,
    pub(super) detached: bool,
    /// Whether what comes over the channel is wanted before its end: see [`box_plan::Plan::tells_early`].
    pub(super) tells_early: bool,
    /// Which launcher it was sent to.
    pub(super) launcher: u64,
    /// Kept until the launcher has answered, for another try with another launcher.
    pub(super) message: Option<Message>,
    pub(super) tried: bool,
    /// Waits for a launcher: nothing can have come of it yet.
    pub(super) queued: bool,
    pub(super) channel: Option<OwnedFd>,
    pub(super) pid: u32,
    pub(super) pidfd: Option<OwnedFd>,
    pub(super) failure: Option<Failure>,
    pub(super) running: bool,
    pub(super) exited: Option<(Result<Exit>, Duration)>,
}

impl Launch {
    pub(super) fn new(message: Message, detached: bool, tells_early: bool, began: Instant, sink: Arc<dyn Sink>) -> Self {
        Self {
            sink,
            began,
            detached,
            tells_early,
            launcher: 0,
            message: Some(message),
            tried: false,
            queued: true,
            channel: None,
            pid: 0,
            pidfd: None,
            failure: None,
            running: false,
            exited: None,
        }
    }

    /// Forgets what came of it, for another try: the launcher has ended before anything was done. Once.
    pub(super) fn try_again(&mut self) -> bool {
        if self.tried || self.message.is_none() {
            return false;
        }
        self.tried = true;
        self.failure = None;
        self.pidfd = None;
        self.exited = None;
        true
    }
}
