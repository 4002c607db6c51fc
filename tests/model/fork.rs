//! Forks: a child goes on from any moment of the others' operations, in which it is alone. Nothing in it blocks
//! on a thread that is gone, and what it finds is whole.

use super::{check_at_most, threads};
use lowthread::base::deadline::Timeout;
use lowthread::base::handle::{Handle, Object};
use lowthread::base::model::{self, InChild};
use lowthread::sync::barrier::Barrier;
use lowthread::sync::condition::Condition;
use lowthread::sync::event::Event;
use lowthread::sync::lock::Lock;
use lowthread::sync::queue::Queue;
use lowthread::sync::rwlock::{Access, RwLock};
use lowthread::sync::semaphore::Semaphore;
use shuttle::current::TaskId;
use shuttle::scheduler::{Schedule, Scheduler, Task};
use std::ffi::c_void;
use std::ptr;

/// A scheduler that leaves the other tasks behind once one goes on as the child of a fork.
pub struct Forking<S>(pub S);

impl<S: Scheduler> Scheduler for Forking<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        model::before_execution();
        self.0.new_execution()
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, yields: bool) -> Option<TaskId> {
        match model::in_child() {
            None => self.0.next_task(runnable, current, yields),
            Some(InChild::Stop) => None,
            Some(InChild::Only(child)) => {
                let child = runnable.iter().map(|task| task.id()).find(|id| usize::from(*id) == child);
                Some(child.expect("the child waits for a thread that is gone"))
            }
        }
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// Each child leaves the memory of its slots behind, for good.
fn check(model: fn()) {
    check_at_most(300, model);
}

/// Runs `others`, each on a thread of its own, and forks beside them; then `child`, in the child.
fn fork_beside(others: &[&(dyn Fn() + Sync)], child: impl Fn()) {
    model::will_fork();
    threads(|scope| {
        for other in others {
            scope.spawn(other);
        }
        for _ in 0..model::draw(30) {
            model::yield_now();
        }
        if model::fork() {
            child();
            model::end_child();
        }
    });
}

fn item(n: usize) -> *mut c_void {
    ptr::without_provenance_mut(n)
}

/// Makes and frees an object, whose slot others may have been in the middle of.
fn makes_and_frees<T: Object>(new: impl Fn() -> Handle<T>, free: impl Fn(Handle<T>)) {
    for _ in 0..3 {
        free(new());
    }
}

#[test]
fn a_child_frees_and_uses_a_lock_that_others_fought_for() {
    check(|| {
        let lock = Handle::<Lock>::new().unwrap();
        let fight = || {
            for _ in 0..2 {
                lock.acquire().unwrap();
                lock.release().unwrap();
            }
        };
        fork_beside(&[&fight, &fight], || {
            lock.at_fork_reinit().unwrap();
            lock.acquire().unwrap();
            lock.release().unwrap();
            lock.free().unwrap();
            makes_and_frees(|| Handle::<Lock>::new().unwrap(), |lock| lock.free().unwrap());
        });
        lock.free().unwrap();
    });
}

#[test]
fn a_child_finds_the_permits_that_were_there() {
    check(|| {
        let semaphore = Handle::<Semaphore>::new(1, 2).unwrap();
        let borrow = || {
            semaphore.acquire().unwrap();
            semaphore.release(1).unwrap();
        };
        fork_beside(&[&borrow, &borrow], || {
            assert!(semaphore.value().unwrap() <= 1);
            semaphore.release(1).unwrap();
            semaphore.acquire().unwrap();
            semaphore.free().unwrap();
        });
        semaphore.free().unwrap();
    });
}

#[test]
fn a_child_uses_a_read_write_lock_whose_line_was_in_motion() {
    check(|| {
        let rwlock = Handle::<RwLock>::new().unwrap();
        let visit = |access| {
            rwlock.acquire(access).unwrap();
            rwlock.release(access).unwrap();
        };
        fork_beside(&[&|| visit(Access::Read), &|| visit(Access::Write), &|| visit(Access::Write)], || {
            rwlock.at_fork_reinit().unwrap();
            visit(Access::Write);
            visit(Access::Read);
            rwlock.free().unwrap();
        });
        super::end(|| rwlock.free());
    });
}

#[test]
fn nobody_waits_for_a_condition_in_a_child() {
    check(|| {
        let (condition, lock) = (Handle::<Condition>::new().unwrap(), Handle::<Lock>::new().unwrap());
        let wait = || {
            lock.acquire().unwrap();
            let _ = condition.wait_timeout(lock, 1e-3);
            lock.release().unwrap();
        };
        fork_beside(&[&wait, &wait, &|| condition.notify(1).unwrap()], || {
            condition.notify(2).unwrap();
            condition.free().unwrap();
        });
        condition.free().unwrap();
        lock.free().unwrap();
    });
}

#[test]
fn nobody_has_come_to_a_barrier_in_a_child() {
    check(|| {
        let barrier = Handle::<Barrier>::new(2, None, ptr::null_mut()).unwrap();
        // SAFETY: nobody unwinds.
        let come = || _ = unsafe { barrier.wait() };
        fork_beside(&[&come, &come], || {
            assert_eq!(barrier.waiting(), Ok(0));
            barrier.free().unwrap();
        });
        super::end(|| barrier.free());
    });
}

/// A queue of this capacity.
fn queue_in_a_child(capacity: usize) {
    let queue = Handle::<Queue>::new(capacity).unwrap();
    queue.put(item(1)).unwrap();
    let pass = |n: usize| {
        queue.put(item(n)).unwrap();
        queue.get().unwrap();
    };
    fork_beside(&[&|| pass(2), &|| pass(3)], || {
        // Those that are left, each once, and no others; then the queue works.
        let mut seen = Vec::new();
        while let Ok(item) = queue.try_get() {
            assert!((1..=3).contains(&item.addr()) && !seen.contains(&item.addr()));
            seen.push(item.addr());
        }
        queue.put(item(4)).unwrap();
        assert_eq!(queue.get().map(|item| item.addr()), Ok(4));
        // SAFETY: nobody unwinds.
        unsafe { queue.free() }.unwrap();
    });
    // SAFETY: as above.
    super::end(|| unsafe { queue.free() });
}

#[test]
fn a_child_finds_a_bounded_queue_whole() {
    check(|| queue_in_a_child(2));
}

#[test]
fn a_child_finds_an_unbounded_queue_whole() {
    check(|| queue_in_a_child(0));
}

#[test]
fn a_child_makes_objects_in_the_middle_of_the_making_and_freeing_of_others() {
    check(|| {
        let make = || makes_and_frees(|| Handle::<Event>::new().unwrap(), |event| event.free().unwrap());
        fork_beside(&[&make, &make], make);
        assert_eq!(Timeout::from_seconds(0.0), Ok(Timeout::Poll));
    });
}
