//! Futures: what becomes of a task.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | `PENDING` | nobody has begun | a worker, or one that waits for it: `RUNNING`; cancel: `CANCELLED` |
//! | `RUNNING` | a thread is in the task | its return: `FINISHED`; an error, lt_exit: `FAILED` |
//! | `FINISHED`, `FAILED`, `CANCELLED` | it is over | |
//!
//! Beside the state, in the same futex, stand `AWAITED`, while somebody sleeps on it, and `LISTENED`, when
//! there are callbacks or watchers: who ends the future must look after them. The task itself is a resident
//! of its future, from the submit to its end: a handle can be freed meanwhile.

use crate::base::arena::{Arena, Resident};
use crate::base::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::cleanup;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::heap::{self, Text, boxed};
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::unwind::{self, Caught, Frames};
use crate::base::{registry, this_thread, wait};
use crate::exec::pool;
use crate::exec::watch::Watchers;
use crate::thread::exception::{Description, LT_ERROR_EXITED};
use crate::thread::report::{Report, lt_error_info};
use crate::thread::{excepthook, failure};
use core::cell::Cell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use std::collections::VecDeque;

/// A task of the user's.
pub type TaskFunction = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;
/// A callback of the user's, given the future's handle and its own argument.
pub type Callback = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void);

/// What a future has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Future {
    /// The futex.
    state: AtomicU32,
    /// The ident of the thread that is in the task, while it is `RUNNING`.
    runner: AtomicU64,
    result: AtomicPtr<c_void>,
    /// How many threads wait: while there are some, the handle is not freed.
    waiters: AtomicU32,
    /// These do not change while the future lives: the task, the pool's handle, and the future's own.
    task: Cell<Option<(TaskFunction, *mut c_void)>>,
    pool: Cell<*mut c_void>,
    own: Cell<*mut c_void>,
    /// The process that the task belongs to, among those forked from each other.
    process: Cell<u32>,
    /// Whether the handle was freed before the task was over; changes under the life's lock.
    freed: AtomicBool,
    life: Mutex<Life>,
}

/// What the end of the task and the users of its handle must agree on. Empty unless the future is `LISTENED`
/// or `FAILED`, so that a new one finds it so.
#[derive(Debug)]
struct Life {
    callbacks: VecDeque<(Callback, *mut c_void)>,
    watchers: Watchers,
    report: Option<Box<Report>>,
}

impl Life {
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is a new one")]
    const NONE: Life = Life { callbacks: VecDeque::new(), watchers: Watchers::none(), report: None };
}

// SAFETY: the arguments are the user's, who asked for them to be passed on any thread.
unsafe impl Send for Life {}
// SAFETY: the cells are set while nobody else knows the handle.
unsafe impl Sync for Future {}

/// The runner before there is one.
const NOBODY: u64 = 0;

const PENDING: u32 = 0;
const RUNNING: u32 = 1;
const FINISHED: u32 = 2;
const FAILED: u32 = 3;
const CANCELLED: u32 = 4;
const STATE: u32 = 7;
const AWAITED: u32 = 8;
const LISTENED: u32 = 16;

fn is_over(state: u32) -> bool {
    state & STATE >= FINISHED
}

impl Object for Future {
    const KIND: Kind = Kind::Future;

