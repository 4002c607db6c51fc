//! A scheduler that leaves threads where they are for as long as the model says, but not for ever, since others may wait for
//! them: as if they got no processor, at the worst moment. Chance leaves one there for so long, but hardly ever two.

use shuttle::current::TaskId;
use shuttle::scheduler::{Schedule, Scheduler, Task};
use std::cell::Cell;

thread_local! {
    /// A bit for each thread, by its number: the model's own is 0, then come those it has started, in that order.
    static HELD: Cell<u64> = const { Cell::new(0) };
    /// For how many more points.
    static POINTS: Cell<u64> = const { Cell::new(0) };
}

const LONG: u64 = 300;

/// From now on this thread runs only where no other can.
pub fn hold(thread: usize) {
    HELD.set(HELD.get() | 1 << thread);
    POINTS.set(LONG);
}

pub fn let_go(thread: usize) {
    HELD.set(HELD.get() & !(1 << thread));
}

pub struct Holding<S>(pub S);

impl<S: Scheduler> Scheduler for Holding<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        HELD.set(0);
        self.0.new_execution()
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, yields: bool) -> Option<TaskId> {
        POINTS.set(POINTS.get().saturating_sub(1));
        if POINTS.get() == 0 {
            HELD.set(0);
        }
        let is_held = |task: &&Task| HELD.get() & 1 << usize::from(task.id()) != 0;
        let others: Vec<&Task> = runnable.iter().copied().filter(|task| !is_held(task)).collect();
        self.0.next_task(if others.is_empty() { runnable } else { &others }, current, yields)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}
