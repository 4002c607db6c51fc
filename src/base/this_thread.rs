//! The calling thread's record, found through a thread-specific value: a word of thread-local storage where
//! there is one, beside a key of the C library, whose destructor tells the end of the thread.
//!
//! A record is made when the library starts a thread, or when a foreign thread first needs one, and
//! ends in the destructor of the thread-specific value, which puts itself off to the last round so
//! that the user's destructors run before it, whichever way the thread ends. The main thread's record
//! is static: it can be interrupted before it has ever called the library.

use crate::base::atomic::{self, AtomicBool, AtomicPtr, Ordering};
use crate::base::errno::Errno;
use crate::base::handle::Object;
use crate::base::note::Note;
use crate::base::record::{Record, Role, Round};
use crate::base::status::Error;
use crate::base::{fence, fork, registry, wait};
use crate::sys::{at_load, own, race, thread};
use core::ffi::c_void;
use core::ptr;

/// The record of the process's first thread, and whose record is the main thread's now: in a forked
/// child, that of the thread that forked.
static FIRST_THREAD: Record = Record::new(registry::FIRST_IDENT);
static MAIN: AtomicPtr<Record> = AtomicPtr::new((&raw const FIRST_THREAD).cast_mut());

/// What the thread-specific value says of the calling thread.
enum Known {
    /// Nothing: a foreign thread that has not needed a record, or the main one.
    Not,
    /// As above, but that a call has failed which made no record.
    Noted(Note),
    As(&'static Record),
    /// The record has ended, in the last round; this was its ident.
    Ended(u64),
}

/// What tells the values from each other that are no records.
const ENDED: usize = 1;
const NOTED: usize = 2;

impl Known {
    fn of(value: *mut c_void) -> Known {
        match value.addr() {
            0 => Known::Not,
            // Records are aligned, so what has one of the two lowest bits is none.
            odd if odd & ENDED != 0 => Known::Ended((odd >> 1) as u64),
            noted if noted & NOTED != 0 => Known::Noted(Note::from_bits(noted >> 2)),
            // SAFETY: the other values of the key are records, which are never unmapped.
            _ => Known::As(unsafe { &*value.cast::<Record>() }),
        }
    }

    /// An ident that does not fit, of a process of 32 bits that has had two thousand million threads, is told as 0:
    /// none, and not another thread's.
    fn ended(ident: u64) -> *mut c_void {
        let fits = usize::try_from(ident).ok().filter(|ident| ident.leading_zeros() > 0);
        ptr::without_provenance_mut(fits.unwrap_or(0) << 1 | ENDED)
    }

    fn noted(note: Note) -> *mut c_void {
        const { assert!(Note::BITS + 2 <= usize::BITS) };
        ptr::without_provenance_mut(note.bits() << 2 | NOTED)
    }

    /// What was noted.
    fn error(self) -> Option<(&'static &'static str, Error)> {
        match self {
            Known::Noted(note) => note.read(),
            _ => None,
        }
    }

    /// Async-signal-safe.
    #[inline]
    fn now() -> Known {
        #[cfg(shuttle)]
        if let Some(value) = crate::base::model::value() {
            return Known::of(value);
        }
        Known::of(own::get())
    }
}

/// The record of the calling thread, made now if there is none. None without memory for it, and for a
/// thread whose record has ended.
pub fn current() -> Option<&'static Record> {
    match Known::now() {
        Known::Not | Known::Noted(_) => attach(),
        Known::As(record) => Some(record),
        Known::Ended(_) => None,
    }
}

/// The record of the calling thread, if it has one. Async-signal-safe.
pub fn existing() -> Option<&'static Record> {
    match Known::now() {
        Known::As(record) => Some(record),
        _ => None,
    }
}

/// The ident of the calling thread, to its very end; 0 without memory for a record.
pub fn ident() -> u64 {
    match Known::now() {
        Known::Ended(ident) => ident,
        _ => current().map_or(0, Record::ident),
    }
}

/// The same, and 0 for a thread that has, and had, no record. Async-signal-safe.
pub fn latest_ident() -> u64 {
    match Known::now() {
        Known::As(record) => record.ident(),
        Known::Ended(ident) => ident,
        Known::Not | Known::Noted(_) => 0,
    }
}

