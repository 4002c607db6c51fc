//! What a fork does to the library: the gate.
//!
//! Only the forking thread lives on in the child. What another thread was in the middle of inside the
//! library would stay so there for ever. So whoever touches what is shared, under a [`Mutex`], counts as
//! *inside* meanwhile, and a fork takes place while nobody is.
//!
//! | state of the gate | a thread that wants in | goes on by |
//! |---|---|---|
//! | open | goes in, and says so | the fork that begins: closed |
//! | closed | waits outside | the fork, once it has taken place: open |
//!
//! Going in and out costs a thread two writes to a counter of its own, and two looks at the gate: the fork
//! pays for the fences. It takes no lock of the library's, however many there are, so there is no order of
//! locks to be kept; and in the child none is held. For that, one rule: who is inside neither allocates
//! nor frees memory, calls no user code, and waits for nobody but the next holder of a mutex. The forking
//! thread may hold what such a thread would wait for: handlers that a program registers after the
//! library was loaded run before ours.
//!
//! In the child, what vanished threads had registered (as sleepers, as running) is struck out. Whoever
//! keeps such state is a [`Participant`].

use crate::base::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use crate::base::deadline::Deadline;
use crate::base::mutex::{Mutex, Raw};
use crate::base::status::Error;
use crate::base::{fence, record, registry, this_thread, wait};
use core::marker::PhantomData;
use core::ptr;

const OPEN: u32 = 0;
const CLOSED: u32 = 1;

/// The gate. A futex.
static GATE: AtomicU32 = AtomicU32::new(OPEN);

/// One fork at a time. Not a [`Mutex`]: who holds it is not inside.
static FORKING: Raw = Raw::free();

/// The thread that forks, as `myself` tells it; 0 if none does.
static FORKER: AtomicUsize = AtomicUsize::new(0);

/// Whether the child of a fork is being set right: it has one thread, which does that.
static ALONE: AtomicBool = AtomicBool::new(false);

/// How many threads without a record are inside: those whose record has ended, and those that are about to
/// get one. A futex.
static STRAYS: AtomicU32 = AtomicU32::new(0);

/// How often its thread is inside, as signal handlers may be once more. Written by that thread alone; the
/// futex of the fork that waits for it to get out.
#[derive(Debug)]
pub struct Stays(AtomicU32);

impl Stays {
    pub const fn none() -> Stays {
        Stays(AtomicU32::new(0))
    }
}

/// A stay inside the library: ends when it is dropped, on the same thread.
pub struct Inside {
    /// None for a thread without a record.
    stays: Option<&'static Stays>,
    _on_this_thread: PhantomData<*const ()>,
}

/// Goes in. Waits outside while the gate is closed.
#[inline]
pub fn enter() -> Inside {
    if nobody_forks() {
        return Inside { stays: None, _on_this_thread: PhantomData };
    }
    let stays = this_thread::existing().map(|record| &record.stays);
    match stays {
        Some(stays) => {
            // Relaxed: its own thread's. A handler that comes between leaves it as it was.
            let before = stays.0.load(Ordering::Relaxed);
            stays.0.store(before + 1, Ordering::Relaxed);
            // The counter before the gate; `close` does it in the other order, with a heavy fence.
            fence::light();
            if before == 0 && GATE.load(Ordering::Relaxed) == CLOSED && !is_forking() {
                wait_outside(stays);
            }
        }
        None => enter_as_stray(),
    }
    Inside { stays, _on_this_thread: PhantomData }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        match self.stays {
            Some(stays) => {
                let before = stays.0.load(Ordering::Relaxed);
                // Release: what was done inside is seen by the fork that waits for this.
                stays.0.store(before - 1, Ordering::Release);
                // As in `enter`: of this thread and a fork, one sees the other.
                fence::light();
                if before == 1 && GATE.load(Ordering::Relaxed) == CLOSED {
                    wait::wake_all(&stays.0);
                }
            }
            None if nobody_forks() => (),
            None => leave_as_stray(),
        }
    }
}

