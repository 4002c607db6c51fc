//! A scheduler that takes any thread at each point, but for one that it now and then leaves where it is
//! for a long time: so the others get through whole operations meanwhile, as they do when a thread is
//! preempted at the worst moment.

use shuttle::current::TaskId;
use shuttle::scheduler::{RandomScheduler, Schedule, Scheduler, Task};

pub struct StallScheduler {
    random: RandomScheduler,
    /// Of a generator of its own: the other's numbers belong to the model.
    state: u64,
    stalled: Option<TaskId>,
    /// For how many more points.
    points: u64,
}

impl StallScheduler {
    pub fn new(iterations: usize) -> StallScheduler {
        let state = 0x9e37_79b9_7f4a_7c15;
        StallScheduler { random: RandomScheduler::new(iterations), state, stalled: None, points: 0 }
    }

    /// A number below `n`, by xorshift.
    fn draw(&mut self, n: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) % n
    }
}

impl Scheduler for StallScheduler {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.stalled = None;
        self.points = 0;
        self.random.new_execution()
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, yields: bool) -> Option<TaskId> {
        if self.points == 0 {
            self.stalled = if self.draw(8) == 0 { current } else { None };
            self.points = 1 + self.draw(if self.stalled.is_some() { 100 } else { 10 });
        }
        self.points -= 1;
        let others: Vec<&Task> =
            runnable.iter().copied().filter(|task| Some(task.id()) != self.stalled).collect();
        let choice = if others.is_empty() { runnable } else { &others };
        self.random.next_task(choice, current, yields)
    }

    fn next_u64(&mut self) -> u64 {
        self.random.next_u64()
    }
}
