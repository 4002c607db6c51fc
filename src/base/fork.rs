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
//! Going in and out costs a thread three writes to a word of its own, and two looks at the gate: the fork
//! pays for the fences. It takes no lock of the library's, however many there are, so there is no order of
//! locks to be kept; and in the child none is held. For that, one rule: who is inside neither allocates
//! nor frees memory, calls no user code, and waits for nobody but the next holder of a mutex. The forking
//! thread may hold what such a thread would wait for: handlers that a program registers after the
//! library was loaded run before ours.
//!
//! A signal handler can come anywhere, go in itself, and fork. What tells it where its thread is, is that word:
//!
//! | the thread's word | meaning | a handler that wants in |
//! |---|---|---|
//! | 0 | outside | goes in as its thread does |
//! | `KNOCKING` | it counts as inside, and has not looked at the gate yet | looks itself, and waits outside for both |
//! | n * `ONE` | inside, n times | goes in: its thread has seen the gate open, and is waited for |
//! | n * `ONE` + `KNOCKING` | n times, in handlers that came while it knocked | as above |
//!
//! A thread without a record has no such word, and keeps handlers out while it is inside: [`quiet`]. One that
//! forks has gone through the gate that it closed: a fork in a handler that comes meanwhile takes place in the
//! midst of the other.
//!
//! In the child, what vanished threads had registered (as sleepers, as running) is struck out. Whoever
//! keeps such state is a [`Participant`].

use crate::base::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering, compiler_fence};
use crate::base::deadline::Deadline;
use crate::base::mutex::{Mutex, Raw};
use crate::base::status::Error;
use crate::base::{fence, record, registry, this_thread, wait};
use crate::sys;
use crate::sys::quiet::{Quiet, quiet};
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

/// How many forks that thread is in the midst of, beside the first: in handlers. Touched by it alone.
static NESTED: AtomicU32 = AtomicU32::new(0);

/// How many threads without a record are inside: those whose record has ended, and those that are about to
/// get one. A futex.
static STRAYS: AtomicU32 = AtomicU32::new(0);

/// Whether, and how often, its thread is inside: see above. Written by that thread alone; the futex of the fork
/// that waits for it to get out.
#[derive(Debug)]
pub struct Stays(AtomicU32);

const KNOCKING: u32 = 1;
const ONE: u32 = 2;

impl Stays {
    pub const fn none() -> Stays {
        Stays(AtomicU32::new(0))
    }
}

/// A stay inside the library: ends when it is dropped, on the same thread.
pub struct Inside {
    as_who: As,
    _on_this_thread: PhantomData<*const ()>,
}

enum As {
    Known(&'static Stays),
    /// A thread without a record.
    Stray(#[allow(dead_code, reason = "ends with the stay")] Quiet),
    /// In a model that does not fork.
    Nobody,
}

/// Goes in. Waits outside while the gate is closed.
#[inline]
pub fn enter() -> Inside {
    let as_who = if nobody_forks() {
        As::Nobody
    } else if let Some(record) = this_thread::existing() {
        record.stays.enter();
        As::Known(&record.stays)
    } else {
        As::Stray(enter_as_stray())
    };
    Inside { as_who, _on_this_thread: PhantomData }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        match self.as_who {
            As::Known(stays) => stays.leave(),
            As::Stray(_) => leave_as_stray(),
            As::Nobody => (),
        }
    }
}

impl Stays {
    #[inline]
    fn enter(&self) {
        // Relaxed: its own thread's. A handler that comes between leaves it as it was.
        let before = self.0.load(Ordering::Relaxed);
        if before < ONE {
            self.0.store(KNOCKING, Ordering::Relaxed);
            // The word before the gate; `close` does it in the other order, with a heavy fence.
            fence::light();
            if GATE.load(Ordering::Relaxed) == CLOSED && !is_forking() {
                self.wait_outside();
            }
        }
        self.0.store(before + ONE, Ordering::Relaxed);
        // A handler that comes from here on goes in without a look at the gate, and one that comes before does
        // not find the thread in the middle of anything. The same thread's: nothing but the compiler.
        compiler_fence(Ordering::SeqCst);
    }

