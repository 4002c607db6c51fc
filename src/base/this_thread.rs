//! What the library knows of each OS thread: its record, found through a thread-specific value.
//!
//! A record is made when the library starts a thread, or when a foreign thread first needs one, and
//! ends in the destructor of the thread-specific value, which puts itself off to the last round so
//! that the user's destructors run before it, whichever way the thread ends. The main thread's record
//! is static: it can be interrupted before it has ever called the library.

use crate::base::arena::{Arena, Slot};
use crate::base::fork::Participant;
use crate::base::handle::{Kind, Object};
use crate::base::interrupt::Interrupt;
use crate::base::status::{Error, LT_OK, lt_status};
use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_void};
use core::fmt::Write;
use core::ptr;
use core::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// In how many rounds the C library runs the destructors of thread-specific values, at the least.
const ROUNDS: u32 = 4;

/// What is known of one OS thread. The cells belong to that thread alone.
pub struct Record {
    /// What is pending for it. Others reach it only through the main thread's record.
    pub interrupt: Interrupt,
    ident: AtomicU64,
    native_id: AtomicI64,
    role: Cell<Role>,
    rounds: Cell<u32>,
    /// The signal behind the last LT_INTERRUPTED.
    interrupt_signal: Cell<i32>,
    last_error: LastError,
    /// The arguments that `lt_start_new_thread_copy` copied for it, to be freed after it.
    copied: Cell<*mut c_void>,
    slot: Cell<Option<&'static Slot<Record>>>,
}

// SAFETY: the cells are touched by the record's own thread, and before it starts by its starter.
unsafe impl Sync for Record {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The library did not start it.
    Foreign,
    /// The library started it, and counts it.
    Started,
}

/// The last call of the thread that failed: written when it fails, put into words when asked for.
struct LastError {
    function: Cell<&'static str>,
    error: Cell<Option<Error>>,
    text: UnsafeCell<[u8; 192]>,
}

impl Record {
    const fn new(ident: u64) -> Record {
        Record {
            interrupt: Interrupt::new(),
            ident: AtomicU64::new(ident),
            native_id: AtomicI64::new(0),
            role: Cell::new(Role::Foreign),
            rounds: Cell::new(0),
            interrupt_signal: Cell::new(0),
            last_error: LastError {
                function: Cell::new(""),
                error: Cell::new(None),
                text: UnsafeCell::new([0; 192]),
            },
            copied: Cell::new(ptr::null_mut()),
            slot: Cell::new(None),
        }
    }

    /// Makes a used record fit for another thread.
    fn reset(&self, role: Role) {
        self.interrupt.clear();
        self.ident.store(next_ident(), Ordering::Relaxed);
        self.native_id.store(0, Ordering::Relaxed);
        self.role.set(role);
        self.rounds.set(0);
        self.interrupt_signal.set(0);
        self.last_error.error.set(None);
        self.copied.set(ptr::null_mut());
    }

