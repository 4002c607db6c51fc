//! The wait engine under the model checker: what `wait` promises, and no more than that.
//!
//! A sleeper with a deadline can time out at any moment, and the time is then what it must be. Whoever
//! times out or is interrupted may have been given a wake-up that he does not report; some wake for no
//! reason. Whoever sleeps without a deadline and is not woken is found as a deadlock.
//!
//! Outside of executions the real engine does the work.

use super::{Wake, real};
use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::Deadline;
use crate::base::interrupt::Interrupt;
use crate::base::model;
use core::cell::RefCell;
use core::ptr;
use shuttle::current::TaskId;
use shuttle::thread::Thread;

pub(super) fn prepare() {
    real::prepare();
}

/// Whoever slept is gone.
pub(super) fn after_fork_in_child() {
    forget();
    real::after_fork_in_child();
}

/// Nobody sleeps: that was in another execution, or process.
pub fn forget() {
    SLEEPERS.with_borrow_mut(Vec::clear);
}

thread_local! {
    /// The sleepers of the execution, who is woken first first.
    static SLEEPERS: RefCell<Vec<Sleeper>> = const { RefCell::new(Vec::new()) };
}

struct Sleeper {
    task: TaskId,
    thread: Thread,
    place: *const u32,
    interrupt: *const Interrupt,
    woken: bool,
    interrupted: bool,
}

pub(super) fn wait(
    word: &AtomicU32,
    expected: u32,
    deadline: Deadline,
    interrupt: Option<&Interrupt>,
) -> Wake {
    if !model::inside() {
        return real::wait(word, expected, deadline, interrupt);
    }
    model::point();
    // From here until the thread is among the sleepers nobody else can come: that makes it one step.
    if now_in(word) != expected {
        return Wake::Changed;
    }
    if interrupt.is_some_and(|interrupt| now_in(interrupt.word()) == Interrupt::SOME) {
        return Wake::Interrupted;
    }
    let task = shuttle::current::me();
    let sleeper = Sleeper {
        task,
        thread: shuttle::thread::current(),
        place: word.as_ptr(),
        interrupt: interrupt.map_or(ptr::null(), ptr::from_ref),
        woken: false,
        interrupted: false,
    };
    // Some have a higher priority: they are woken before those who have slept longer.
    let place = if model::chance(4) { 0 } else { usize::MAX };
    SLEEPERS.with_borrow_mut(|all| all.insert(place.min(all.len()), sleeper));
    match deadline {
        Deadline::Never => sleep(task),
        Deadline::At(at) => sleep_until(task, at),
    }
}

pub(super) fn wake(word: *const AtomicU32, n: u32) -> u32 {
    if !model::inside() {
        return real::wake(word, n);
    }
    model::point();
    rouse(n, |sleeper| {
        // Who is on his way out because of an interrupt may count as woken, or may not.
        let here = sleeper.place.addr() == word.addr() && !sleeper.woken;
        let wakes = here && !(sleeper.interrupted && model::chance(2));
        sleeper.woken |= wakes;
        wakes
    })
}

pub(super) fn interrupt(interrupt: &Interrupt) {
    if !model::inside() {
        return real::interrupt(interrupt);
    }
    model::point();
    rouse(1, |sleeper| {
        let its = ptr::eq(sleeper.interrupt, interrupt);
        sleeper.interrupted |= its;
        its
    });
}

/// Lets run up to `n` sleepers that `whom` agrees to; how many these were.
fn rouse(n: u32, mut whom: impl FnMut(&mut Sleeper) -> bool) -> u32 {
    let roused: Vec<Thread> = SLEEPERS.with_borrow_mut(|all| {
        let chosen = all.iter_mut().filter_map(|sleeper| whom(sleeper).then(|| sleeper.thread.clone()));
        chosen.take(n as usize).collect()
    });
    // Others can come at each of these, so not before all have been chosen.
    roused.iter().for_each(Thread::unpark);
    roused.len() as u32
}

fn sleep(task: TaskId) -> Wake {
    let restless = model::restless();
    loop {
        shuttle::thread::park();
        // The park may end for no reason, and so may the sleep, unless it is a sound one.
        if let Some(wake) = rise(task, restless.then_some(Wake::Woken)) {
            return wake;
        }
    }
}

fn sleep_until(task: TaskId, at: u64) -> Wake {
    for turns_left in (0..=model::draw(10)).rev() {
        if model::chance(2) {
            model::yield_now();
        } else {
            model::point();
        }
        // After the point: it may have been woken in its last turn.
        let late = turns_left == 0;
        if late {
            model::pass_until(at);
        }
        if let Some(wake) = rise(task, late.then_some(Wake::TimedOut)) {
            return wake;
        }
    }
    Wake::TimedOut
}

/// Ends the sleep if there is a reason, the sleeper's own or another's; the reason.
fn rise(task: TaskId, own: Option<Wake>) -> Option<Wake> {
    SLEEPERS.with_borrow_mut(|all| {
        let index = all.iter().position(|sleeper| sleeper.task == task)?;
        let sleeper = all.get(index)?;
        let interrupted = sleeper.interrupted.then_some(Wake::Interrupted);
        let woken = sleeper.woken.then_some(Wake::Woken);
        // A wake-up goes before the rest, or is spent on a thread that does not report it.
        let rest = interrupted.or(own);
        let wake = if rest.is_some() && model::chance(2) { rest } else { woken.or(rest) }?;
        all.remove(index);
        Some(wake)
    })
}

/// What the word holds, without a scheduling point.
fn now_in(word: &AtomicU32) -> u32 {
    // SAFETY: a live atomic, of which this is the representation.
    unsafe { core::sync::atomic::AtomicU32::from_ptr(word.as_ptr()) }.load(Ordering::SeqCst)
}