    #[inline]
    fn leave(&self) {
        let after = self.0.load(Ordering::Relaxed).wrapping_sub(ONE);
        // Release: what was done inside is seen by the fork that waits for this.
        self.0.store(after, Ordering::Release);
        // As in `enter`: of this thread and a fork, one sees the other.
        fence::light();
        if after == 0 && GATE.load(Ordering::Relaxed) == CLOSED {
            wait::wake_all(&self.0);
        }
    }

    #[cold]
    fn wait_outside(&self) {
        loop {
            // Release: as in `leave`.
            self.0.store(0, Ordering::Release);
            fence::light();
            wait::wake_all(&self.0);
            wait_for_the_gate();
            self.0.store(KNOCKING, Ordering::Relaxed);
            // As in `enter`.
            fence::light();
            if GATE.load(Ordering::Relaxed) == OPEN {
                return;
            }
        }
    }

    /// On its own thread.
    fn is_inside(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= ONE
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
    this_thread::existing().is_some_and(|record| record.stays.is_inside())
}

#[cold]
fn enter_as_stray() -> Quiet {
    loop {
        let quiet = quiet();
        // SeqCst, here and below, as in `close`: of this thread and a fork, one sees the other.
        STRAYS.fetch_add(1, Ordering::SeqCst);
        if GATE.load(Ordering::SeqCst) == OPEN || is_forking() {
            once::begin();
            return quiet;
        }
        count_out();
        drop(quiet);
        wait_for_the_gate();
    }
}

#[cold]
fn leave_as_stray() {
    once::end();
    count_out();
}

fn count_out() {
    if STRAYS.fetch_sub(1, Ordering::SeqCst) == 1 && GATE.load(Ordering::SeqCst) == CLOSED {
        wait::wake_all(&STRAYS);
    }
}

/// A stray that went in once more would wait for the fork that waits for it: no two mutexes are held at once
/// where there may be no record.
mod once {
    #[cfg(all(debug_assertions, not(shuttle)))]
    std::thread_local! {
        static IS_INSIDE: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
    }

    pub fn begin() {
        #[cfg(all(debug_assertions, not(shuttle)))]
        assert!(!IS_INSIDE.replace(true), "a thread without a record goes in twice");
    }