/// In most models: then the gate is no place where another thread may come.
#[inline]
fn nobody_forks() -> bool {
    #[cfg(shuttle)]
    return !crate::base::model::forks();
    #[cfg(not(shuttle))]
    false
}

/// Whether the calling thread is inside, as far as its record tells: for assertions.
pub fn is_inside() -> bool {
    // Relaxed: its own thread's.
    this_thread::existing().is_some_and(|record| record.stays.0.load(Ordering::Relaxed) > 0)
}

#[cold]
fn wait_outside(stays: &Stays) {
    loop {
        // Release: as in `drop`.
        stays.0.store(0, Ordering::Release);
        fence::light();
        wait::wake_all(&stays.0);
        wait_for_the_gate();
        stays.0.store(1, Ordering::Relaxed);
        // As in `enter`.
        fence::light();
        if GATE.load(Ordering::Relaxed) == OPEN {
            return;
        }
    }
}

#[cold]
fn enter_as_stray() {
    loop {
        // SeqCst, here and below, as in `close`: of this thread and a fork, one sees the other.
        STRAYS.fetch_add(1, Ordering::SeqCst);
        if GATE.load(Ordering::SeqCst) == OPEN || is_forking() {
            return;
        }
        leave_as_stray();
        wait_for_the_gate();
    }
}

#[cold]
fn leave_as_stray() {
    if STRAYS.fetch_sub(1, Ordering::SeqCst) == 1 && GATE.load(Ordering::SeqCst) == CLOSED {
        wait::wake_all(&STRAYS);
    }
}

fn wait_for_the_gate() {
    // Acquire: sees what the fork did.
    while GATE.load(Ordering::Acquire) == CLOSED {
        wait::wait(&GATE, CLOSED, Deadline::Never, None);
    }
}

/// Whether this is the thread that forks: what it does, in handlers that run between ours, is no middle of
/// anything when the fork takes place.
fn is_forking() -> bool {
    // Relaxed: a thread sees what it has stored.
    FORKER.load(Ordering::Relaxed) == myself()
}

/// Whether there is no other thread, and what is held can only be held by this one: by what a signal handler
/// that forks has interrupted.
#[cold]
pub fn is_alone() -> bool {
    // Relaxed: a thread sees what it has stored; where it is set there is no other.
    ALONE.load(Ordering::Relaxed)
}

/// The same in parent and child.
fn myself() -> usize {
    // All threads of a model are on one of the system's.
    #[cfg(shuttle)]
    if let Some(task) = crate::base::model::thread() {
        return task;
    }
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::pthread_self() as usize }
}

/// Closes the gate, and waits until nobody is inside but, in a signal handler, the calling thread.
fn close() {
    // The threads that have records fence lightly by now, or never will.
    fence::prepare();
    GATE.store(CLOSED, Ordering::SeqCst);
    fence::heavy();
    let own = this_thread::existing();
    record::each(|record| {
        if own.is_none_or(|own| !ptr::eq(own, record)) {
            await_exit(&record.stays.0);
        }
    });
    await_exit(&STRAYS);
}

fn await_exit(stays: &AtomicU32) {
    loop {
        // SeqCst, for the strays; Acquire: what was done inside is seen, also by the child.
        match stays.load(Ordering::SeqCst) {
            0 => return,
            // Woken by the last exit; the count may also rise, as by a signal handler's stay.
            n => wait::wait(stays, n, Deadline::Never, None),
        };
    }
}

fn open() {
    // Release: pairs with `wait_for_the_gate`.
    GATE.store(OPEN, Ordering::Release);
    wait::wake_all(&GATE);
}

/// One part of the library that has something to forget in a forked child.
pub struct Participant {
    /// Strikes out the threads that are gone. There is one thread. It allocates and frees nothing: the
    /// allocator's own handler may come later.
    forget: fn(),
    /// The one that joined before. Relaxed throughout: under the lock of the list.
    next: AtomicPtr<Participant>,
    joined: AtomicBool,
}

/// Those that take part, last joined first.
static FIRST: Mutex<First> = Mutex::new(First(ptr::null()));

