//! Alarms of groups.

use std::sync::{Mutex, PoisonError};

use box_kernel::alarms::{Alarm, Alarms};
use box_kernel::{Failure, Result};
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;

use crate::error::OrThrow;

/// A pressure file with the trigger that is written to it, or a file of a v1 group that tells by eventfd(2).
#[napi(object)]
pub struct GroupAlarm {
    /// The group's folder.
    pub folder: String,
    /// The file in it.
    pub file: String,
    /// Of a pressure file.
    pub trigger: Option<String>,
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

fn alarm_of(GroupAlarm { folder, file, trigger }: GroupAlarm) -> Result<Alarm> {
    if file.contains('/') {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{file} is not the name of a file")));
    }
    Ok(match trigger {
        Some(trigger) => Alarm::Pressure { file: format!("{folder}/{file}"), trigger },
        None => Alarm::Event { folder, file },
    })
}
