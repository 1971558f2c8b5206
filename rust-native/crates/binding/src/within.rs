//! The user namespace that work is done in.

use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use box_kernel::{Result, within as kernel};
use napi::Env;
use napi::bindgen_prelude::{Function, Unknown};
use napi_derive::napi;

use crate::error::OrThrow;
use crate::mounts::duplicate;

thread_local! {
    static CHOSEN: RefCell<Option<Arc<OwnedFd>>> = const { RefCell::new(None) };
}

/// Calls `call`, and has what it starts of the core's work on files done inside a user namespace that this process owns: ids are those inside, and
/// files of all ids that it maps can be read, made and given away.
#[napi(catch_unwind, ts_generic_types = "Value", ts_args_type = "fd: number, call: () => Value", ts_return_type = "Value")]
pub fn within<'env>(env: &'env Env, fd: i32, call: Function<'env, (), Unknown<'env>>) -> napi::Result<Unknown<'env>> {
    let namespace = duplicate(fd).or_throw(env)?;
    let _chosen = Chosen(CHOSEN.replace(Some(Arc::new(namespace))));
    call.call(())
}

/// Puts back what was chosen before, whatever the call does.
struct Chosen(Option<Arc<OwnedFd>>);

impl Drop for Chosen {
    fn drop(&mut self) {
        CHOSEN.set(self.0.take());
    }
}

/// The namespace that was chosen, on the thread of JavaScript.
pub fn chosen() -> Option<Arc<OwnedFd>> {
    CHOSEN.with_borrow(Clone::clone)
}

/// The same work, inside the namespace that is chosen now.
pub fn inside<T>(work: impl FnOnce() -> Result<T>) -> impl FnOnce() -> Result<T> {
    let namespace = chosen();
    move || match namespace {
        None => work(),
        Some(namespace) => kernel::within(namespace.as_fd(), work),
    }
}
