//! Streams of bytes: digests, decompression, archives.

mod copied;
mod image;
mod layer;
mod options;
mod pack;
mod tree;

use std::panic::{AssertUnwindSafe, catch_unwind};

use box_kernel::Failure;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};

use crate::error::OrThrow;
use crate::within;

type Resolver<V> = Box<dyn FnOnce(Env) -> napi::Result<V> + Send>;

/// Like `background::promise`, on a thread of its own: for work that lasts as long as a layer does, and would keep others waiting.
fn long_promise<'env, T, V, W, C>(env: &'env Env, work: W, convert: C) -> napi::Result<Object<'env>>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
    W: FnOnce() -> box_kernel::Result<T> + Send + 'static,
    C: FnOnce(Env, T) -> napi::Result<V> + Send + 'static,
{
    threads_promise(env, within::inside(work), convert)
}

/// The same for work that starts threads: no thread can be started inside a user namespace, so they choose it themselves.
fn threads_promise<'env, T, V, W, C>(env: &'env Env, work: W, convert: C) -> napi::Result<Object<'env>>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
    W: FnOnce() -> box_kernel::Result<T> + Send + 'static,
    C: FnOnce(Env, T) -> napi::Result<V> + Send + 'static,
{
    let (deferred, promise) = env.create_deferred::<V, Resolver<V>>()?;
    let run = move || {
        let outcome = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Failure::new("ERR_BOX_SYSTEM", "the native core failed unexpectedly (a panic)")));
        deferred.resolve(Box::new(move |env| convert(env, outcome.or_throw(&env)?)));
    };
    let started = std::thread::Builder::new().name("box-archive".into()).spawn(run);
    started.map_err(|error| napi::Error::from_reason(format!("no thread can be started: {error}")))?;
    Ok(promise)
}