    fn arena() -> &'static Arena<Future> {
        &FUTURES
    }

    fn blank() -> Future {
        Future {
            state: AtomicU32::new(PENDING),
            runner: AtomicU64::new(0),
            result: AtomicPtr::new(ptr::null_mut()),
            waiters: AtomicU32::new(0),
            task: Cell::new(None),
            pool: Cell::new(ptr::null_mut()),
            own: Cell::new(ptr::null_mut()),
            process: Cell::new(0),
            freed: AtomicBool::new(false),
            life: Mutex::new(Life::NONE),
        }
    }

    // Relaxed: nobody else has it.
    fn reset(&self) {
        self.state.store(PENDING, Ordering::Relaxed);
        self.runner.store(NOBODY, Ordering::Relaxed);
        self.result.store(ptr::null_mut(), Ordering::Relaxed);
        self.waiters.store(0, Ordering::Relaxed);
        self.task.set(None);
        self.pool.set(ptr::null_mut());
        self.own.set(ptr::null_mut());
        self.process.set(0);
        self.freed.store(false, Ordering::Relaxed);
        let life = core::mem::replace(&mut *self.life.lock(), Life::NONE);
        drop(life);
    }

    /// Nobody waits. The task and its callbacks are the parent's, unless the forking thread is in it.
    fn forget(&self, _word: &AtomicU64) {
        // Relaxed: there is one thread.
        let state = self.state.load(Ordering::Relaxed);
        self.waiters.store(0, Ordering::Relaxed);
        let mut life = self.life.lock();
        life.watchers.forget();
        // Without their destructor: nothing is freed here.
        core::mem::forget(core::mem::take(&mut life.callbacks));
        if !is_over(state) {
            let mine = this_thread::existing()
                .is_some_and(|record| record.ident() == self.runner.load(Ordering::Relaxed));
            let state = if mine && state & STATE == RUNNING { RUNNING } else { CANCELLED };
            self.state.store(state, Ordering::Relaxed);
        }
    }
}

static FUTURES: Arena<Future> = Arena::new();

/// The task's residence in its future, given away to the pool.
#[derive(Clone, Copy, Debug)]
pub struct Promise(*const ());

impl Handle<Future> {
    /// A future for a task of this pool, and the residence of the task.
    pub fn new_future(
        function: TaskFunction,
        argument: *mut c_void,
        pool: *mut c_void,
    ) -> Result<(Handle<Future>, Promise), Error> {
        let handle = Handle::new(0, |future: &Future| {
            future.process.set(registry::forks());
            future.task.set(Some((function, argument)));
            future.pool.set(pool);
        })?;
        let resident = handle.reside()?;
        resident.own.set(handle.into_raw());
        Ok((handle, Promise(resident.into_raw())))
    }

    /// Waits for the end of the task: its result.
    pub fn result(self) -> Result<*mut c_void, Error> {
        self.result_within(|| Ok(Timeout::Forever))
    }

    pub fn try_result(self) -> Result<*mut c_void, Error> {
        match self.alive()?.outcome() {
            Some(outcome) => outcome,
            None => Err(Error::Busy),
        }
    }

    pub fn result_timeout(self, seconds: f64) -> Result<*mut c_void, Error> {
        self.result_within(|| Timeout::from_seconds(seconds))
    }

    fn result_within(self, timeout: impl FnOnce() -> Result<Timeout, Error>) -> Result<*mut c_void, Error> {
        let future = self.alive()?;
        let timeout = timeout()?;
        if let Some(outcome) = future.outcome() {
            return outcome;
        }
        if timeout != Timeout::Poll {
            self.help()?;
        }
        self.await_outcome(timeout)
    }

    fn await_outcome(self, timeout: Timeout) -> Result<*mut c_void, Error> {
        let future = self.reside()?;
        let _waiter = Waiter::new(&future.waiters);
        let mut block = None;
        let mut spin = Spin::new();
        loop {
            if let Some(outcome) = future.outcome() {
                return outcome;
            }
            if timeout != Timeout::Poll && spin.again() {
                continue;
            }
            let block = match &block {
                Some(block) => block,
                None => block.insert(Block::begin(timeout)?),
            };
            let Some(state) = future.mark(AWAITED) else { continue };
            let wake = block.sleep(&future.state, state);
            if wake.ends_wait() && future.outcome().is_none() {
                block.reason(wake).map_or(Ok(()), Err)?;
            }
        }
    }