/// The same as `ident`, if it was told to somebody before.
#[inline]
pub fn told_ident_before() -> Option<u64> {
    existing().filter(|record| record.interrupt.is_expected()).map(Record::ident)
}

/// The same as `ident`, for somebody who may interrupt the thread by it.
pub fn told_ident() -> u64 {
    if let Some(record) = existing() {
        record.interrupt.expect();
        return record.ident();
    }
    let ident = ident();
    if let Some(record) = existing() {
        record.interrupt.expect();
    }
    ident
}

#[cold]
fn attach() -> Option<&'static Record> {
    let _errno = Errno::keep();
    prepare().ok()?;
    fence::prepare();
    let record = if on_first_thread() {
        registry::add(&FIRST_THREAD);
        &FIRST_THREAD
    } else {
        Record::take(Role::Foreign).ok()?
    };
    // Of two failed calls the later one counts: a handler that comes between here and `adopt` is lost.
    let noted = Known::now();
    if !record.adopt() {
        record.end();
        return None;
    }
    if let Some((function, error)) = noted.error() {
        record.own().last_error.remember(function, error);
    }
    Some(record)
}

/// Keeps an error for a thread that has no record. Async-signal-safe.
pub fn leave_note(note: Note) {
    if matches!(Known::now(), Known::Not | Known::Noted(_)) {
        set_in_handler(Known::noted(note));
    }
}

/// Sets the thread's value as far as that is async-signal-safe: nothing is to be done with it at the end of the
/// thread. Where it is not, the value is forgotten.
fn set_in_handler(value: *mut c_void) {
    #[cfg(shuttle)]
    if crate::base::model::set_value(value, thread_ended) {
        return;
    }
    own::set_in_handler(value);
}

impl Record {
    /// Makes this the calling thread's record. False if the C library has no memory for it: then the
    /// caller ends the record itself.
    pub fn adopt(&'static self) -> bool {
        self.native_id.store(native_id(), Ordering::Relaxed);
        self.known_as(myself());
        set_value(ptr::from_ref(self).cast())
    }
}

/// Sets the thread-specific value. False if the C library has no memory for it.
fn set_value(value: *const c_void) -> bool {
    #[cfg(shuttle)]
    if crate::base::model::set_value(value, thread_ended) {
        return true;
    }
    prepare().is_ok() && own::set(value.cast_mut())
}

// So of all handlers of forks ours run last before a fork and first in the child, and those of the user may use
// the library.
at_load!(load);

fn load() {
    // Where the first thread has ended and the last of the others asks, that stands for the first.
    if thread::is_alone() || on_first_thread() {
        // So that others can name it before its first call. Its native id is known without (`main_native_id`).
        FIRST_THREAD.known_as(myself());
    }
    // Without memory now, the first thread that needs it tries again.
    let _ = prepare();
}

/// The record that stands for the main thread.
pub fn main_record() -> &'static Record {
    // Relaxed: who must not miss a change uses `with_main`.
    main_of(MAIN.load(Ordering::Relaxed))
}

fn main_of(main: *mut Record) -> &'static Record {
    // SAFETY: it always points to a record, and these are never unmapped.
    unsafe { &*main }
}

/// Does something to the main thread's record, and again if another thread has become the main one meanwhile.
pub fn with_main(f: impl Fn(&'static Record)) {
    loop {
        let main = main_record();
        f(main);
        // SeqCst: of this and `adopt_main`, one sees what the other has done.
        atomic::fence(Ordering::SeqCst);
        if ptr::eq(main, main_record()) {
            return;
        }
    }
}

/// Makes the calling thread the main thread. What is pending for the one that was moves over.
pub fn adopt_main() -> Result<(), Error> {
    let record = current().ok_or(Error::NoMemory)?;
    if record.role() == Role::Service || !record.own().pool.get().is_null() {
        return Err(Error::ServesTheLibrary);
    }
    if record.is_main() {
        return Ok(());
    }
    record.own().was_main.set(true);
    let former = main_of(MAIN.swap(ptr::from_ref(record).cast_mut(), Ordering::AcqRel));
    // SeqCst: as in `with_main`.
    atomic::fence(Ordering::SeqCst);
    former.interrupt.hand_over(&record.interrupt);
    Ok(())
}

/// The native id of the main thread, also before its first call.
pub fn main_native_id() -> i64 {
    let main = main_record();
    match main.native_id() {
        0 if ptr::eq(main, &FIRST_THREAD) => thread::first_native_id(),
        id => id,
    }
}

/// The record of the process's first thread.
pub(super) fn first_record() -> &'static Record {
    &FIRST_THREAD
}

