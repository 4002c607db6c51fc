//! The wait engine for every platform that is not Linux, and for Linux on demand: a parking lot.
//!
//! Threads that sleep stand in one of a few lists, chosen by the address of their word; the list's
//! mutex makes check-and-sleep one step. An interrupter must know where its target sleeps, so the
//! target writes that down, under the mutex, before it looks at its interrupt: either it sees the
//! interrupt, or the interrupter sees the place.
//!
//! Not parking_lot_core, which does not take part in forks (a child finds its table full of threads
//! that are gone, and sometimes locked) and ends the process when it gets no memory. This one needs
//! none: a sleeper's entry is on its own stack. Unlike a futex, it takes locks: here nothing that wakes
//! is async-signal-safe.

use super::Wake;
use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::Deadline;
use crate::base::interrupt::Interrupt;
use crate::sys::cancellation;
use crate::sys::clock::timespec;
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ptr;

/// Whether a signal handler may wake a thread: no, it would lock.
pub const WAKES_IN_HANDLERS: bool = false;

/// How many lists there are: a power of two.
const BUCKETS: usize = 64;

/// One list of sleepers, the longest asleep first.
#[repr(align(64))]
struct Bucket {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    /// Under the mutex, like what it leads to.
    first: Cell<*const Sleeper>,
}

// SAFETY: a pthread mutex is made to be shared, and the rest is touched under it alone.
unsafe impl Sync for Bucket {}

static BUCKETS_OF_ALL: [Bucket; BUCKETS] = [const {
    Bucket { mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER), first: Cell::new(ptr::null()) }
}; BUCKETS];

/// A thread that sleeps: lives on its stack, and is in the list until it is woken or leaves.
struct Sleeper {
    place: usize,
    /// The interrupt that it can be woken by, or NULL.
    interrupt: *const Interrupt,
    /// What woke it; None while it is in the list.
    wake: Cell<Option<Wake>>,
    next: Cell<*const Sleeper>,
    condition: UnsafeCell<MaybeUninit<libc::pthread_cond_t>>,
}

impl Bucket {
    fn of(place: usize) -> &'static Bucket {
        // The words of two objects lie at least 64 bytes apart.
        let index = (place >> 6 ^ place >> 12) % BUCKETS;
        let [first, ..] = &BUCKETS_OF_ALL;
        BUCKETS_OF_ALL.get(index).unwrap_or(first)
    }

    fn lock(&self) {
        // SAFETY: an initialised mutex, that this thread does not hold.
        unsafe { libc::pthread_mutex_lock(self.mutex.get()) };
    }

    fn unlock(&self) {
        // SAFETY: this thread holds it, or its image did before a fork.
        unsafe { libc::pthread_mutex_unlock(self.mutex.get()) };
    }

    /// The sleepers. The caller holds the mutex, and takes none out but the one it has just seen.
    fn sleepers(&self) -> impl Iterator<Item = &Sleeper> {
        // SAFETY: a sleeper's stack stays while it is in the list, which is as long as the mutex is held.
        let follow = |sleeper: *const Sleeper| unsafe { sleeper.as_ref() };
        let mut next = follow(self.first.get());
        core::iter::from_fn(move || {
            let sleeper = next?;
            next = follow(sleeper.next.get());
            Some(sleeper)
        })
    }

    /// Puts a sleeper at the end. The caller holds the mutex.
    fn append(&self, sleeper: &Sleeper) {
        match self.sleepers().last() {
            Some(last) => last.next.set(sleeper),
            None => self.first.set(sleeper),
        }
    }

    /// Takes a sleeper out. The caller holds the mutex.
    fn remove(&self, sleeper: &Sleeper) {
        match self.sleepers().find(|before| ptr::eq(before.next.get(), sleeper)) {
            Some(before) => before.next.set(sleeper.next.get()),
            None => self.first.set(sleeper.next.get()),
        }
    }

    /// Takes a sleeper out and wakes it. The caller holds the mutex.
    fn release(&self, sleeper: &Sleeper, wake: Wake) {
        self.remove(sleeper);
        sleeper.wake.set(Some(wake));
        // SAFETY: initialised by the sleeper, who needs the mutex to leave.
        unsafe { libc::pthread_cond_signal(sleeper.condition.get().cast()) };
    }
}

