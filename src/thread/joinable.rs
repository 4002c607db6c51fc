//! Joinable threads: the object behind an lt_thread.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | `RUNNING` | | the end of the thread |
//! | `FINISHED` | its function and its destructors are through | the first joiner; without a handle, the thread |
//! | `JOINING` | somebody sees it out of the operating system | that one: `GONE`; if it does not want to wait, `FINISHED` |
//! | `GONE` | every join returns at once | |
//!
//! The thread itself is a resident of its object: a handle can be freed while it runs. Such a thread
//! detaches itself at its end, or leaves that to a shutdown (`thread::roll`).

use crate::base::arena::{Arena, Resident};
use crate::base::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::base::awaited::{Awaited, Waiting};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::heap::Text;
use crate::base::mutex::Mutex;
use crate::base::race;
use crate::base::record::{Record, Role};
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{self, Key, News, Sides};
use crate::base::{this_thread, wait};
use crate::sys::cancellation;
use crate::sys::thread::{self as system, End, Native};
use crate::thread::errors::Errors;
use crate::thread::names;
use crate::thread::report::{Report, lt_error_info};
use crate::thread::roll::{self, Place};
use crate::thread::stack;
use crate::thread::start::{self, Function, Plan};
use core::ffi::{CStr, c_void};
use core::ptr;

/// What a joinable thread has beside its word, which is only the handle check.
#[derive(Debug)]
pub struct Thread {
    /// The futex.
    state: AtomicU32,
    /// 1 once the thread runs, and its native id is known. A futex too.
    begun: AtomicU32,
    joiners: Awaited,
    ident: AtomicU64,
    native_id: AtomicI64,
    daemon: AtomicBool,
    /// Its own handle.
    handle: AtomicPtr<c_void>,
    life: Mutex<Life>,
    pub(super) place: Place,
}

const RUNNING: u32 = 0;
const FINISHED: u32 = 1;
const JOINING: u32 = 2;
const GONE: u32 = 3;

/// What the end of the thread and the users of its handle must agree on.
#[derive(Debug)]
struct Life {
    /// While it runs: for its interrupt.
    record: Option<&'static Record>,
    /// From when it runs: to be joined or detached once.
    os_thread: Option<Native>,
    /// Whether the handle was freed.
    freed: bool,
    report: Option<Report>,
}

impl Life {
    const NONE: Life = Life { record: None, os_thread: None, freed: false, report: None };
}

// SAFETY: an OS thread may be joined and detached by any thread.
unsafe impl Send for Life {}

impl Object for Thread {
    const KIND: Kind = Kind::Thread;

    fn arena() -> &'static Arena<Thread> {
        &THREADS
    }

    fn blank() -> Thread {
        Thread {
            state: AtomicU32::new(RUNNING),
            begun: AtomicU32::new(0),
            joiners: Awaited::by_none(),
            ident: AtomicU64::new(0),
            native_id: AtomicI64::new(0),
            daemon: AtomicBool::new(false),
            handle: AtomicPtr::new(ptr::null_mut()),
            life: Mutex::new(Life::NONE),
            place: Place::none(),
        }
    }

    // Relaxed: nobody else has it.
    fn reset(&self) {
        let life = core::mem::replace(&mut *self.life.lock(), Life::NONE);
        drop(life);
        self.begun.store(0, Ordering::Relaxed);
        self.joiners.forget();
        self.ident.store(0, Ordering::Relaxed);
        self.native_id.store(0, Ordering::Relaxed);
        self.daemon.store(false, Ordering::Relaxed);
        self.handle.store(ptr::null_mut(), Ordering::Relaxed);
        self.place.clear();
        self.state.store(RUNNING, Ordering::Relaxed);
    }

    /// The thread did not come along.
    fn forget(&self, _word: &AtomicU64) {
        let mut life = self.life.lock();
        life.record = None;
        life.os_thread = None;
        self.place.clear();
        // Relaxed: there is one thread.
        self.begun.store(1, Ordering::Relaxed);
        self.joiners.forget();
        self.state.store(GONE, Ordering::Relaxed);
    }
}

static THREADS: Arena<Thread> = Arena::new();

impl Thread {
    /// Prepares a blank body for a thread.
    fn prepare(&self, record: &'static Record, daemon: bool) {
        self.life.lock().record = Some(record);
        // Relaxed: published by the word.
        self.ident.store(record.ident(), Ordering::Relaxed);
        self.daemon.store(daemon, Ordering::Relaxed);
    }
}