    /// On a worker of the future's own pool: runs the task, if nobody has begun it. So a task may wait for
    /// others of its pool, however few workers that has. Whether it ran it.
    pub fn help(self) -> Result<bool, Error> {
        let future = self.alive()?;
        let Some(record) = this_thread::current() else { return Ok(false) };
        // Relaxed: if this thread is in the task, it knows.
        let state = future.state.load(Ordering::Relaxed);
        if state & STATE == RUNNING && future.runner.load(Ordering::Relaxed) == record.ident() {
            return Err(Error::WaitsForItself);
        }
        if state & STATE == PENDING && !record.pool.get().is_null() && record.pool.get() == future.pool.get()
        {
            let mut help = Help { promise: Promise(self.reside()?.into_raw()), ran: false };
            let pool = future.pool.get();
            // SeqCst: see `free_future`. It waits, in its way.
            future.waiters.fetch_add(1, Ordering::SeqCst);
            let waiting = ptr::from_ref(future).cast_mut().cast();
            // SAFETY: each function gets the argument that it asks for; nothing here has a destructor.
            unsafe {
                cleanup::call(Help::run, (&raw mut help).cast(), stop_waiting, waiting);
                stop_waiting(waiting);
            }
            if help.ran {
                // SAFETY: the handle of the future's pool.
                unsafe { pool::passed_over(pool, true) };
            }
            return Ok(help.ran);
        }
        Ok(false)
    }

    /// The error that the task failed with, valid as long as the handle.
    pub fn future_error(self) -> Result<*const lt_error_info, Error> {
        let future = self.alive()?;
        let report = future.life.lock().report.as_deref().map(ptr::from_ref).ok_or(Error::Empty)?;
        // SAFETY: boxed, and alive until the handle is freed, which by contract is not now.
        Ok(unsafe { (*report).info() })
    }

    pub fn is_over(self) -> Result<bool, Error> {
        // Acquire, here and below: who sees the end sees what the task did.
        Ok(is_over(self.alive()?.state.load(Ordering::Acquire)))
    }

    pub fn is_running(self) -> Result<bool, Error> {
        Ok(self.alive()?.state.load(Ordering::Acquire) & STATE == RUNNING)
    }

    pub fn is_cancelled(self) -> Result<bool, Error> {
        Ok(self.alive()?.state.load(Ordering::Acquire) & STATE == CANCELLED)
    }

    pub fn has_failed(self) -> Result<bool, Error> {
        Ok(self.alive()?.state.load(Ordering::Acquire) & STATE == FAILED)
    }

    /// Ends the future, unless the task has begun.
    pub fn cancel_future(self) -> Result<(), Error> {
        let resident = self.reside()?;
        if resident.cancel()? {
            // SAFETY: the handle of the future's pool.
            unsafe { pool::passed_over(resident.pool.get(), false) };
            let promise = Promise(resident.into_raw());
            promise.conclude();
        }
        Ok(())
    }

    /// Has the callback called when the task is over: at once, if it is.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn add_done_callback(self, callback: Callback, argument: *mut c_void) -> Result<(), Error> {
        if self.alive()?.listen(|life| {
            heap::reserve(|| life.callbacks.try_reserve(1))?;
            life.callbacks.push_back((callback, argument));
            Ok(())
        })? {
            return Ok(());
        }
        let mut call = Call { callback, future: self.into_raw(), argument };
        call.run();
        Ok(())
    }

    /// Gives the handle back; the task goes on. Not while somebody waits.
    pub fn free_future(self) -> Result<(), Error> {
        let future = self.reside()?;
        self.free(
            // SeqCst: of a wait and a free that come together, one sees the other.
            |_, future, _| {
                if future.waiters.load(Ordering::SeqCst) == 0 { Ok(()) } else { Err(Error::Busy) }
            },
        )?;
        let mut life = future.life.lock();
        future.freed.store(true, Ordering::Relaxed);
        let report = life.report.take();
        drop(life);
        drop(report);
        Ok(())
    }

    /// Puts a watcher in, by `f`, if the task is not over; whether it did. It counts as one that waits.
    pub fn watch(self, f: impl FnOnce(&Watchers)) -> Result<bool, Error> {
        let future = self.alive()?;
        let waiter = Waiter::new(&future.waiters);
        self.check()?;
        let listens = future.listen(|life| {
            f(&life.watchers);
            Ok(())
        })?;
        if listens {
            core::mem::forget(waiter);
        }
        Ok(listens)
    }

    /// Takes a watcher out, by `f`, that was put in.
    pub fn unwatch(self, f: impl FnOnce(&Watchers)) -> Result<(), Error> {
        let future = self.alive()?;
        f(&future.life.lock().watchers);
        drop(Waiter(&future.waiters));
        Ok(())
    }

    /// Takes the report of a failed task, to be told elsewhere.
    pub fn take_report(self) -> Result<Option<Box<Report>>, Error> {
        Ok(self.alive()?.life.lock().report.take())
    }

    fn alive(self) -> Result<&'static Future, Error> {
        // Acquire: the body is that of the object that the word was seen alive for.
        self.state(Ordering::Acquire)?;
        // SAFETY: the word was just seen alive.
        Ok(unsafe { self.body() })
    }
}

