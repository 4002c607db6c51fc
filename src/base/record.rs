//! What the library knows of one OS thread.

use crate::base::arena::{Arena, Kept, Slot};
use crate::base::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::base::fence;
use crate::base::fork::Stays;
use crate::base::handle::{Kind, Object};
use crate::base::heap::Text;
use crate::base::holding::Held;
use crate::base::interrupt::Interrupt;
use crate::base::last_error::LastError;
use crate::base::spare::Magazine;
use crate::base::status::Error;
use crate::base::waiting::Waiting;
use crate::base::{registry, this_thread, trace};
use crate::sys::mask;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::mem::offset_of;
use core::ptr;

/// Not the models': no thread goes another way for it.
type Timeline = core::sync::atomic::AtomicPtr<()>;

/// User code. It may be left by an unwinding.
pub type Function = unsafe extern "C-unwind" fn(*mut c_void);

/// One thread's record. Records are never unmapped, and serve one thread after the other.
///
/// What stands here others may look at: it is atomic, or under the registry's lock. The rest is [`Own`].
#[derive(Debug)]
pub struct Record {
    /// Whether it is inside the library; see `base::fork`.
    pub(super) stays: Stays,
    /// What is pending for it.
    pub interrupt: Interrupt,
    /// Where its part of a trace is, for `insight::trace`; or NULL.
    pub timeline: Timeline,
    /// What it waits for.
    pub waiting: Waiting,
    /// What it holds, as far as that is recorded.
    pub held: Held,
    pub(super) ident: AtomicU64,
    pub(super) native_id: AtomicI64,
    /// The C library's name of the thread: its pthread_t. 0 as long as it is not known.
    pub(super) native_handle: AtomicUsize,
    /// A `Role`.
    role: AtomicU8,
    /// Whether it is a daemon, for lt_enumerate.
    pub daemon: AtomicBool,
    /// The object of a joinable thread, given away by its resident, for `thread::joinable`; or NULL.
    pub joinable: AtomicPtr<()>,
    /// The number in the default name.
    pub number: AtomicU64,
    /// The name, if it was given one; under the registry's lock.
    pub name: Kept<Name>,
    /// Free slots that its thread keeps, by the kind of objects that they can be.
    spare: Kept<[Magazine; Kind::ALL]>,
    /// The neighbours in the registry, under its lock.
    pub(super) previous: Cell<*const Record>,
    pub(super) next: Cell<*const Record>,
    own: UnsafeCell<Own>,
}

// SAFETY: the name and the neighbours are touched under the registry's lock, and `own` by its owner.
unsafe impl Sync for Record {}

/// What belongs to one thread: to the starter until the thread runs, who hands it over by starting it; then to
/// the thread, to its end; and to nobody once that is told. Signal handlers on the owner come between, and leave
/// all but `last_error` alone.
///
/// The pointers without a type are what layers above keep here, and this one only carries. Who knows what they
/// are: `thread::start` (entry), `thread::errors` (errors), `thread::local` (locals), `thread::failure` (failure),
/// `exec::pool` (pool).
#[derive(Debug)]
pub struct Own {
    pub last_error: LastError,
    /// The signal behind the last LT_INTERRUPTED.
    interrupt_signal: Cell<i32>,
    /// What it runs.
    pub entry: Cell<Option<(Function, *mut c_void)>>,
    /// The arguments that were copied for it, allocated with malloc, to be freed after it; or NULL.
    copied: Cell<*mut c_void>,
    /// The handle of the lt_errors that its errors go to, or NULL.
    pub errors: Cell<*mut c_void>,
    /// Its values of thread-local storage, or NULL; ended by `on_round`.
    pub locals: Cell<*mut c_void>,
    /// What its function has failed with, though it goes on.
    pub failure: Cell<Option<(*mut c_void, End)>>,
    /// The handle of the pool that it works for, or NULL.
    pub pool: Cell<*mut c_void>,
    /// Where its stack ends but for what a task may need; 0 while that is not known.
    pub stack_reserve: Cell<usize>,
    /// What its next choice by chance goes by.
    pub chance: Cell<u64>,
    /// The return address of the call that it is in, as far as insight asks for it; 0 if that is not known.
    pub called_from: Cell<usize>,
    /// What insight has found out for it and nobody was told yet, and what ends that.
    pub found: Cell<Option<(*mut c_void, End)>>,
    /// Whether something is left of an exception that could not be ended wholly: it runs no more tasks.
    pub spoilt: Cell<bool>,
    /// What the thread must free, unless it ends before it can.
    held: Cell<Option<(*mut c_void, End)>>,
    /// Run in each round of the thread's end, and how many there were.
    pub on_round: Cell<Option<OnRound>>,
    pub(super) rounds: Cell<u32>,
    /// Told of the end of the thread.
    pub on_end: Cell<Option<OnEnd>>,
    /// Told, with its argument, that the thread counts no more: the last thing of all.
    pub on_gone: Cell<Option<(OnGone, *mut c_void)>>,
    /// Whether it ever stood for the main thread: then the record serves no other one.
    pub(super) was_main: Cell<bool>,
}