/// What to start, in Rust's terms.
pub struct Options<'a> {
    pub name: Option<&'a CStr>,
    /// What was asked for; 0 for the setting.
    pub stack_size: usize,
    pub daemon: bool,
    /// A handle, or NULL.
    pub errors: *mut c_void,
}

impl Options<'_> {
    fn plan(&self, function: Function, argument: *mut c_void) -> Result<Plan<'_>, Error> {
        let stack_size =
            if self.stack_size == 0 { stack::size() } else { stack::effective(self.stack_size)? };
        if let Some(name) = self.name {
            name.to_str().map_err(|_| Error::BadName)?;
        }
        if !self.errors.is_null() {
            // SAFETY: a handle, as the header asks.
            unsafe { Handle::<Errors>::from_raw(self.errors) }?.check()?;
        }
        let plan = Plan::new(function, argument);
        Ok(Plan { stack_size, name: self.name, daemon: self.daemon, errors: self.errors, ..plan })
    }
}

/// Starts a thread that nobody can join; its ident.
pub fn start_detached(function: Function, argument: *mut c_void, options: &Options) -> Result<u64, Error> {
    start::start(options.plan(function, argument)?)
}

/// Starts a thread that can be joined.
pub fn start(function: Function, argument: *mut c_void, options: &Options) -> Result<Handle<Thread>, Error> {
    let plan = options.plan(function, argument)?;
    let record = plan.record(Role::Started)?;
    let made = Handle::make(0, |thread: &Thread| thread.prepare(record, options.daemon));
    let made = made.and_then(|handle| Ok((handle, handle.reside()?, handle.reside()?)));
    let (handle, resident, on_roll) = made.inspect_err(|_| record.end())?;
    // Relaxed: for the thread, which is not started yet.
    resident.handle.store(handle.into_raw(), Ordering::Relaxed);
    record.interrupt.expect();
    record.joinable.store(resident.into_raw().cast_mut(), Ordering::Relaxed);
    record.own().on_end.set(Some(ended));
    if options.daemon {
        drop(on_roll);
    } else {
        roll::enter(on_roll);
    }
    plan.create(record, End::Joined).map(|_| handle).inspect_err(|_| {
        record.end();
        let _ = handle.free();
    })
}

/// Names a thread, or takes its name away.
pub fn rename(handle: Handle<Thread>, name: Option<Text>) -> Result<(), Error> {
    names::rename(handle.ident()?, name)
}

/// The object of a joinable thread, for that thread itself.
fn object(record: &Record) -> Option<&Thread> {
    // Relaxed: set before the thread ran.
    let raw = record.joinable.load(Ordering::Relaxed).cast_const();
    // SAFETY: from a resident that stays until `ended`, which comes last on this thread.
    (!raw.is_null()).then(|| unsafe { Resident::peek(raw) })
}

/// The calling thread's object, if it is joinable.
pub fn own() -> Option<&'static Thread> {
    this_thread::existing().and_then(object)
}

/// The calling thread's handle, if it is joinable and that was not freed.
pub fn current() -> Option<Handle<Thread>> {
    // Relaxed: set before the thread ran. SAFETY: what this library made.
    let handle = unsafe { Handle::from_raw(own()?.handle.load(Ordering::Relaxed)) };
    handle.ok().filter(|handle| handle.check().is_ok())
}

/// The thread is running: on itself.
pub fn begun(record: &'static Record) {
    if let Some(thread) = object(record) {
        let os_thread = system::joinable();
        thread.life.lock().os_thread = os_thread;
        thread.native_id.store(record.native_id(), Ordering::Relaxed);
        // Release: with it, the native id.
        thread.begun.store(1, Ordering::Release);
        wait::wake_all(&thread.begun);
    }
}

/// The thread has failed: on itself.
pub fn failed(record: &'static Record, report: &Report) {
    if let Some(thread) = object(record) {
        let mut life = thread.life.lock();
        if !life.freed && life.report.is_none() {
            life.report = Some(report.clone());
        }
    }
}

/// The last thing that a thread does, when it counts no more; also for one that could not be started.
fn ended(record: &'static Record) {
    let raw = record.joinable.swap(ptr::null_mut(), Ordering::Relaxed);
    // SAFETY: from the resident that `start` gave away, and taken back once.
    let thread = unsafe { Resident::<Thread>::from_raw(raw) };
    let mut life = thread.life.lock();
    life.record = None;
    let freed = life.freed;
    race::before(&raw const thread.state);
    // Under the lock: of this and a free, the second sees the first. Release: all that the thread did happens
    // before the return of a join.
    thread.state.store(FINISHED, Ordering::Release);
    drop(life);
    // A native id will not come any more.
    thread.begun.store(1, Ordering::Release);
    wait::wake_all(&thread.begun);
    thread.tell_of_change();
    if freed {
        thread.abandon();
    }
}

