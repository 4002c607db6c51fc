//! Watches: what tells an event loop that a case of a select has become possible.
//!
//! A watch stands in the lists of `base::watchers` by its notice (`base::notice`), as long as it is not freed; and who
//! makes the case possible sees to that. With a descriptor he writes it himself. For a callback he puts the notice into
//! the line of one thread of the library's, and wakes that: so a release never blocks, and signal handlers may do it.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | `Armed` | it may not be possible | what makes it so, with a descriptor: `Readable`; with a callback: `InLine`; the object's free, or a fork in the child: `Dead` |
//! | `Readable` | the descriptor is | who finds it not possible: `Armed` |
//! | `InLine` | its callback is to be called | the thread, which finds it possible: `Calling`; or not: `Armed` |
//! | `Calling` | `ready` runs | its end: `Armed`; its end, if something has happened meanwhile: `InLine` |
//! | `Dead` | it will not be possible again | the free of the watch: `Freed` |
//! | `Freed` | it is out of the list: nobody tells it | |
//!
//! The free of the watch leads there from everywhere; the slot goes back once nobody is at it.
//!
//! A free waits for a `ready` that runs, and is not interrupted; from that itself it does not wait, and the thread gives
//! the slot back after it. What is only in line is not waited for, as others' callbacks may run before: that thread finds
//! it freed.

use crate::base::arena::{Arena, Kept, Resident};
use crate::base::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Deadline;
use crate::base::fork::Participant;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::notice::{News, Notice, Way};
use crate::base::status::Error;
use crate::base::unwind::{self, Function};
use crate::base::waiting::{Verb, What};
use crate::base::watchers::Watcher;
use crate::base::{race, this_thread, wait};
use crate::exec::case::Case;
use crate::sys::quiet::quiet;
use crate::sys::readable::Readable;
use crate::thread::excepthook;
#[cfg(shuttle)]
use crate::thread::service::Modelled;
use crate::thread::service::{Attendance, Duty, Service};
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_void};
use core::ptr;

/// What a watch has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Watch {
    notice: Notice,
    /// In the list until the free.
    entry: Kept<UnsafeCell<Option<Watcher>>>,
    /// These three are set while nobody else knows the handle.
    case: Cell<Option<Case>>,
    call: Cell<Option<(Function, *mut c_void)>>,
    descriptor: Cell<Option<Readable>>,
    /// The residence of a freed watch, for the thread that gives the slot back.
    left: AtomicPtr<()>,
}

// SAFETY: the cells change while nobody else knows the handle; the entry is under the lock of its list.
unsafe impl Sync for Watch {}

impl Object for Watch {
    const KIND: Kind = Kind::Watcher;