struct First(*const Participant);

// SAFETY: leads to statics, which are Sync.
unsafe impl Send for First {}

impl Participant {
    pub const fn new(forget: fn()) -> Participant {
        Participant { forget, next: AtomicPtr::new(ptr::null_mut()), joined: AtomicBool::new(false) }
    }

    /// Takes part in every fork from now on.
    #[inline]
    pub fn join(&'static self) {
        // Acquire: pairs with the store below.
        if !self.joined.load(Ordering::Acquire) {
            self.join_once();
        }
    }

    #[cold]
    fn join_once(&'static self) {
        let mut first = FIRST.lock();
        // Relaxed: under the lock.
        if !self.joined.load(Ordering::Relaxed) {
            self.next.store(first.0.cast_mut(), Ordering::Relaxed);
            first.0 = self;
            // Release: who sees it joined finds it in the list at a fork.
            self.joined.store(true, Ordering::Release);
        }
    }
}

/// Hands the three handlers to the C library, once.
pub fn install() -> Result<(), Error> {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    // AcqRel: one caller installs, and a failure is seen by whoever tries next.
    if !INSTALLED.swap(true, Ordering::AcqRel) {
        // SAFETY: the three functions live as long as the library, which is never unloaded.
        if unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) } != 0 {
            INSTALLED.store(false, Ordering::Release);
            return Err(Error::NoMemory);
        }
    }
    Ok(())
}

extern "C" fn prepare() {
    before();
}

extern "C" fn parent() {
    in_parent();
}

extern "C" fn child() {
    in_child();
}

pub(super) fn before() {
    FORKING.lock();
    FORKER.store(myself(), Ordering::Relaxed);
    registry::before_fork();
    close();
    wait::before_fork();
}

pub(super) fn in_parent() {
    wait::after_fork_in_parent();
    FORKER.store(0, Ordering::Relaxed);
    open();
    FORKING.unlock();
}

pub(super) fn in_child() {
    ALONE.store(true, Ordering::Relaxed);
    wait::after_fork_in_child();
    // Who came to the closed gate had said that it was inside, and is gone before it could take that back.
    // Relaxed throughout: there is one thread.
    FORKER.store(0, Ordering::Relaxed);
    STRAYS.store(0, Ordering::Relaxed);
    let own = this_thread::existing();
    record::each(|record| {
        if own.is_none_or(|own| !ptr::eq(own, record)) {
            if record.stays.0.load(Ordering::Relaxed) != 0 {
                record.stays.0.store(0, Ordering::Relaxed);
            }
            record.give_up_spare();
        }
    });
    open();
    registry::after_fork_in_child();
    let mut next = FIRST.lock().0;
    // SAFETY: the list links statics.
    while let Some(participant) = unsafe { next.as_ref() } {
        (participant.forget)();
        next = participant.next.load(Ordering::Relaxed);
    }
    ALONE.store(false, Ordering::Relaxed);
    FORKING.unlock();
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::sync::Barrier;

    // Who is inside asks for no memory: so no channels here.
    #[test]
    fn a_fork_waits_for_who_is_inside_and_holds_up_who_wants_in() {
        let (inside, go) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|threads| {
            let thread = threads.spawn(|| {
                this_thread::ident();
                let _stay = enter();
                inside.wait();
                go.wait();
                GATE.load(Ordering::SeqCst)
            });
            inside.wait();
            let forker = threads.spawn(|| {
                before();
                in_parent();
            });
            while GATE.load(Ordering::SeqCst) == OPEN {
                std::thread::yield_now();
            }
            assert!(!forker.is_finished());
            threads.spawn(|| {
                this_thread::ident();
                drop(enter());
            });
            go.wait();
            assert_eq!(thread.join().unwrap(), CLOSED);
        });
    }

    #[test]
    fn a_stay_within_a_stay_counts_once_more() {
        this_thread::ident();
        let outer = enter();
        drop(enter());
        assert!(is_inside());
        drop(outer);
        assert!(!is_inside());
    }
}