/// A worker's run of the task that it waits for.
struct Help {
    promise: Promise,
    ran: bool,
}

impl Help {
    unsafe extern "C-unwind" fn run(help: *mut c_void) {
        // SAFETY: `help` passes one.
        let help = unsafe { &mut *help.cast::<Help>() };
        help.ran = help.promise.run();
    }
}

/// A worker that ran the task does not wait for it any more.
///
/// # Safety
/// The argument is a future.
unsafe extern "C-unwind" fn stop_waiting(future: *mut c_void) {
    // SAFETY: as the caller vouches.
    let future = unsafe { &*future.cast::<Future>() };
    // In a child that the task has forked, the count is that of the child's own threads.
    if future.process.get() == registry::forks() {
        future.waiters.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A thread that waits.
struct Waiter<'a>(&'a AtomicU32);

impl Waiter<'_> {
    fn new(waiters: &AtomicU32) -> Waiter<'_> {
        // SeqCst: see `free_future`.
        waiters.fetch_add(1, Ordering::SeqCst);
        Waiter(waiters)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Future {
    /// What became of the task, once it is over.
    fn outcome(&self) -> Option<Result<*mut c_void, Error>> {
        // Acquire: what the task did happens before the return of who waited for it.
        match self.state.load(Ordering::Acquire) & STATE {
            FINISHED => Some(Ok(self.result.load(Ordering::Relaxed))),
            FAILED => Some(Err(Error::Failed)),
            CANCELLED => Some(Err(Error::Cancelled)),
            _ => None,
        }
    }

    /// Sets a flag, unless the task is over; the state with it.
    fn mark(&self, flag: u32) -> Option<u32> {
        let marked = |state: u32| (!is_over(state)).then_some(state | flag);
        // AcqRel: the flag's reader sees what was made ready for it.
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, marked).ok().map(|state| state | flag)
    }

    /// Makes this thread the one that runs the task. False if that is over, or begun.
    fn begin(&self, record: &Record) -> bool {
        let begun = |state: u32| (state & STATE == PENDING).then_some(state | RUNNING);
        // Relaxed: what the task needs was published by the handle.
        if self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begun).is_err() {
            return false;
        }
        // Relaxed: only the thread that finds itself there needs to see it.
        self.runner.store(record.ident(), Ordering::Relaxed);
        true
    }

    /// Whether this call cancelled it. Busy if the task has begun, or is over.
    fn cancel(&self) -> Result<bool, Error> {
        let cancelled = |state: u32| (state & STATE == PENDING).then_some(CANCELLED);
        match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, cancelled) {
            Ok(before) => {
                self.wake(before);
                Ok(true)
            }
            Err(state) if state & STATE == CANCELLED => Ok(false),
            Err(_) => Err(Error::Busy),
        }
    }

    /// The task is over. Whether there may be callbacks.
    fn end(&self, state: u32) -> bool {
        // AcqRel: what the task did happens before the return of who waits; sees who listens.
        let before = self.state.swap(state, Ordering::AcqRel);
        self.wake(before);
        before & LISTENED != 0
    }

    /// Wakes those that the state before the end speaks of.
    fn wake(&self, before: u32) {
        if before & AWAITED != 0 {
            wait::wake_all(&self.state);
        }
        if before & LISTENED != 0 {
            let failed = self.state.load(Ordering::Relaxed) & STATE == FAILED;
            self.life.lock().watchers.tell(failed);
        }
    }

    /// Lets `f` add something that listens, if the task is not over. Whether it did.
    fn listen(&self, f: impl FnOnce(&mut Life) -> Result<(), Error>) -> Result<bool, Error> {
        let mut life = self.life.lock();
        if self.mark(LISTENED).is_none() {
            return Ok(false);
        }
        f(&mut life)?;
        Ok(true)
    }

    fn next_callback(&self) -> Option<(Callback, *mut c_void)> {
        self.life.lock().callbacks.pop_front()
    }

    /// The task has failed. The report, if nobody can ask for it any more; without memory there is none.
    fn fail(&self, report: Report) -> Option<Box<Report>> {
        let mut report = boxed(report).ok();
        let mut life = self.life.lock();
        if !self.freed.load(Ordering::Relaxed) {
            life.report = report.take();
        }
        // Under the lock: who sees it failed finds the report.
        let before = self.state.swap(FAILED, Ordering::AcqRel);
        drop(life);
        self.wake(before);
        report
    }
}