    /// A record for a thread that is about to be started. `abandon` it if that fails.
    pub fn for_new_thread(copied: *mut c_void) -> Result<&'static Record, Error> {
        key()?;
        let record = Record::take(Role::Started)?;
        record.copied.set(copied);
        // Relaxed: a count; who waits for it to fall synchronises with the thread by other means.
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Ok(record)
    }

    fn take(role: Role) -> Result<&'static Record, Error> {
        let slot = RECORDS.take()?;
        slot.body.slot.set(Some(slot));
        slot.body.reset(role);
        Ok(&slot.body)
    }

    /// Makes this the calling thread's record. False if the C library has no memory for it: then the
    /// caller ends the record itself.
    pub fn adopt(&'static self) -> bool {
        self.native_id.store(native_id(), Ordering::Relaxed);
        // SAFETY: the key was created before the first record was.
        key().is_ok_and(|key| unsafe { libc::pthread_setspecific(key, ptr::from_ref(self).cast()) } == 0)
    }

    /// Ends the record: its thread is over, or was never started.
    pub fn end(&'static self) {
        if self.role.get() == Role::Started {
            // SAFETY: NULL, or allocated with malloc for this thread, which no longer uses it.
            unsafe { libc::free(self.copied.get()) };
            self.copied.set(ptr::null_mut());
            RUNNING.fetch_sub(1, Ordering::Relaxed);
        }
        // The main thread's record stays what `interrupt_main` reaches, even after that thread.
        if !self.is_main()
            && let Some(slot) = self.slot.get()
        {
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

    pub fn is_main(&self) -> bool {
        ptr::eq(self, main_record())
    }

    /// What to pass to the wait engine: detached and foreign threads are not interrupted.
    pub fn interruptible(&self) -> Option<&Interrupt> {
        self.is_main().then_some(&self.interrupt)
    }

    /// Takes a pending interrupt, and remembers its signal for `lt_interrupt_signal`.
    pub fn take_interrupt(&self) -> bool {
        let signum = self.interrupt.take();
        if let Some(signum) = signum {
            self.interrupt_signal.set(signum);
        }
        signum.is_some()
    }

    pub fn interrupt_signal(&self) -> i32 {
        self.interrupt_signal.get()
    }
}

impl Object for Record {
    const KIND: Kind = Kind::Record;
    fn arena() -> &'static Arena<Record> {
        &RECORDS
    }
}

static RECORDS: Arena<Record> = Arena::new(
    || Record::new(0),
    Participant::new(|| RECORDS.before_fork(|_| ()), || RECORDS.after_fork_in_parent(|_| ()), in_child),
);

/// The key of the thread-specific value, `NO_KEY` until there is one.
static KEY: AtomicUsize = AtomicUsize::new(NO_KEY);
const NO_KEY: usize = usize::MAX;

/// How many threads the library started that still run.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

const FIRST_IDENT: u64 = 1;
static NEXT_IDENT: AtomicU64 = AtomicU64::new(FIRST_IDENT + 1);

/// The record of the process's first thread, and whose record is the main thread's now: in a forked
/// child, that of the thread that forked.
static FIRST_THREAD: Record = Record::new(FIRST_IDENT);
static MAIN: AtomicPtr<Record> = AtomicPtr::new((&raw const FIRST_THREAD).cast_mut());

fn next_ident() -> u64 {
    // Relaxed: only that each value is given once matters.
    NEXT_IDENT.fetch_add(1, Ordering::Relaxed)
}

/// The record of the calling thread, made now if there is none. None without memory for it.
pub fn current() -> Option<&'static Record> {
    existing().or_else(attach)
}

/// The record of the calling thread, if it has one. Async-signal-safe.
fn existing() -> Option<&'static Record> {
    // Acquire: pairs with the creation in `key`.
    let key = KEY.load(Ordering::Acquire);
    if key == NO_KEY {
        return None;
    }
    // SAFETY: the key exists, and its values are records, which are never unmapped.
    unsafe { libc::pthread_getspecific(key as libc::pthread_key_t).cast::<Record>().as_ref() }
}

#[cold]
fn attach() -> Option<&'static Record> {
    key().ok()?;
    let record = if on_main_thread() {
        // The main thread cannot be forgotten by a child, whether or not it ever makes an object.
        RECORDS.join_forks().ok()?;
        main_record()
    } else {
        Record::take(Role::Foreign).ok()?
    };
    if record.adopt() {
        return Some(record);
    }
    record.end();
    None
}

/// The record that stands for the main thread.
pub fn main_record() -> &'static Record {
    // SAFETY: always points to a record, and these are never unmapped.
    // Relaxed: changes only in a forked child, while that has one thread.
    unsafe { &*MAIN.load(Ordering::Relaxed) }
}

/// How many threads started by the library still run.
pub fn running() -> usize {
    RUNNING.load(Ordering::Relaxed)
}

