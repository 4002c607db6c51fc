//! What the model checker puts in the place of the system, under `cfg(shuttle)` alone: who runs next,
//! what time it is, what happens by chance, and where a thread keeps its value.
//!
//! A model is run many times: each run is an *execution*, of which all threads are tasks on one OS
//! thread, one at a time. Outside of executions (when the library is loaded, in a unit test) nothing
//! here has an effect, and the real thing is used. docs/architecture.md says what is explored.

use core::cell::{Cell, RefCell};
use core::ffi::c_void;
use core::ptr;
use core::time::Duration;
use shuttle::rand::{Rng, thread_rng};
use std::sync::Mutex;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static CLOCK: Cell<u64> = const { Cell::new(0) };
    /// The longest step of the clock in this execution.
    static STRIDE: Cell<u64> = const { Cell::new(1) };
    /// Whether sleepers wake for no reason in this execution.
    static RESTLESS: Cell<bool> = const { Cell::new(false) };
    /// Whether the model forks: then the gate is a place where another thread may come.
    static FORKS: Cell<bool> = const { Cell::new(false) };
    /// The task that lives on in a child, by its number; the others are gone.
    static CHILD: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether the child has done what it was to do.
    static CHILD_ENDED: Cell<bool> = const { Cell::new(false) };
    /// The thread-specific value of each task, by the task's number.
    static VALUES: RefCell<Vec<*mut c_void>> = const { RefCell::new(Vec::new()) };
}

/// What is to be done before the execution that follows the next child. Each test has an OS thread of its own.
static AFTER_CHILD: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// Runs executions on this OS thread, each of which calls `begin` first.
pub fn explore(executions: impl FnOnce()) {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            INSIDE.set(false);
        }
    }
    INSIDE.set(true);
    let _leave = Leave;
    executions();
}

/// Begins an execution. What is drawn here holds for all of it: whether the clock jumps or creeps, and
/// whether sleepers are woken for no reason, which could make up for a wake-up that was lost.
pub fn begin() {
    CLOCK.set(1_000_000_000);
    STRIDE.set(match draw(3) {
        0 => 10,
        1 => 100_000,
        _ => 1_000_000,
    });
    RESTLESS.set(draw(4) == 0);
}

/// Before each execution: no fork has taken place, or will.
pub fn before_execution() {
    if CHILD_ENDED.get() {
        let all = AFTER_CHILD.lock().map(|mut all| core::mem::take(&mut *all));
        all.into_iter().flatten().for_each(|forget| forget());
    }
    FORKS.set(false);
    CHILD.set(None);
    CHILD_ENDED.set(false);
    VALUES.with_borrow_mut(Vec::clear);
    crate::base::wait::model::forget();
}

/// Says that the model is going to fork: before its threads are started.
pub fn will_fork() {
    FORKS.set(true);
}

pub fn forks() -> bool {
    FORKS.get()
}

/// A fork: the execution goes on as the parent, and gives false, or as the child, by chance. In the child the
/// other tasks are never scheduled again. It ends with `end_child`.
pub fn fork() -> bool {
    crate::base::fork::before();
    if draw(2) == 0 {
        crate::base::fork::in_parent();
        return false;
    }
    CHILD.set(Some(me()));
    crate::base::fork::in_child();
    true
}

/// The execution is over, in a child.
pub fn end_child() -> ! {
    CHILD_ENDED.set(true);
    loop {
        // From here the scheduler does not come back.
        shuttle::thread::yield_now();
    }
}

/// Has this called once, before the execution that follows the next child.
pub fn after_child(forget: fn()) {
    if inside() {
        let _ = AFTER_CHILD.lock().map(|mut all| all.push(forget));
    }
}

/// What a scheduler is to do in a child: nothing more, or this task alone.
pub enum InChild {
    Stop,
    Only(usize),
}

/// None in a parent.
pub fn in_child() -> Option<InChild> {
    if CHILD_ENDED.get() { Some(InChild::Stop) } else { CHILD.get().map(InChild::Only) }
}

/// Whether the caller is a task that a fork has left behind, unwound when its execution is over: what it does
/// must have no effect.
pub fn is_gone() -> bool {
    CHILD.get().is_some() && INSIDE.get() && std::thread::panicking()
}

/// Whether the caller is a task of an execution. One that panics is not: it must not be scheduled again; and
/// neither is one that is taken down after the end of a child.
pub fn inside() -> bool {
    INSIDE.get() && !std::thread::panicking() && !CHILD_ENDED.get()
}

/// Another task may come. In a child there is none.
pub fn point() {
    if inside() && CHILD.get().is_none() {
        // Nobody sleeps there: it is a bare scheduling point, where yield_now is also a bad mark.
        shuttle::thread::sleep(Duration::ZERO);
    }
}

/// Lets the others go first. False outside of executions.
pub fn yield_now() -> bool {
    let inside = inside();
    if inside {
        shuttle::thread::yield_now();
    }
    inside
}

/// A number below `n`, which is 0 outside of executions.
pub fn draw(n: u64) -> u64 {
    if inside() { thread_rng().gen_range(0..n) } else { 0 }
}

/// True once in `n` times. Never outside of executions.
pub fn chance(n: u64) -> bool {
    inside() && draw(n) == 0
}

/// Whether the sleeper that asks may wake for no reason.
pub fn restless() -> bool {
    RESTLESS.get() && chance(2)
}

/// The time, which each look at it advances. None outside of executions.
pub fn now() -> Option<u64> {
    inside().then(|| {
        CLOCK.set(CLOCK.get() + 1 + draw(STRIDE.get()));
        CLOCK.get()
    })
}

/// Lets the time pass until `at`.
pub fn pass_until(at: u64) {
    CLOCK.set(CLOCK.get().max(at));
}

/// The calling task's thread-specific value. None outside of executions.
pub fn value() -> Option<*mut c_void> {
    inside().then(|| VALUES.with_borrow(|all| all.get(me()).copied().unwrap_or(ptr::null_mut())))
}

/// Sets it, and what is to be called with it when the task ends. False outside of executions.
pub fn set_value(value: *const c_void, ended: fn(*mut c_void)) -> bool {
    let inside = inside();
    if inside {
        exchange_value(value.cast_mut());
        // An error says that the task is ending, and `End` at work.
        let _ = END.try_with(|end| end.0.set(Some(ended)));
    }
    inside
}

fn exchange_value(value: *mut c_void) -> *mut c_void {
    VALUES.with_borrow_mut(|all| {
        let me = me();
        if all.len() <= me {
            all.resize(me + 1, ptr::null_mut());
        }
        all.get_mut(me).map_or(ptr::null_mut(), |mine| core::mem::replace(mine, value))
    })
}

/// What tells the calling task from the others, and is not 0. None outside of executions.
pub fn thread() -> Option<usize> {
    inside().then(|| me() + 1)
}

fn me() -> usize {
    shuttle::current::me().into()
}

shuttle::thread_local! {
    static END: End = End(Cell::new(None));
}

/// Calls the destructor of the thread-specific value when the task ends, in rounds, as the C library does.
struct End(Cell<Option<fn(*mut c_void)>>);

impl Drop for End {
    fn drop(&mut self) {
        if !inside() {
            return;
        }
        for _ in 0..4 {
            let value = exchange_value(ptr::null_mut());
            if let Some(ended) = self.0.get().filter(|_| !value.is_null()) {
                ended(value);
            }
        }
        // The next execution's task of this number begins with none.
        exchange_value(ptr::null_mut());
    }
}
