//! The registry: every thread that has a record, in a list.

use crate::base::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::base::mutex::{Guard, Mutex};
use crate::base::record::{Record, Role};
use crate::base::this_thread;
use core::ptr;

/// The first record of the list.
pub struct List(*const Record);

// SAFETY: leads to records, which are Sync; their links change only under the mutex.
unsafe impl Send for List {}

static LIST: Mutex<List> = Mutex::new(List(ptr::null()));

/// How many threads the library started that still run.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// The first thread's ident is 1.
pub(super) const FIRST_IDENT: u64 = 1;
static NEXT_IDENT: AtomicU64 = AtomicU64::new(FIRST_IDENT + 1);
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

pub(super) fn next_ident() -> u64 {
    // Relaxed, here and below: only that each value is given once matters.
    NEXT_IDENT.fetch_add(1, Ordering::Relaxed)
}

/// How many threads started by the library still run.
pub fn running() -> usize {
    // Relaxed: a count; who waits for it to fall synchronises with the thread by other means.
    RUNNING.load(Ordering::Relaxed)
}

/// How many threads are found by their ident without a walk; with more of them, those whose place another has taken are
/// not.
const PLACES: usize = if cfg!(any(shuttle, miri)) { 4 } else { 1 << 14 };

/// Who is in the list, by ident: whoever came last to a place has it.
static BY_IDENT: [AtomicPtr<Record>; PLACES] = [const { AtomicPtr::new(ptr::null_mut()) }; PLACES];

fn place_of(ident: u64) -> &'static AtomicPtr<Record> {
    let [first, ..] = &BY_IDENT;
    BY_IDENT.get(ident as usize % PLACES).unwrap_or(first)
}

/// The record of the thread with this ident, if it is in its place. Without a lock: it may end meanwhile.
/// Async-signal-safe.
pub fn in_place(ident: u64) -> Option<&'static Record> {
    // Acquire: pairs with `add`: all that was written before others could find the record. SAFETY: records are never
    // unmapped.
    let record = unsafe { place_of(ident).load(Ordering::Acquire).as_ref() }?;
    (record.ident() == ident && !vanished(ident)).then_some(record)
}

/// How many forks lie between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

pub fn forks() -> u32 {
    // Relaxed: changes only in a forked child, while that has one thread.
    FORKS.load(Ordering::Relaxed)
}

/// The idents below this are of threads that a fork has left behind, but for the one that forked.
static FIRST_OF_PROCESS: AtomicU64 = AtomicU64::new(0);

/// Whether the thread with this ident is of another process: that which was forked.
pub fn vanished(ident: u64) -> bool {
    ident < FIRST_OF_PROCESS.load(Ordering::Relaxed) && ident != FORKER.load(Ordering::Relaxed)
}

/// The ident of the thread that forked.
static FORKER: AtomicU64 = AtomicU64::new(0);

/// The list, locked: names are read and written, and other threads' records looked at, under it.
pub fn lock() -> Guard<'static, List> {
    LIST.lock()
}

/// The same, if it is not locked just now.
pub fn try_lock() -> Option<Guard<'static, List>> {
    LIST.try_lock()
}

impl List {
    /// The records of all threads, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &'static Record> {
        // SAFETY: records are never unmapped, and the list is locked as long as `self` is borrowed.
        let follow = |record: *const Record| unsafe { record.as_ref() };
        core::iter::successors(follow(self.0), move |record| follow(record.next.get()))
    }

    /// The record of the living thread with this ident.
    pub fn find(&self, ident: u64) -> Option<&'static Record> {
        // The main thread need not be in the list: it may never have called the library.
        let main = this_thread::main_record();
        let found = in_place(ident).or_else(|| self.iter().find(|record| record.ident() == ident));
        found.or((main.ident() == ident).then_some(main))
    }
}

pub(super) fn add(record: &'static Record) {
    if record.role() == Role::Started {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        record.number.store(NEXT_NUMBER.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }
    let mut list = LIST.lock();
    record.previous.set(ptr::null());
    record.next.set(list.0);
    // SAFETY: records are never unmapped.
    if let Some(next) = unsafe { list.0.as_ref() } {
        next.previous.set(record);
    }
    list.0 = record;
    // Release: pairs with `in_place`.
    place_of(record.ident()).store(ptr::from_ref(record).cast_mut(), Ordering::Release);
}

pub(super) fn remove(record: &'static Record) {
    let mut list = LIST.lock();
    // SAFETY: records are never unmapped; the list is locked.
    unsafe {
        match record.previous.get().as_ref() {
            Some(previous) => previous.next.set(record.next.get()),
            None if ptr::eq(list.0, record) => list.0 = record.next.get(),
            None => return,
        }
        let (own, gone) = (ptr::from_ref(record).cast_mut(), ptr::null_mut());
        // Relaxed: what was there is not looked at. On failure another thread has the place.
        let place = place_of(record.ident());
        let _ = place.compare_exchange(own, gone, Ordering::Relaxed, Ordering::Relaxed);
        if let Some(next) = record.next.get().as_ref() {
            next.previous.set(record.previous.get());
        }
    }
    record.previous.set(ptr::null());
    record.next.set(ptr::null());
    if record.role() == Role::Started {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// On the thread that is about to fork.
pub(super) fn before_fork() {
    this_thread::note_forker();
}

/// The forking thread is main and alone.
pub(super) fn after_fork_in_child() {
    this_thread::become_main();
    FORKS.fetch_add(1, Ordering::Relaxed);
    FIRST_OF_PROCESS.store(NEXT_IDENT.load(Ordering::Relaxed), Ordering::Relaxed);
    RUNNING.store(0, Ordering::Relaxed);
    let main = this_thread::main_record();
    FORKER.store(main.ident(), Ordering::Relaxed);
    let mut list = LIST.lock();
    main.previous.set(ptr::null());
    main.next.set(ptr::null());
    // A thread without a record comes into the list when it gets one.
    list.0 = this_thread::existing().map_or(ptr::null(), ptr::from_ref);
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread::scope;

    #[test]
    fn who_has_lost_its_place_to_another_is_found_all_the_same() {
        let found = |ident| lock().find(ident).map(Record::ident);
        let (ready, idents) = channel();
        scope(|threads| {
            let begin = || {
                let (stay, leave) = channel::<()>();
                let ready = ready.clone();
                let thread = threads.spawn(move || {
                    ready.send(this_thread::current().unwrap().ident()).unwrap();
                    // Until the other end is dropped.
                    let _ = leave.recv();
                });
                (idents.recv().unwrap(), stay, thread)
            };
            let (first, _stay, _thread) = begin();
            assert_eq!(in_place(first).map(Record::ident), Some(first));
            loop {
                // Other tests start threads too.
                while (next_ident() + 1 - first) % PLACES as u64 != 0 {}
                let (other, stay, thread) = begin();
                let same = (other - first) % PLACES as u64 == 0;
                if same {
                    assert!(in_place(first).is_none());
                    assert_eq!((found(first), found(other)), (Some(first), Some(other)));
                }
                drop(stay);
                thread.join().unwrap();
                if same {
                    assert!(in_place(other).is_none() && found(other).is_none());
                    assert_eq!(found(first), Some(first));
                    break;
                }
            }
        });
    }
}
