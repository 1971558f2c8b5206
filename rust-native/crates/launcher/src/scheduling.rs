//! How the program is given processor, memory and disk.

use box_plan::Step;
use rustix::io::Errno;

use crate::stop::{Context, Result};
use crate::sys;

/// The steps that are about this.
pub fn set(step: &Step<'_>) -> Result<()> {
    match *step {
        Step::Scheduler { policy, flags, nice, priority, runtime, deadline, period } => {
            sys::sched_setattr(&sys::SchedulerAttributes::new((policy, flags), (nice, priority), [runtime, deadline, period]))
                .call("sched_setattr")
        }
        Step::IoPriority(value) => sys::ioprio_set(value).call("ioprio_set"),
        Step::Affinity(ref processors) => sys::sched_setaffinity(&mask(processors)).call("sched_setaffinity"),
        Step::MemoryPolicy { mode, ref nodes } => sys::set_mempolicy(mode, &mask(nodes)).call("set_mempolicy"),
        Step::Personality(value) => sys::personality(value).call("personality"),
        _ => Err(Errno::NOSYS).call("enter"),
    }
}

/// A bit for each number, in the words that the kernel reads.
fn mask(numbers: &[u32]) -> Vec<u64> {
    let mut words = Vec::new();
    for number in numbers {
        let index = usize::try_from(number / 64).unwrap_or(0);
        if words.len() <= index {
            words.resize(index + 1, 0);
        }
        if let Some(word) = words.get_mut(index) {
            *word |= 1 << (number % 64);
        }
    }
    words
}
