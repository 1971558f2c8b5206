//! Alarms of groups, and the kernel's log.

use std::sync::{Mutex, PoisonError};

use box_kernel::alarms::{Alarm, Alarms};
use box_kernel::log::KernelLog as Log;
use box_kernel::{Failure, Result};
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;

use crate::error::OrThrow;

/// A pressure file with the trigger that is written to it, a file of a v1 group that tells by eventfd(2), or words of the kernel's log.
#[napi(object)]
pub struct GroupAlarm {
    /// The group's folder.
    pub folder: String,
    /// The file in it.
    pub file: String,
    /// Of a pressure file.
    pub trigger: Option<String>,
    /// Of `memory.pressure_level`.
    pub level: Option<String>,
    /// Of the log: then folder and file are not looked at.
    pub words: Option<Vec<String>>,
}

/// Which alarm went off.
#[napi(object)]
pub struct GroupAlarmEvent {
    /// Its place in the list.
    pub index: u32,
    /// How often.
    pub count: u32,
}

type Callback = ThreadsafeFunction<GroupAlarmEvent, (), GroupAlarmEvent, Status, false>;

/// Alarms that a thread of the core waits for.
#[napi]
pub struct GroupAlarms {
    inner: Mutex<Option<Alarms>>,
}

#[napi]
impl GroupAlarms {
    /// Sets all alarms, or none. `callback` is told which went off; the process keeps running until `close`.
    #[napi(factory, catch_unwind)]
    pub fn set(
        env: &Env,
        alarms: Vec<GroupAlarm>,
        #[napi(ts_arg_type = "(event: GroupAlarmEvent) => void")] callback: Function<'_, GroupAlarmEvent, ()>,
    ) -> napi::Result<Self> {
        let callback: Callback = callback.build_threadsafe_function::<GroupAlarmEvent>().build()?;
        let alarms = alarms.into_iter().map(alarm_of).collect::<Result<Vec<_>>>().or_throw(env)?;
        let set = Alarms::set(&alarms, move |index, count| {
            let event =
                GroupAlarmEvent { index: u32::try_from(index).unwrap_or(u32::MAX), count: u32::try_from(count).unwrap_or(u32::MAX) };
            // A callback that can take no more calls belongs to a thread that has ended.
            callback.call(event, ThreadsafeFunctionCallMode::NonBlocking);
        })
        .or_throw(env)?;
        Ok(Self { inner: Mutex::new(Some(set)) })
    }

    /// Nothing is told after it. A second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn alarm_of(GroupAlarm { folder, file, trigger, level, words }: GroupAlarm) -> Result<Alarm> {
    if file.contains('/') {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{file} is not the name of a file")));
    }
    Ok(match (words, trigger) {
        (Some(words), _) => Alarm::Log { words },
        (None, Some(trigger)) => Alarm::Pressure { file: format!("{folder}/{file}"), trigger },
        (None, None) => Alarm::Event { folder, file, level },
    })
}

/// The kernel's log from the moment on at which it was opened.
#[napi]
pub struct KernelLog {
    inner: Mutex<Option<Log>>,
}

#[napi]
impl KernelLog {
    /// Opens it; what is in it is passed over.
    #[napi(factory, catch_unwind)]
    pub fn open(env: &Env) -> napi::Result<Self> {
        Ok(Self { inner: Mutex::new(Some(Log::open().or_throw(env)?)) })
    }

    /// The records since the last call that hold the word; never waits.
    #[napi(catch_unwind)]
    pub fn records(&self, env: &Env, word: String) -> napi::Result<Vec<String>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.as_ref().map_or_else(|| Ok(Vec::new()), |log| log.records(&[&word])).or_throw(env)
    }

    /// Closes the descriptor. A second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