impl Own {
    const fn new() -> Own {
        Own {
            last_error: LastError::none(),
            interrupt_signal: Cell::new(0),
            entry: Cell::new(None),
            copied: Cell::new(ptr::null_mut()),
            errors: Cell::new(ptr::null_mut()),
            locals: Cell::new(ptr::null_mut()),
            failure: Cell::new(None),
            pool: Cell::new(ptr::null_mut()),
            stack_reserve: Cell::new(0),
            chance: Cell::new(0),
            called_from: Cell::new(0),
            found: Cell::new(None),
            spoilt: Cell::new(false),
            held: Cell::new(None),
            on_round: Cell::new(None),
            rounds: Cell::new(0),
            on_end: Cell::new(None),
            on_gone: Cell::new(None),
            was_main: Cell::new(false),
        }
    }

    /// Holds something for as long as code of the user's runs that may end the thread.
    pub fn hold(&self, what: *mut c_void, end: End) {
        self.held.set(Some((what, end)));
    }

    pub fn let_go(&self) {
        self.held.set(None);
    }

    pub fn holds(&self) -> bool {
        self.held.get().is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The library did not start it.
    Foreign = 0,
    /// The library started it, and counts it.
    Started,
    /// A service thread of the library, which does not count.
    Service,
}

/// Run in each round of the destructors at the end of a thread; says whether another one is wanted.
/// Told, once, that there is none.
pub type OnRound = fn(&'static Record, Round) -> bool;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Round {
    OneMore,
    Over,
}

/// Told of the end of a thread: it has left the registry, and its record is still whole.
pub type OnEnd = fn(&'static Record);

/// Told that a thread has left the registry.
pub type OnGone = fn(*mut c_void);

/// Ends what was held.
pub type End = unsafe extern "C" fn(*mut c_void);

/// In the place of the native handle of a thread that has ended.
const OVER: usize = 1;

impl Record {
    pub(super) const fn new(ident: u64) -> Record {
        Record {
            stays: Stays::none(),
            interrupt: Interrupt::new(),
            timeline: Timeline::new(ptr::null_mut()),
            waiting: Waiting::for_nothing(),
            held: Held::nothing(),
            ident: AtomicU64::new(ident),
            native_id: AtomicI64::new(0),
            native_handle: AtomicUsize::new(0),
            role: AtomicU8::new(Role::Foreign as u8),
            daemon: AtomicBool::new(false),
            joinable: AtomicPtr::new(ptr::null_mut()),
            number: AtomicU64::new(0),
            name: Kept(Name(UnsafeCell::new(None))),
            spare: Kept([const { Magazine::empty() }; Kind::ALL]),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            own: UnsafeCell::new(Own::new()),
        }
    }

    /// On the owner: see [`Own`].
    #[inline]
    pub fn own(&self) -> &Own {
        debug_assert!([0, this_thread::native_id()].contains(&self.native_id()), "another thread's");
        // SAFETY: replaced as a whole only in `reset`, when nobody has it.
        unsafe { &*self.own.get() }
    }

    /// A record in the registry, for a thread of the library's or for one that came from elsewhere.
    pub(super) fn take(role: Role) -> Result<&'static Record, Error> {
        // Its thread may be inside the library from now on.
        fence::prepare();
        let record = &RECORDS.take()?.body;
        drop(record.name.take());
        record.begin(role);
        registry::add(record);
        Ok(record)
    }

    /// A record for a thread that is about to be started. `end` it if that fails.
    pub fn for_new_thread(role: Role, copied: *mut c_void) -> Result<&'static Record, Error> {
        this_thread::prepare()?;
        let record = Record::take(role)?;
        record.own().copied.set(copied);
        Ok(record)
    }

    /// Where the thread keeps free slots of a kind.
    #[inline]
    pub(super) fn spare(&self, kind: Kind) -> Option<&Magazine> {
        self.spare.get(kind as usize)
    }

    /// Leaves the free slots to other threads. On the record's thread, or when that is no more.
    pub(super) fn give_up_spare(&self) {
        self.spare.iter().for_each(Magazine::give_up);
    }

    /// Another thread's from now on.
    pub(super) fn begin(&self, role: Role) {
        self.ident.store(registry::next_ident(), Ordering::Relaxed);
        self.play(role);
    }

    /// Relaxed, here and in `role`: set before others can find the record, or while there is one thread.
    pub(super) fn play(&self, role: Role) {
        self.role.store(role as u8, Ordering::Relaxed);
    }