// Nothing here has a destructor: tasks and callbacks may be left by lt_exit.
impl Promise {
    /// # Safety
    /// It was not released.
    unsafe fn future<'a>(self) -> &'a Future {
        // SAFETY: as the caller vouches.
        unsafe { Resident::<Future>::peek(self.0) }
    }

    /// Whether there is nothing left to do for it.
    pub fn is_over(self) -> bool {
        // SAFETY: not released yet. Relaxed: nothing is read of it.
        is_over(unsafe { self.future() }.state.load(Ordering::Relaxed))
    }

    /// Runs the task, unless it is cancelled, or begun; whether it did. Releases the promise.
    pub fn run(self) -> bool {
        // SAFETY: released by `conclude` or here, once.
        let future = unsafe { self.future() };
        let (Some(record), Some((function, argument))) =
            (this_thread::current().filter(|record| future.begin(record)), future.task.get())
        else {
            self.release();
            return false;
        };
        let mut task = Task { function, argument, result: ptr::null_mut() };
        // SAFETY: the user gave both; and `exited` asks for a promise.
        match unsafe { task.run(record, exited, self.0.cast_mut().cast()) } {
            None => {
                // Relaxed: published by the state.
                future.result.store(task.result, Ordering::Relaxed);
                if !future.end(FINISHED) {
                    self.release();
                    return true;
                }
            }
            Some(problem) => {
                if let Some(report) = future.fail(problem.report(record)) {
                    excepthook::tell(heap::unboxed(report));
                }
            }
        }
        self.conclude();
        true
    }

    /// Ends it without running: its pool does not.
    pub fn cancel(self) {
        // SAFETY: released by `conclude` or here, once.
        if unsafe { self.future() }.cancel() == Ok(true) {
            self.conclude();
        } else {
            self.release();
        }
    }

    /// The future is over: calls who wants to hear of it, and releases the promise.
    fn conclude(self) {
        // SAFETY: not released yet.
        let future = unsafe { self.future() };
        // Relaxed: whoever added a callback before the end has done so under the lock that is taken.
        while let Some((callback, argument)) = future.next_callback() {
            let mut call = Call { callback, future: future.own.get(), argument };
            let call = (&raw mut call).cast();
            // SAFETY: each function gets the argument that it asks for.
            unsafe { cleanup::call(Call::run_raw, call, concluded, self.0.cast_mut().cast()) };
        }
        self.release();
    }

    /// The task is over, or was never to be.
    pub fn release(self) {
        // SAFETY: given away by `into_raw`, and taken back once. In a child that was forked meanwhile, by the
        // task or a callback, the residence is forgotten already.
        unsafe {
            if self.future().process.get() == registry::forks() {
                drop(Resident::<Future>::from_raw(self.0));
            }
        }
    }
}