/// Whether the thread that forks is the main thread, without a record so far. Relaxed: the fork orders it.
static FORKED_BY_MAIN: AtomicBool = AtomicBool::new(false);

/// On the thread that is about to fork.
pub(super) fn note_forker() {
    FORKED_BY_MAIN.store(existing().is_none() && on_first_thread(), Ordering::Relaxed);
}

/// In a forked child: the calling thread is the main thread from now on.
pub(super) fn become_main() {
    let record = existing().unwrap_or_else(|| {
        let same = FORKED_BY_MAIN.load(Ordering::Relaxed) && ptr::eq(main_record(), &FIRST_THREAD);
        // What stood for another main thread is that one's: its values, its name.
        if !same {
            FIRST_THREAD.reset();
            // Without its destructor: a forked child frees nothing.
            core::mem::forget(FIRST_THREAD.name.take());
            FIRST_THREAD.begin(Role::Foreign);
        }
        &FIRST_THREAD
    });
    record.interrupt.clear();
    #[cfg(not(parking))]
    record.interrupt.end_sleep();
    record.native_id.store(native_id(), Ordering::Relaxed);
    record.known_as(myself());
    // A started thread that forks is no longer one of those that are counted.
    record.play(Role::Foreign);
    record.own().on_end.set(None);
    record.own().on_gone.set(None);
    record.own().pool.set(ptr::null_mut());
    record.joinable.store(ptr::null_mut(), Ordering::Relaxed);
    record.own().was_main.set(true);
    MAIN.store(ptr::from_ref(record).cast_mut(), Ordering::Relaxed);
}

/// Sees to it that the ends of threads are told, and that forks are taken part in.
pub(super) fn prepare() -> Result<(), Error> {
    fork::install()?;
    wait::prepare();
    if own::prepare(destroy) { Ok(()) } else { Err(Error::NoMemory) }
}

/// The end of a thread whose value this was.
unsafe extern "C-unwind" fn destroy(value: *mut c_void) {
    thread_ended(value);
}

/// Puts itself off until the last round, then ends the record.
fn thread_ended(value: *mut c_void) {
    let Known::As(record) = Known::of(value) else {
        // Keeps the ident, or the error, for the destructors that still run. Under Miri they run until no value is left.
        if !cfg!(miri) {
            set_value(value);
        }
        return;
    };
    record.own().rounds.set(record.own().rounds.get() + 1);
    // The C library has cleared the value: the destructors that run now find it again.
    let kept = set_value(ptr::from_ref(record).cast());
    let on_round = record.own().on_round.get();
    let wanted = on_round.is_some_and(|on_round| on_round(record, Round::OneMore));
    // A foreign thread's record may have been made in a late round: it does not count on a later one.
    let rounds = own::ROUNDS - race::last_rounds();
    let last = !kept || record.own().rounds.get() >= rounds || record.role() == Role::Foreign && !wanted;
    if last {
        on_round.map(|on_round| on_round(record, Round::Over));
        set_value(Known::ended(record.ident()));
        record.end();
    }
}

/// The system's name of the calling thread.
fn myself() -> usize {
    thread::number(thread::current())
}

pub fn native_id() -> i64 {
    thread::native_id()
}

fn on_first_thread() -> bool {
    // A model's threads may all be on it, and none of them is it.
    #[cfg(shuttle)]
    if crate::base::model::inside() {
        return false;
    }
    thread::is_first()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ident_of_an_ended_thread_is_its_own_or_none() {
        let most = u64::try_from(usize::MAX >> 1).unwrap();
        for (ident, told) in [(1, 1), (most, most), (most + 1, 0), (u64::MAX, 0)] {
            assert!(matches!(Known::of(Known::ended(ident)), Known::Ended(is) if is == told));
        }
    }
}