    /// The slot that it is in; none for the first thread's.
    fn slot(&'static self) -> Option<&'static Slot<Record>> {
        if ptr::eq(self, this_thread::first_record()) {
            return None;
        }
        // SAFETY: every other record is the body of a slot.
        Some(unsafe { Slot::around(self, offset_of!(Slot<Record>, body)) })
    }

    /// Ends the record: its thread is over, or was never started.
    pub fn end(&'static self) {
        let own = self.own();
        for (what, end) in [own.held.take(), own.failure.take(), own.found.take()].into_iter().flatten() {
            // SAFETY: held by this thread, which has left without letting go.
            unsafe { end(what) };
        }
        // SAFETY: NULL, or allocated with malloc for this thread, which no longer uses it.
        unsafe { libc::free(own.copied.replace(ptr::null_mut())) };
        // Before anybody hears of its end: then all of it is there to be written.
        trace::leave(self);
        // No more code of the user's: it counts no more, before anybody who waits for it hears of its end.
        registry::remove(self);
        self.native_handle.store(OVER, Ordering::Relaxed);
        self.native_id.store(0, Ordering::Relaxed);
        if let Some(on_end) = own.on_end.take() {
            on_end(self);
        }
        if let Some((on_gone, argument)) = own.on_gone.take() {
            on_gone(argument);
        }
        self.give_up_spare();
        // What stood for the main thread may be reached still, by who interrupts that.
        if let Some(slot) = self.slot().filter(|_| !own.was_main.get()) {
            slot.leave();
        }
    }

    /// Notes what the thread that this is for was created as. On the starter, and on the thread: whichever
    /// comes first.
    pub fn known_as(&self, native_handle: usize) {
        // Relaxed: a number. Not once the thread has ended, which may be before its starter comes to this.
        let _ = self.native_handle.compare_exchange(0, native_handle, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub fn native_handle(&self) -> Option<usize> {
        let known = self.native_handle.load(Ordering::Relaxed);
        (known != 0 && known != OVER).then_some(known)
    }

    /// Keeps the record from being another thread's, until `release`; on the starter.
    pub fn keep(&'static self) {
        if let Some(slot) = self.slot() {
            slot.keep();
        }
    }

    pub fn release(&'static self) {
        if let Some(slot) = self.slot() {
            slot.release();
        }
    }

    /// Relaxed here and for `native_id`: set before the thread runs, or by the thread itself.
    pub fn ident(&self) -> u64 {
        self.ident.load(Ordering::Relaxed)
    }

    pub fn native_id(&self) -> i64 {
        self.native_id.load(Ordering::Relaxed)
    }

    pub fn role(&self) -> Role {
        match self.role.load(Ordering::Relaxed) {
            role if role == Role::Started as u8 => Role::Started,
            role if role == Role::Service as u8 => Role::Service,
            _ => Role::Foreign,
        }
    }

    /// Whether it is a thread's that runs, as far as that can be told without the registry's lock.
    pub fn is_alive(&self) -> bool {
        self.native_id() != 0
    }

    pub fn is_main(&self) -> bool {
        ptr::eq(self, this_thread::main_record())
    }

    /// What to pass to the wait engine.
    pub fn interrupt(&self) -> &Interrupt {
        if self.is_main() {
            self.interrupt.expect();
        }
        &self.interrupt
    }

    /// Takes a pending interrupt, and remembers its signal for `lt_interrupt_signal`.
    pub fn take_interrupt(&self) -> bool {
        let signum = self.interrupt.take();
        if let Some(signum) = signum {
            self.own().interrupt_signal.set(signum);
            if signum != 0 {
                mask::take_pending();
            }
        }
        signum.is_some()
    }

    pub fn interrupt_signal(&self) -> i32 {
        self.own().interrupt_signal.get()
    }
}

/// The name of a thread: under the registry's lock. It stays when the thread ends, which it does where some
/// allocators have ended for it already; the next thread frees it.
pub struct Name(UnsafeCell<Option<Text>>);

impl Name {
    /// For who alone has the record.
    pub(super) fn take(&self) -> Option<Text> {
        // SAFETY: as the caller says.
        unsafe { (*self.0.get()).take() }
    }

    pub fn get(&self) -> *mut Option<Text> {
        self.0.get()
    }
}

impl Object for Record {
    const KIND: Kind = Kind::Record;

    fn arena() -> &'static Arena<Record> {
        &RECORDS
    }

    fn blank() -> Record {
        Record::new(0)
    }

    // Relaxed: nobody else has it.
    fn reset(&self) {
        self.interrupt.clear();
        self.timeline.store(ptr::null_mut(), Ordering::Relaxed);
        self.waiting.clear();
        self.held.clear();
        self.ident.store(0, Ordering::Relaxed);
        self.native_id.store(0, Ordering::Relaxed);
        self.native_handle.store(0, Ordering::Relaxed);
        self.play(Role::Foreign);
        self.daemon.store(false, Ordering::Relaxed);
        self.joinable.store(ptr::null_mut(), Ordering::Relaxed);
        self.number.store(0, Ordering::Relaxed);
        self.previous.set(ptr::null());
        self.next.set(ptr::null());
        // SAFETY: nobody else has it. It has no destructor.
        unsafe { *self.own.get() = Own::new() };
    }

    /// The registry says who is there.
    fn forget(&self, _word: &AtomicU64) {}
}

static RECORDS: Arena<Record> = Arena::new();

/// Every record that ever served, without a lock.
pub fn each(mut f: impl FnMut(&'static Record)) {
    f(this_thread::first_record());
    RECORDS.each(|slot| f(&slot.body));
}