impl Handle<Thread> {
    pub fn join(self) -> Result<(), Error> {
        self.join_within(|| Ok(Timeout::Forever))
    }

    pub fn try_join(self) -> Result<(), Error> {
        self.join_within(|| Ok(Timeout::Poll)).map_err(|error| match error {
            Error::TimedOut => Error::Busy,
            error => error,
        })
    }

    pub fn join_timeout(self, seconds: f64) -> Result<(), Error> {
        self.join_within(|| Timeout::from_seconds(seconds))
    }

    fn join_within(self, timeout: impl FnOnce() -> Result<Timeout, Error>) -> Result<(), Error> {
        let thread = self.reside()?;
        let timeout = timeout()?;
        thread.check_other()?;
        let _joins = thread.joiners.wait();
        thread.await_end(What::of(Verb::Join, self), timeout, &mut None)?;
        thread.outcome()
    }

    /// Joins if the thread has ended; else Busy. With `SeeOut::Wait` that may take its last few steps.
    pub fn join_if_finished(self, how: SeeOut) -> Result<(), Error> {
        let thread = self.reside()?;
        loop {
            // Acquire: as in `await_end`.
            match thread.state.load(Ordering::Acquire) {
                GONE => {
                    race::after(&raw const thread.state);
                    return thread.outcome();
                }
                FINISHED if thread.see_out(how) => (),
                // Told of when that has changed.
                _ => return Err(Error::Busy),
            }
        }
    }

    /// An error if the calling thread is the one.
    pub fn check_other(self) -> Result<(), Error> {
        self.reside()?.check_other()
    }

    /// Counts as one that joins, until it is dropped.
    pub fn watch(self) -> Result<Waiting<Thread>, Error> {
        Waiting::begin(self, |thread| &thread.joiners)
    }

    pub fn is_over(self) -> Result<bool, Error> {
        Ok(matches!(self.reside()?.state.load(Ordering::Acquire), FINISHED | GONE))
    }

    pub fn is_alive(self) -> Result<bool, Error> {
        let thread = self.reside()?;
        // Acquire: who sees it over sees what it did.
        let alive = thread.state.load(Ordering::Acquire) == RUNNING;
        if !alive {
            race::after(&raw const thread.state);
        }
        Ok(alive)
    }

    pub fn ident(self) -> Result<u64, Error> {
        Ok(self.reside()?.ident.load(Ordering::Relaxed))
    }

    /// Waits until the thread has begun, which it does as soon as the system lets it.
    pub fn native_id(self) -> Result<i64, Error> {
        let thread = self.reside()?;
        let block = Block::uninterruptible(What::of(Verb::NativeId, self));
        // Acquire: pairs with `begun`.
        while thread.begun.load(Ordering::Acquire) == 0 {
            block.sleep(&thread.begun, 0);
        }
        Ok(thread.native_id.load(Ordering::Relaxed))
    }

    /// The ident of the thread, as long as it runs. Async-signal-safe.
    pub fn runs_as(self) -> Option<u64> {
        let thread = self.alive().ok()?;
        // Relaxed: what is told of others.
        let runs = thread.state.load(Ordering::Relaxed) == RUNNING;
        runs.then(|| thread.ident.load(Ordering::Relaxed))
    }

    pub fn daemon(self) -> Result<bool, Error> {
        Ok(self.reside()?.daemon.load(Ordering::Relaxed))
    }

    /// Interrupts the wait that the thread is in, or its next one; nothing for one that has ended.
    pub fn interrupt(self) -> Result<(), Error> {
        let thread = self.reside()?;
        let life = thread.life.lock();
        let Some(record) = life.record else { return Ok(()) };
        // Under the lock: the record does not become another thread's meanwhile.
        record.interrupt.mark();
        drop(life);
        record.interrupt.rouse();
        Ok(())
    }

    /// The error that ended the thread, valid as long as the handle.
    pub fn error(self) -> Result<*const lt_error_info, Error> {
        let thread = self.reside()?;
        let life = thread.life.lock();
        life.report.as_ref().map(|report| ptr::from_ref(report.info())).ok_or(Error::Empty)
    }