    pub fn end() {
        #[cfg(all(debug_assertions, not(shuttle)))]
        IS_INSIDE.set(false);
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
    sys::thread::number(sys::thread::current())
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

/// Of the unit tests, which share a process: one forks at a time. Else a gate may be another one's.
#[cfg(test)]
pub static ALONE_TO_FORK: std::sync::Mutex<()> = std::sync::Mutex::new(());

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

/// Hands the three handlers to the system, once.
pub fn install() -> Result<(), Error> {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    // AcqRel: one caller installs, and a failure is seen by whoever tries next.
    let begun = INSTALLED.load(Ordering::Acquire) || INSTALLED.swap(true, Ordering::AcqRel);
    if !begun && !sys::fork::install(prepare, parent, child) {
        INSTALLED.store(false, Ordering::Release);
        return Err(Error::NoMemory);
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
    begin();
    registry::before_fork();
    // In a handler, too: what it has interrupted may not have come so far.
    close();
}

fn begin() {
    // No handler comes between the lock and the word for who holds it.
    let _quiet = quiet();
    if is_forking() {
        // In a handler. Relaxed, here and below: one thread's.
        NESTED.fetch_add(1, Ordering::Relaxed);
    } else {
        FORKING.lock();
        FORKER.store(myself(), Ordering::Relaxed);
    }
}

/// Whether the fork that ends was in a handler that came into the midst of another.
fn end_nested() -> bool {
    let nested = NESTED.load(Ordering::Relaxed);
    NESTED.store(nested.saturating_sub(1), Ordering::Relaxed);
    nested > 0
}

pub(super) fn in_parent() {
    // A handler forks before this, or after it.
    let _quiet = quiet();
    if end_nested() {
        return;
    }
    FORKER.store(0, Ordering::Relaxed);
    open();
    FORKING.unlock();
}

pub(super) fn in_child() {
    let _quiet = quiet();
    let nested = end_nested();
    ALONE.store(true, Ordering::Relaxed);
    wait::after_fork_in_child();
    // Who came to the closed gate had said that it was inside, and is gone before it could take that back.
    // Relaxed throughout: there is one thread.
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
    registry::after_fork_in_child();
    let mut next = FIRST.lock().0;
    // SAFETY: the list links statics.
    while let Some(participant) = unsafe { next.as_ref() } {
        (participant.forget)();
        next = participant.next.load(Ordering::Relaxed);
    }
    // Else the handler returns to a fork that is not over.
    if !nested {
        FORKER.store(0, Ordering::Relaxed);
        open();
        FORKING.unlock();
    }
    ALONE.store(false, Ordering::Relaxed);
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::sync::Barrier;

    // Who is inside asks for no memory: so no channels here.
    #[test]
    fn a_fork_waits_for_who_is_inside_and_holds_up_who_wants_in() {
        let _alone = ALONE_TO_FORK.lock();
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

    /// What it exits with, after ten seconds at the most.
    #[cfg(not(parking))]
    fn exit_of_child(child: impl FnOnce()) -> i32 {
        // SAFETY: the child does what a signal handler may, and ends.
        unsafe {
            let id = libc::fork();
            if id == 0 {
                libc::alarm(10);
                child();
                libc::_exit(0);
            }
            let mut status = -1;
            while libc::waitpid(id, &mut status, 0) == -1 {}
            status
        }
    }

    #[test]
    fn a_handler_that_interrupts_a_knock_waits_outside_for_both() {
        let _alone = ALONE_TO_FORK.lock();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let stays = &this_thread::current().unwrap().stays;
                stays.0.store(KNOCKING, Ordering::SeqCst);
                let forker = std::thread::spawn(|| {
                    before();
                    in_parent();
                });
                while GATE.load(Ordering::SeqCst) == OPEN {
                    std::thread::yield_now();
                }
                // In the handler.
                let stay = enter();
                let seen = (GATE.load(Ordering::SeqCst), stays.0.load(Ordering::SeqCst));
                drop(stay);
                assert_eq!(seen, (OPEN, ONE + KNOCKING));
                assert_eq!(stays.0.swap(0, Ordering::SeqCst), KNOCKING);
                forker.join().unwrap();
            });
        });
    }

    // The other engine promises nothing to handlers.
    #[cfg(not(parking))]
    #[test]
    fn a_fork_in_the_midst_of_another_takes_place() {
        let _alone = ALONE_TO_FORK.lock();
        let end = |how: fn()| {
            drop(enter());
            how();
            assert!(!is_forking());
            drop(FIRST.lock());
        };
        before();
        // In a handler; the child returns to the fork that was interrupted, and forks once more.
        assert_eq!(exit_of_child(|| end(in_parent)), 0);
        assert_eq!(exit_of_child(|| end(in_child)), 0);
        assert!(is_forking());
        end(in_parent);
        assert_eq!(exit_of_child(|| drop(FIRST.lock())), 0);
    }

    #[cfg(not(parking))]
    #[test]
    fn no_handler_comes_while_a_thread_without_a_record_is_inside() {
        let _alone = ALONE_TO_FORK.lock();
        static FORKS: AtomicU32 = AtomicU32::new(0);
        extern "C" fn forks(_: libc::c_int) {
            if exit_of_child(|| drop(FIRST.lock())) == 0 {
                FORKS.fetch_add(1, Ordering::SeqCst);
            }
        }
        std::thread::spawn(|| {
            // SAFETY: a handler that does what one may; a signal for the calling thread.
            let kill = |signum| unsafe {
                libc::signal(signum, forks as *const () as libc::sighandler_t);
                libc::pthread_kill(libc::pthread_self(), signum);
            };
            assert!(this_thread::existing().is_none());
            let stay = enter();
            kill(libc::SIGUSR2);
            assert_eq!(FORKS.load(Ordering::SeqCst), 0);
            drop(stay);
            assert_eq!(FORKS.load(Ordering::SeqCst), 1);
            kill(libc::SIGUSR2);
            assert_eq!(FORKS.load(Ordering::SeqCst), 2);
        })
        .join()
        .unwrap();
    }
}