/// The task was left by lt_exit.
///
/// # Safety
/// The argument is a promise.
unsafe extern "C-unwind" fn exited(promise: *mut c_void) {
    let promise = Promise(promise.cast_const().cast());
    // SAFETY: as the caller vouches; not released yet.
    let future = unsafe { promise.future() };
    let description = Description {
        kind: LT_ERROR_EXITED,
        code: 0,
        type_name: Text::Static(c"exit"),
        message: Text::Static(c"the task called lt_exit()"),
    };
    // Nobody hears of it but those who ask.
    let _ = future.fail(Report::of(this_thread::current(), description, Frames::here()));
    promise.conclude();
}

/// A callback was left by lt_exit: the others are called all the same.
///
/// # Safety
/// The argument is a promise.
unsafe extern "C-unwind" fn concluded(promise: *mut c_void) {
    Promise(promise.cast_const().cast()).conclude();
}

/// One call of a task.
pub struct Task {
    pub function: TaskFunction,
    pub argument: *mut c_void,
    pub result: *mut c_void,
}

impl Task {
    /// Calls the function: what it threw, if it did. `exited` is told if it is left by lt_exit.
    ///
    /// # Safety
    /// The task's function may be called with its argument, and `exited` with its own.
    pub unsafe fn run(
        &mut self,
        record: &'static Record,
        exited: unwind::Function,
        argument: *mut c_void,
    ) -> Option<Problem> {
        let outer = failure::begin(record);
        let mut guarded = Guarded { task: self, threw: false, caught: MaybeUninit::uninit() };
        // SAFETY: as the caller vouches; nothing here has a destructor.
        unsafe { cleanup::call(Guarded::run, (&raw mut guarded).cast(), exited, argument) };
        let failed = failure::end(record, outer);
        if guarded.threw {
            // SAFETY: written by `Guarded::run`.
            return Some(Problem::Threw(unsafe { guarded.caught.assume_init() }));
        }
        failed.map(Problem::Failed)
    }
}

/// What went wrong in a task.
pub enum Problem {
    /// It threw this, on the calling thread.
    Threw(Caught),
    /// It said so, and returned.
    Failed(Report),
}

impl Problem {
    pub fn report(self, record: &'static Record) -> Report {
        match self {
            // SAFETY: caught on this thread.
            Problem::Threw(caught) => unsafe { excepthook::report(record, caught) },
            Problem::Failed(report) => report,
        }
    }
}

struct Guarded<'a> {
    task: &'a mut Task,
    threw: bool,
    /// Written if it threw: it is large, and tasks are many.
    caught: MaybeUninit<Caught>,
}

impl Guarded<'_> {
    unsafe extern "C-unwind" fn run(guarded: *mut c_void) {
        // SAFETY: `Task::run` passes one.
        unsafe {
            let guarded = &mut *guarded.cast::<Guarded>();
            if let Some(caught) = unwind::call(Guarded::call, ptr::from_mut(guarded.task).cast()) {
                guarded.threw = true;
                guarded.caught.write(caught);
            }
        }
    }

    unsafe extern "C-unwind" fn call(task: *mut c_void) {
        // SAFETY: `run` passes a task, whose function is the user's.
        unsafe {
            let task = &mut *task.cast::<Task>();
            task.result = (task.function)(task.argument);
        }
    }
}

/// One call of a callback.
struct Call {
    callback: Callback,
    future: *mut c_void,
    argument: *mut c_void,
}

impl Call {
    /// Calls it; an error is told to the hook.
    fn run(&mut self) {
        // SAFETY: the callback is the user's; nothing here has a destructor.
        let caught = unsafe { unwind::call(Call::call, ptr::from_mut(self).cast()) };
        if let (Some(caught), Some(record)) = (caught, this_thread::current()) {
            // Not as an error of this thread, which may be anybody's: it goes on.
            // SAFETY: caught here.
            excepthook::tell(unsafe { excepthook::report(record, caught) });
        }
    }

    unsafe extern "C-unwind" fn run_raw(call: *mut c_void) {
        // SAFETY: `conclude` passes a call.
        unsafe { &mut *call.cast::<Call>() }.run();
    }

    unsafe extern "C-unwind" fn call(call: *mut c_void) {
        // SAFETY: `run` passes a call, and the callback is the user's.
        unsafe {
            let call = &*call.cast::<Call>();
            (call.callback)(call.future, call.argument);
        }
    }
}