    /// Gives the handle back; the thread goes on. Not while somebody joins.
    pub fn free(self) -> Result<(), Error> {
        let thread = self.end(|thread, _| thread.joiners.check())?;
        let mut life = thread.life.lock();
        life.freed = true;
        let report = life.report.take();
        // Relaxed: it changes under the lock.
        let over = thread.state.load(Ordering::Relaxed) != RUNNING;
        drop(life);
        if over {
            thread.abandon();
        }
        drop(report);
        Ok(())
    }
}

/// How somebody sees a thread out of the operating system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SeeOut {
    /// Waits for it.
    Wait,
    /// Only if it is out already, where the system can tell.
    IfOut,
    /// Has the system do it.
    Detach,
}

impl Thread {
    fn check_other(&self) -> Result<(), Error> {
        let own = this_thread::current().map(Record::ident);
        if own == Some(self.ident.load(Ordering::Relaxed)) { Err(Error::JoinSelf) } else { Ok(()) }
    }

    /// How it has ended.
    fn outcome(&self) -> Result<(), Error> {
        if self.life.lock().report.is_some() { Err(Error::Failed) } else { Ok(()) }
    }

    pub fn is_daemon(&self) -> bool {
        self.daemon.load(Ordering::Relaxed)
    }

    /// Waits until the thread is gone. `block` is the same for all that the caller waits for.
    pub fn await_end(&self, what: What, timeout: Timeout, block: &mut Option<Block>) -> Result<(), Error> {
        let how = if timeout == Timeout::Poll { SeeOut::IfOut } else { SeeOut::Wait };
        let mut told = None;
        loop {
            // Acquire: pairs with `ended`.
            match self.state.load(Ordering::Acquire) {
                GONE => {
                    race::after(&raw const self.state);
                    return Ok(());
                }
                FINISHED if self.see_out(how) => (),
                // It is on its last few steps.
                FINISHED => return Err(Error::TimedOut),
                state => {
                    let block = match &*block {
                        Some(block) => block,
                        None => block.insert(Block::begin(what, timeout)?),
                    };
                    if what.verb == Verb::Join && told.is_none() {
                        told = block.declare()?;
                    }
                    let wake = block.sleep(&self.state, state);
                    if wake.ends_wait() && self.state.load(Ordering::Acquire) == state {
                        block.reason(wake).map_or(Ok(()), Err)?;
                    }
                }
            }
        }
    }

    /// The thread has ended, and its handle was freed: nobody will join it.
    fn abandon(&self) {
        if !roll::leave_to_shutdown(self) {
            self.see_out(SeeOut::Detach);
        }
    }

    /// Sees the thread out of the operating system, unless somebody else does. False if it is not out yet.
    /// The caller is a resident.
    pub fn see_out(&self, how: SeeOut) -> bool {
        // Acquire: as in `await_end`. Relaxed on failure: the caller looks again.
        if self.state.compare_exchange(FINISHED, JOINING, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return true;
        }
        race::after(&raw const self.state);
        // None if it could not be started, or is another process's.
        let os_thread = self.life.lock().os_thread;
        let out = os_thread.is_none_or(|os_thread| see_out(os_thread, how));
        if out {
            self.life.lock().os_thread = None;
            roll::strike_out(self);
        }
        race::before(&raw const self.state);
        // Release: what the thread did happens before the other joins' returns too.
        self.state.store(if out { GONE } else { FINISHED }, Ordering::Release);
        self.tell_of_change();
        out
    }

    /// The state has changed, other than to `JOINING`.
    fn tell_of_change(&self) {
        wait::wake_all(&self.state);
        // Relaxed: set before the thread ran.
        let key = Key::of(self.handle.load(Ordering::Relaxed).addr());
        watchers::tell(key, Sides::ONE, watchers::AT_ONCE, News::New, &|| ());
    }
}

/// For a thread that is joinable, and was neither joined nor detached before.
fn see_out(os_thread: Native, how: SeeOut) -> bool {
    // SAFETY: as the caller makes sure. Joined or not: the one error there can be is that it is not out yet.
    unsafe {
        match how {
            // A cancellation point: who is cancelled there would leave the others waiting for him.
            SeeOut::Wait => cancellation::put_off(|| system::join(os_thread)),
            SeeOut::IfOut => system::try_join(os_thread),
            SeeOut::Detach => system::detach(os_thread),
        }
    }
}