    fn arena() -> &'static Arena<Watch> {
        &WATCHES
    }

    fn blank() -> Watch {
        Watch {
            notice: Notice::blank(),
            entry: Kept(UnsafeCell::new(None)),
            case: Cell::new(None),
            call: Cell::new(None),
            descriptor: Cell::new(None),
            left: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn reset(&self) {
        self.notice.reset();
        self.case.set(None);
        self.call.set(None);
        self.descriptor.set(None);
        // Relaxed: nobody else has it.
        self.left.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Nobody is at it, and it is in no list.
    fn forget(&self, _word: &AtomicU64) {
        self.notice.forget();
    }
}

static WATCHES: Arena<Watch> = Arena::new();

impl Watch {
    fn of(notice: &'static Notice) -> &'static Watch {
        // SAFETY: `begin` gave it, for a slot, which is never unmapped.
        unsafe { &*notice.owner().cast::<Watch>() }
    }

    /// Not in a child that was forked since it was made.
    fn is_of_this_process(&self) -> bool {
        self.entry().is_some_and(Watcher::is_valid)
    }

    fn entry(&self) -> Option<&Watcher> {
        // SAFETY: changes only while nobody else knows the handle.
        unsafe { (*self.entry.get()).as_ref() }
    }
}

/// A watch that calls `ready`.
pub fn watch(case: Case, ready: Function, argument: *mut c_void) -> Result<Handle<Watch>, Error> {
    PARTICIPANT.join();
    LINE.service.ensure(&DUTY, 0)?;
    begin(case, &LATER, Some((ready, argument)), None)
}

/// A watch with a descriptor.
pub fn watch_fd(case: Case) -> Result<(Handle<Watch>, c_int), Error> {
    let readable = Readable::new().map_err(|errno| match errno {
        0 => Error::NotHere,
        errno => Error::NoDescriptor(errno),
    })?;
    begin(case, &AT_ONCE, None, Some(readable)).map(|watch| (watch, readable.fd()))
}

/// The descriptor is the watch's, or closed.
fn begin(
    case: Case,
    way: &'static Way,
    call: Option<(Function, *mut c_void)>,
    descriptor: Option<Readable>,
) -> Result<Handle<Watch>, Error> {
    let (key, side) = case.key();
    let made = Handle::make(0, |watch: &Watch| {
        watch.case.set(Some(case));
        watch.call.set(call);
        watch.descriptor.set(descriptor);
    });
    let handle = made.inspect_err(|_| descriptor.into_iter().for_each(Readable::close))?;
    // SAFETY: made above, and nobody else knows the handle.
    let watch: &'static Watch = unsafe { handle.body() };
    race::before(&raw const watch.call);
    watch.notice.begin(way, ptr::from_ref(watch).cast());
    // SAFETY: as above; it was in no list since the last free.
    let entry = unsafe { (*watch.entry.get()).insert(Watcher::by_notice(key, side, &watch.notice)) };
    // SAFETY: in a slot, and taken out by the free.
    unsafe { entry.enter(&quiet()) };
    if let Err(error) = case.be_watched() {
        handle.free()?;
        return Err(error);
    }
    if case.is_possible() && watch.notice.hear(News::New) {
        watch.notice.see_to();
        watch.notice.unpin();
    }
    Ok(handle)
}

impl Handle<Watch> {
    /// Ends the watch: after that nothing is called, nor written.
    pub fn free(self) -> Result<(), Error> {
        let watch = self.end(|_, _| Ok(()))?;
        let block = Block::uninterruptible(What::of(Verb::Cancel, self));
        watch.notice.retire(LINE.is_served_here(), &block);
        race::after(&raw const watch.left);
        if let Some(entry) = watch.entry() {
            entry.leave(&quiet());
        }
        watch.descriptor.get().into_iter().for_each(Readable::close);
        let raw = watch.stay().into_raw();
        // SAFETY: not released yet.
        let watch = unsafe { Resident::<Watch>::peek(raw) };
        // Relaxed: published by the notice.
        watch.left.store(raw.cast_mut(), Ordering::Relaxed);
        if !watch.notice.leave() {
            // SAFETY: from above, and left to nobody.
            drop(unsafe { Resident::<Watch>::from_raw(raw) });
        }
        Ok(())
    }
}

/// With a descriptor.
static AT_ONCE: Way = Way { see_to: write, minds_lulls: true };

/// With a callback.
static LATER: Way = Way { see_to: stand_in_line, minds_lulls: false };

/// Makes the descriptor say what was last told. Async-signal-safe.
fn write(notice: &'static Notice) {
    let watch = Watch::of(notice);
    let Some(readable) = watch.descriptor.get() else { return };
    loop {
        // A handler that forked, between this and the call, would have the child take what is the parent's to read.
        let quiet = quiet();
        if !watch.is_of_this_process() {
            return;
        }
        let hot = notice.is_hot();
        if hot {
            readable.raise();
        } else {
            readable.lower();
        }
        drop(quiet);
        if notice.is_hot() == hot {
            return;
        }
    }
}

/// Those whose callbacks are to be called, and the thread that does.
struct Line {
    service: Service,
    /// Those who came since the thread last looked, the last one first.
    come: AtomicPtr<Notice>,
    /// Changes when the first of those comes: what the thread sleeps on.
    changes: AtomicU32,
    /// The thread's: those whose turn it is, in the order in which they came; and the one that it is at.
    turns: AtomicPtr<Notice>,
    current: AtomicPtr<Notice>,
    /// The ident of the thread, 0 when there is none.
    thread: AtomicU64,
}

static LINE: Line = Line {
    service: Service::absent(),
    come: AtomicPtr::new(ptr::null_mut()),
    changes: AtomicU32::new(0),
    turns: AtomicPtr::new(ptr::null_mut()),
    current: AtomicPtr::new(ptr::null_mut()),
    thread: AtomicU64::new(0),
};

static DUTY: Duty = Duty { name: c"lt-watch", work: serve, left: finish };

#[cfg(shuttle)]
pub fn modelled() -> Modelled {
    Modelled { service: &LINE.service, duty: &DUTY, changes: &LINE.changes }
}

static PARTICIPANT: Participant = Participant::new(forget_all);

/// In a forked child: nobody is in line, and there is no thread.
fn forget_all() {
    // Relaxed: there is one thread.
    for place in [&LINE.come, &LINE.turns, &LINE.current] {
        place.store(ptr::null_mut(), Ordering::Relaxed);
    }
    LINE.service.forget();
    LINE.thread.store(0, Ordering::Relaxed);
}

/// Async-signal-safe.
fn stand_in_line(notice: &'static Notice) {
    if !Watch::of(notice).is_of_this_process() || !notice.get_in_line() {
        return;
    }
    // Relaxed: the exchange decides.
    let mut before = LINE.come.load(Ordering::Relaxed);
    loop {
        notice.set_next(before);
        // Release: with the notice, what it was told of. On failure as above.
        let (own, release) = (ptr::from_ref(notice).cast_mut(), Ordering::Release);
        match LINE.come.compare_exchange(before, own, release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(found) => before = found,
        }
    }
    if before.is_null() {
        // Release: who sees the change sees who came.
        LINE.changes.fetch_add(1, Ordering::Release);
        wait::wake(&LINE.changes, 1);
    }
}

impl Line {
    fn is_served_here(&self) -> bool {
        // Relaxed: a thread knows its own ident.
        self.thread.load(Ordering::Relaxed) == this_thread::ident()
    }

    /// The next one whose turn it is. On the thread.
    fn next(&self) -> Option<&'static Notice> {
        if self.turns.load(Ordering::Relaxed).is_null() {
            // Acquire: pairs with `stand_in_line`.
            let mut come = self.come.swap(ptr::null_mut(), Ordering::Acquire).cast_const();
            // SAFETY: a notice is part of a slot, which is never unmapped.
            while let Some(last) = unsafe { come.as_ref() } {
                come = last.next();
                last.set_next(self.turns.load(Ordering::Relaxed));
                self.turns.store(ptr::from_ref(last).cast_mut(), Ordering::Relaxed);
            }
        }
        // SAFETY: as above.
        let first: &'static Notice = unsafe { self.turns.load(Ordering::Relaxed).as_ref() }?;
        self.turns.store(first.next().cast_mut(), Ordering::Relaxed);
        Some(first)
    }
}

fn serve(attendance: &mut Attendance) {
    // Relaxed: a thread knows its own ident.
    LINE.thread.store(attendance.record.ident(), Ordering::Relaxed);
    while attendance.serving() {
        // Acquire: the word first. Who comes after the look changes it.
        let changes = LINE.changes.load(Ordering::Acquire);
        match LINE.next() {
            Some(notice) => match notice.begin_call() {
                Ok(()) => {
                    // Relaxed: the thread's own.
                    LINE.current.store(ptr::from_ref(notice).cast_mut(), Ordering::Relaxed);
                    if let Some(call) = becomes_possible(Watch::of(notice)) {
                        let watch = Watch::of(notice);
                        race::after(&raw const watch.call);
                        attendance.be_ordinary();
                        run(call);
                        race::before(&raw const watch.left);
                    }
                    finish();
                }
                Err(gives_back) => give_back(notice, gives_back),
            },
            None => attendance.sleep(&LINE.changes, changes, Deadline::Never),
        }
    }
}

/// What is to be called, if the case is possible.
fn becomes_possible(watch: &Watch) -> Option<(Function, *mut c_void)> {
    let case = watch.case.get()?;
    case.settle();
    if case.is_possible() {
        return watch.call.get();
    }
    // Told too late, or of something else: then it is to be told again.
    case.lull();
    None
}

fn run((ready, argument): (Function, *mut c_void)) {
    let Some(record) = this_thread::current() else { return };
    // SAFETY: the user gave both, the one for the other.
    if let Some(caught) = unsafe { unwind::call(ready, argument) } {
        // SAFETY: caught here.
        unsafe { excepthook::deliver_caught(record, caught) };
    }
}

/// The callback has ended, if one was called; and maybe the thread with it.
fn finish() {
    // SAFETY: a notice is part of a slot, which is never unmapped.
    let current = unsafe { LINE.current.swap(ptr::null_mut(), Ordering::Relaxed).as_ref() };
    let Some(notice) = current else { return };
    give_back(notice, notice.end_call());
}

/// The slot of a watch that was freed goes back, if that was left to this thread.
fn give_back(notice: &'static Notice, was_left: bool) {
    if was_left {
        // Relaxed: the notice has told it. SAFETY: left there by the free, once.
        drop(unsafe { Resident::<Watch>::from_raw(Watch::of(notice).left.load(Ordering::Relaxed)) });
    }
}