/// The key, created by the first caller.
fn key() -> Result<libc::pthread_key_t, Error> {
    let key = KEY.load(Ordering::Acquire);
    if key != NO_KEY {
        return Ok(key as libc::pthread_key_t);
    }
    let mut new: libc::pthread_key_t = 0;
    // SAFETY: `new` is valid to write to, and the destructor lives as long as the library.
    if unsafe { libc::pthread_key_create(&mut new, Some(thread_ended)) } != 0 {
        return Err(Error::NoMemory);
    }
    // Release: whoever sees the key may use it. Acquire on failure: the same for another's key.
    match KEY.compare_exchange(NO_KEY, new as usize, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Ok(new),
        Err(other) => {
            // SAFETY: this thread created it a moment ago and nobody else knows it.
            unsafe { libc::pthread_key_delete(new) };
            Ok(other as libc::pthread_key_t)
        }
    }
}

/// The destructor of the thread-specific value: puts itself off until the last round, then ends the record.
unsafe extern "C" fn thread_ended(value: *mut c_void) {
    // SAFETY: the values of the key are records, which are never unmapped.
    let record = unsafe { &*value.cast::<Record>() };
    record.rounds.set(record.rounds.get() + 1);
    if record.rounds.get() >= ROUNDS || !record.adopt() {
        record.end();
    }
}

/// In a forked child: the forking thread is main, and no other is left.
fn in_child() {
    let record = existing().unwrap_or(&FIRST_THREAD);
    record.interrupt.clear();
    record.native_id.store(native_id(), Ordering::Relaxed);
    if ptr::eq(record, &FIRST_THREAD) && existing().is_none() {
        record.reset(Role::Foreign);
    }
    // A started thread that forks is no longer one of those that are counted.
    record.role.set(Role::Foreign);
    MAIN.store(ptr::from_ref(record).cast_mut(), Ordering::Relaxed);
    RUNNING.store(0, Ordering::Relaxed);
    RECORDS.after_fork_in_child(|_, _| ());
}

#[cfg(target_os = "linux")]
pub fn native_id() -> i64 {
    // SAFETY: cannot fail and touches no memory.
    i64::from(unsafe { libc::gettid() })
}

#[cfg(not(target_os = "linux"))]
pub fn native_id() -> i64 {
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::pthread_self() as i64 }
}

#[cfg(target_os = "linux")]
fn on_main_thread() -> bool {
    // SAFETY: cannot fail and touches no memory.
    native_id() == i64::from(unsafe { libc::getpid() })
}

#[cfg(not(target_os = "linux"))]
fn on_main_thread() -> bool {
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::pthread_main_np() != 0 }
}

/// Remembers why `function` failed, for `last_error`. Answers are not remembered.
#[cold]
pub fn record_error(function: &'static str, error: Error) -> lt_status {
    let status = error.status();
    if status < LT_OK
        && let Some(record) = current()
    {
        record.last_error.function.set(function);
        record.last_error.error.set(Some(error));
    }
    status
}

/// The sentence for the last error of this thread, "" if there was none. Valid until the next call.
pub fn last_error() -> &'static CStr {
    let Some(record) = current() else { return c"lowthread: no memory to remember the error" };
    let Some(error) = record.last_error.error.get() else { return c"" };
    // SAFETY: the text belongs to this thread, and nobody holds a reference into it but the caller of
    // an earlier call, which this one is documented to end.
    let text = unsafe { &mut *record.last_error.text.get() };
    let mut out = Text { buffer: text, length: 0 };
    // A sentence that is too long is cut.
    let _ = error.write(record.last_error.function.get(), &mut out);
    out.finish()
}

/// The last error itself.
pub fn last_error_code() -> Option<Error> {
    current()?.last_error.error.get()
}

/// Formats into a buffer that always ends in NUL.
struct Text<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Text<'a> {
    fn finish(self) -> &'a CStr {
        if let Some(end) = self.buffer.get_mut(self.length) {
            *end = 0;
        }
        CStr::from_bytes_until_nul(self.buffer).unwrap_or(c"")
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        let room = self.buffer.len().saturating_sub(self.length + 1);
        let n = s.len().min(room);
        let target = self.buffer.get_mut(self.length..self.length + n).ok_or(core::fmt::Error)?;
        target.copy_from_slice(s.as_bytes().get(..n).ok_or(core::fmt::Error)?);
        self.length += n;
        if n < s.len() { Err(core::fmt::Error) } else { Ok(()) }
    }
}
