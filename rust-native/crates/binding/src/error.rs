//! Failures of the core as JavaScript sees them: plain objects, from which TypeScript makes an error with the caller's stack.

use box_kernel::Failure;
use napi::bindgen_prelude::Object;
use napi::{Env, Error, JsValue, Status};

/// The error whose throwing throws `failure` as `{ boxFailure: true, code?, message, syscall?, errno?, path?, step?, hint? }`.
pub fn thrown(env: &Env, failure: &Failure) -> Error {
    match plain(env, failure) {
        Ok(object) => Error::from(object.to_unknown()),
        Err(error) => Error::new(Status::GenericFailure, format!("{failure} ({error})")),
    }
}

/// Shorthand for the end of an export: `result.or_throw(&env)`.
pub trait OrThrow<T> {
    /// Turns a failure of the core into what is thrown.
    fn or_throw(self, env: &Env) -> napi::Result<T>;
}

impl<T> OrThrow<T> for box_kernel::Result<T> {
    fn or_throw(self, env: &Env) -> napi::Result<T> {
        self.map_err(|failure| thrown(env, &failure))
    }
}

/// `failure` as an object. It is an `Error`, because Node-API gives back from a synchronous function nothing else: of a plain object
/// only its text would be left.
pub fn plain<'env>(env: &'env Env, failure: &Failure) -> napi::Result<Object<'env>> {
    let mut object = env.create_error(Error::from_reason(failure.message.as_str()))?;
    object.set("boxFailure", true)?;
    // Without one of ours it would be napi's own.
    match failure.code {
        Some(code) => object.set("code", code)?,
        None => object.set("code", ())?,
    }
    if let Some(syscall) = failure.syscall {
        object.set("syscall", syscall)?;
    }
    if let Some(errno) = failure.errno {
        object.set("errno", box_kernel::errno::name(errno).as_ref())?;
    }
    if let Some(path) = &failure.path {
        object.set("path", path.as_str())?;
    }
    if let Some(step) = &failure.step {
        object.set("step", step.as_ref())?;
    }
    if let Some(hint) = &failure.hint {
        object.set("hint", hint.as_ref().as_ref())?;
    }
    Ok(object)
}