pub(super) fn wait(
    word: &AtomicU32,
    expected: u32,
    deadline: Deadline,
    interrupt: Option<&Interrupt>,
) -> Wake {
    let place = word.as_ptr() as usize;
    let sleeper = Sleeper {
        place,
        interrupt: interrupt.map_or(ptr::null(), ptr::from_ref),
        wake: Cell::new(None),
        next: Cell::new(ptr::null()),
        condition: UnsafeCell::new(MaybeUninit::uninit()),
    };
    let bucket = Bucket::of(place);
    bucket.lock();
    if let Some(interrupt) = interrupt {
        interrupt.lie_down(place);
    }
    // Relaxed: whoever changes the word wakes after it, and so takes the mutex that is held here.
    let wake = if word.load(Ordering::Relaxed) != expected {
        Wake::Changed
    } else if interrupt.is_some_and(Interrupt::pending) {
        Wake::Interrupted
    } else {
        sleep(bucket, &sleeper, deadline)
    };
    if let Some(interrupt) = interrupt {
        interrupt.get_up();
    }
    bucket.unlock();
    wake
}

/// Sleeps until woken or until the deadline. The caller holds the mutex.
fn sleep(bucket: &Bucket, sleeper: &Sleeper, deadline: Deadline) -> Wake {
    let condition: *mut libc::pthread_cond_t = sleeper.condition.get().cast();
    // SAFETY: the condition is initialised before it is used and destroyed when nobody uses it: out of
    // the list, and with the mutex held.
    unsafe {
        initialise(condition);
        bucket.append(sleeper);
        let wake = loop {
            if let Some(wake) = sleeper.wake.get() {
                break wake;
            }
            if deadline.passed() {
                bucket.remove(sleeper);
                break Wake::TimedOut;
            }
            // Else a cancelled thread would leave its stack, and with it the list's entry.
            cancellation::put_off(|| wait_until(condition, bucket.mutex.get(), deadline));
        };
        libc::pthread_cond_destroy(condition);
        wake
    }
}

pub(super) fn wake(word: *const AtomicU32, n: u32) -> u32 {
    let place = word.addr();
    let bucket = Bucket::of(place);
    bucket.lock();
    let mut woken = 0;
    for sleeper in bucket.sleepers().filter(|sleeper| sleeper.place == place).take(n as usize) {
        bucket.release(sleeper, Wake::Woken);
        woken += 1;
    }
    bucket.unlock();
    woken
}

pub(super) fn interrupt(interrupt: &Interrupt) {
    let Some(place) = interrupt.place().filter(|_| interrupt.pending()) else { return };
    let bucket = Bucket::of(place);
    bucket.lock();
    if let Some(sleeper) = bucket.sleepers().find(|sleeper| ptr::eq(sleeper.interrupt, interrupt)) {
        bucket.release(sleeper, Wake::Interrupted);
    }
    bucket.unlock();
}

pub(super) fn before_fork() {
    BUCKETS_OF_ALL.iter().for_each(Bucket::lock);
}

pub(super) fn after_fork_in_parent() {
    BUCKETS_OF_ALL.iter().for_each(Bucket::unlock);
}

/// Whoever slept is gone.
pub(super) fn after_fork_in_child() {
    for bucket in &BUCKETS_OF_ALL {
        bucket.first.set(ptr::null());
        bucket.unlock();
    }
}

/// Initialises a condition whose clock is that of the deadlines, where it can be chosen.
///
/// # Safety
/// Valid to write a condition to.
unsafe fn initialise(condition: *mut libc::pthread_cond_t) {
    let mut attributes = MaybeUninit::<libc::pthread_condattr_t>::uninit();
    // SAFETY: the attributes are initialised before they are used.
    unsafe {
        libc::pthread_condattr_init(attributes.as_mut_ptr());
        #[cfg(not(target_vendor = "apple"))]
        libc::pthread_condattr_setclock(attributes.as_mut_ptr(), libc::CLOCK_MONOTONIC);
        libc::pthread_cond_init(condition, attributes.as_ptr());
        libc::pthread_condattr_destroy(attributes.as_mut_ptr());
    }
}

/// Waits for the condition, or until the deadline, or for no reason.
///
/// # Safety
/// An initialised condition, and its mutex, held.
unsafe fn wait_until(
    condition: *mut libc::pthread_cond_t,
    mutex: *mut libc::pthread_mutex_t,
    deadline: Deadline,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        match deadline {
            Deadline::Never => libc::pthread_cond_wait(condition, mutex),
            #[cfg(not(target_vendor = "apple"))]
            Deadline::At(ns) => libc::pthread_cond_timedwait(condition, mutex, &timespec(ns)),
            #[cfg(target_vendor = "apple")]
            Deadline::At(ns) => {
                let rest = ns.saturating_sub(crate::base::deadline::now());
                libc::pthread_cond_timedwait_relative_np(condition, mutex, &timespec(rest))
            }
        };
    }
}
