//! A pool of threads for work that is too long for the event loop. libuv's four threads are left to Node.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use box_kernel::Failure;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};

use crate::error::OrThrow;
use crate::within;

/// Does `work` on a thread of the pool. Gives a promise: of what `convert` makes of the value, on the JavaScript thread, or
/// rejected with the failure as a plain object. Use with `#[napi(catch_unwind, ts_return_type = "Promise<…>")]`.
pub fn promise<'env, T, V, W, C>(env: &'env Env, work: W, convert: C) -> napi::Result<Object<'env>>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
    W: FnOnce() -> box_kernel::Result<T> + Send + 'static,
    C: FnOnce(Env, T) -> napi::Result<V> + Send + 'static,
{
    promise_by(env, work, convert, spawn)
}

/// As `promise`, for work that takes less than others may keep the threads busy: then it is done at once.
pub fn short_promise<'env, T, V, W, C>(env: &'env Env, work: W, convert: C) -> napi::Result<Object<'env>>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
    W: FnOnce() -> box_kernel::Result<T> + Send + 'static,
    C: FnOnce(Env, T) -> napi::Result<V> + Send + 'static,
{
    promise_by(env, work, convert, |job| if has_room() { spawn(job) } else { job() })
}

fn promise_by<'env, T, V, W, C>(env: &'env Env, work: W, convert: C, start: impl FnOnce(Job)) -> napi::Result<Object<'env>>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
    W: FnOnce() -> box_kernel::Result<T> + Send + 'static,
    C: FnOnce(Env, T) -> napi::Result<V> + Send + 'static,
{
    type Resolver<V> = Box<dyn FnOnce(Env) -> napi::Result<V> + Send>;
    let (deferred, promise) = env.create_deferred::<V, Resolver<V>>()?;
    let work = within::inside(work);
    start(Box::new(move || {
        let outcome = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Failure::new("ERR_BOX_SYSTEM", "the native core failed unexpectedly (a panic)")));
        deferred.resolve(Box::new(move |env| convert(env, outcome.or_throw(&env)?)));
    }));
    Ok(promise)
}

/// Threads that wait this long for work end.
const IDLE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

struct Pool {
    queue: Mutex<Queue>,
    wake: Condvar,
    limit: usize,
}

/// Does `job` on a thread of the pool, after those that came before it where all threads are busy.
pub fn spawn(job: impl FnOnce() + Send + 'static) {
    let pool = pool();
    let mut queue = pool.lock();
    queue.jobs.push_back(Box::new(job));
    if queue.idle >= queue.jobs.len() || queue.threads >= pool.limit {
        pool.wake.notify_one();
        return;
    }
    queue.threads += 1;
    drop(queue);
    let started = std::thread::Builder::new().name("box-worker".into()).spawn(serve);
    if started.is_err() {
        let mut queue = pool.lock();
        queue.threads -= 1;
        let jobs = if queue.threads == 0 { std::mem::take(&mut queue.jobs) } else { VecDeque::new() };
        drop(queue);
        // Slow is better than never: without any thread the caller does the work.
        jobs.into_iter().for_each(|job| job());
    }
}

/// Whether a thread is free, or can be started, for one more job.
fn has_room() -> bool {
    let pool = pool();
    let queue = pool.lock();
    queue.idle > queue.jobs.len() || queue.threads < pool.limit
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool {
        queue: Mutex::new(Queue { jobs: VecDeque::new(), idle: 0, threads: 0 }),
        wake: Condvar::new(),
        // More than there are processors: much of the work waits for the disk.
        limit: std::thread::available_parallelism().map_or(4, |count| count.get().max(2) * 2),
    })
}

fn serve() {
    let pool = pool();
    let mut queue = pool.lock();
    loop {
        if let Some(job) = queue.jobs.pop_front() {
            drop(queue);
            job();
            queue = pool.lock();
            continue;
        }
        queue.idle += 1;
        let (guard, timeout) = pool.wake.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
        queue = guard;
        queue.idle -= 1;
        if timeout.timed_out() && queue.jobs.is_empty() {
            queue.threads -= 1;
            return;
        }
    }
}
