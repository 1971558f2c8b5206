//! Where a sender on another thread leaves compressed bytes, and learns how it ended.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use box_kernel::{Failure, Result};

use super::{Callback, Layer, aborted};

/// Bytes that wait before the sender does: a few of the pieces that a network gives.
const ROOM: usize = 1 << 20;

/// The queue and its end.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Vec<u8>>,
    queued: usize,
    /// Senders that found the queue full.
    waiting: VecDeque<(Vec<u8>, Callback<()>)>,
    finishing: bool,
    aborting: bool,
    done: Vec<Callback<Layer>>,
    gone: Vec<Box<dyn FnOnce() + Send>>,
    outcome: Option<Result<Layer>>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a piece, or says why not. Where the queue is full the answer comes later, by what `later` makes.
    pub(super) fn push(&self, bytes: Vec<u8>, later: impl FnOnce() -> Callback<()>) -> Option<Result<()>> {
        let mut state = self.lock();
        match &state.outcome {
            Some(Err(failure)) => return Some(Err(failure.clone())),
            Some(Ok(_)) => return Some(Err(ended())),
            None if state.aborting => return Some(Err(aborted())),
            None if state.finishing => return Some(Err(ended())),
            None => {}
        }
        if state.queued >= ROOM || !state.waiting.is_empty() {
            state.waiting.push_back((bytes, later()));
            return None;
        }
        state.queued += bytes.len();
        state.pieces.push_back(bytes);
        drop(state);
        self.changed.notify_one();
        Some(Ok(()))
    }

    pub(super) fn finish(&self, done: Callback<Layer>) {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome.clone() {
            drop(state);
            return done(outcome);
        }
        state.finishing = true;
        state.done.push(done);
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn abort(&self, gone: Box<dyn FnOnce() + Send>) {
        let mut state = self.lock();
        if state.outcome.is_some() {
            drop(state);
            return gone();
        }
        state.aborting = true;
        state.gone.push(gone);
        drop(state);
        self.changed.notify_one();
    }

    /// Nobody will send any more. Where nobody said that all was sent, that is giving up.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.aborting |= !state.finishing;
        drop(state);
        self.changed.notify_one();
    }

    /// The next piece; nothing at the end. Waits for it.
    pub(super) fn next(&self) -> Result<Option<Vec<u8>>> {
        let mut state = self.lock();
        loop {
            if state.aborting {
                return Err(aborted());
            }
            if let Some(piece) = state.pieces.pop_front() {
                state.queued -= piece.len();
                let mut accepted = Vec::new();
                while state.queued < ROOM
                    && let Some((bytes, callback)) = state.waiting.pop_front()
                {
                    state.queued += bytes.len();
                    state.pieces.push_back(bytes);
                    accepted.push(callback);
                }
                drop(state);
                accepted.into_iter().for_each(|callback| callback(Ok(())));
                return Ok(Some(piece));
            }
            if state.finishing {
                return Ok(None);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The pieces that were accepted and not taken yet.
    pub(super) fn rest(&self) -> Vec<Vec<u8>> {
        let mut state = self.lock();
        state.queued = 0;
        state.pieces.drain(..).collect()
    }

    /// Whether there is no use in going on.
    pub(super) fn is_aborting(&self) -> bool {
        self.lock().aborting
    }

    fn end(&self, outcome: Result<Layer>) {
        let mut state = self.lock();
        state.pieces.clear();
        let waiting = std::mem::take(&mut state.waiting);
        let done = std::mem::take(&mut state.done);
        let gone = std::mem::take(&mut state.gone);
        state.outcome = Some(outcome.clone());
        drop(state);
        for (_, callback) in waiting {
            callback(Err(outcome.clone().err().unwrap_or_else(ended)));
        }
        done.into_iter().for_each(|callback| callback(outcome.clone()));
        gone.into_iter().for_each(|callback| callback());
    }
}

/// Sees to it that there is an end, even by a panic.
pub(super) struct EndGuard {
    inbox: Arc<Inbox>,
    outcome: std::cell::Cell<Option<Result<Layer>>>,
}

impl EndGuard {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox, outcome: std::cell::Cell::new(None) }
    }

    pub(super) fn set(&self, outcome: Result<Layer>) {
        self.outcome.set(Some(outcome));
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        let unexpected = || Err(Failure::new("ERR_BOX_SYSTEM", "the thread that unpacks a layer ended unexpectedly (a panic)"));
        self.inbox.end(self.outcome.take().unwrap_or_else(unexpected));
    }
}

fn ended() -> Failure {
    Failure::new("ERR_BOX_STATE", "the layer is complete already")
}
