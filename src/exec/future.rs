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
use crate::base::awaited::{Awaited, Waiting};
use crate::base::block::Block;
use crate::base::cleanup;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::heap::Text;
use crate::base::mutex::Mutex;
use crate::base::race;
use crate::base::record::Record;
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::unwind::Frames;
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{self, Key, News, Sides};
use crate::base::{registry, this_thread, wait};
use crate::exec::callbacks::{Call, Callback, Callbacks, Listed};
use crate::exec::help::Help;
use crate::exec::line::{Place, Queued};
use crate::exec::pool;
use crate::exec::task::{Problem, Task, TaskFunction};
use crate::exec::watch::Watchers;
use crate::thread::excepthook;
use crate::thread::exception::{Description, LT_ERROR_EXITED};
use crate::thread::report::{Report, lt_error_info};
use core::cell::Cell;
use core::ffi::c_void;
use core::mem;
use core::ptr;

/// What a future has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Future {
    /// The futex.
    state: AtomicU32,
    /// The ident of the thread that is in the task, while it is `RUNNING`.
    runner: AtomicU64,
    result: AtomicPtr<c_void>,
    /// While it is, the handle is not freed.
    pub(super) awaited: Awaited,
    /// These do not change while the future lives: the task, the pool's handle, and the future's own.
    task: Cell<Option<(TaskFunction, *mut c_void)>>,
    pub(super) pool: Cell<*mut c_void>,
    own: Cell<*mut c_void>,
    /// Where the task stands in the line of its pool.
    pub(super) place: Place,
    /// Whether the handle was freed before the task was over; changes under the life's lock.
    freed: AtomicBool,
    life: Mutex<Life>,
}

/// What the end of the task and the users of its handle must agree on. Empty unless the future is `LISTENED`
/// or `FAILED`, so that a new one finds it so.
#[derive(Debug)]
struct Life {
    callbacks: Callbacks,
    watchers: Watchers,
    report: Option<Report>,
}

impl Life {
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is a new one")]
    const NONE: Life = Life { callbacks: Callbacks::none(), watchers: Watchers::none(), report: None };
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
            awaited: Awaited::by_none(),
            task: Cell::new(None),
            pool: Cell::new(ptr::null_mut()),
            own: Cell::new(ptr::null_mut()),
            place: Place::nowhere(),
            freed: AtomicBool::new(false),
            life: Mutex::new(Life::NONE),
        }
    }

    // Relaxed: nobody else has it.
    fn reset(&self) {
        self.state.store(PENDING, Ordering::Relaxed);
        self.runner.store(NOBODY, Ordering::Relaxed);
        self.result.store(ptr::null_mut(), Ordering::Relaxed);
        self.awaited.forget();
        self.task.set(None);
        self.pool.set(ptr::null_mut());
        self.own.set(ptr::null_mut());
        self.place.reset();
        self.freed.store(false, Ordering::Relaxed);
        let life = mem::replace(&mut *self.life.lock(), Life::NONE);
        drop(life);
    }

    /// Nobody waits. The task and its callbacks are the parent's, unless the forking thread is in it.
    fn forget(&self, _word: &AtomicU64) {
        // Relaxed: there is one thread.
        let state = self.state.load(Ordering::Relaxed);
        self.awaited.forget();
        self.place.clear();
        let mut life = self.life.lock();
        life.watchers.forget();
        life.callbacks.abandon();
        if !is_over(state) {
            let mine = this_thread::existing()
                .is_some_and(|record| record.ident() == self.runner.load(Ordering::Relaxed));
            let state = if mine && state & STATE == RUNNING { RUNNING } else { CANCELLED };
            self.state.store(state, Ordering::Relaxed);
        }
    }
}

static FUTURES: Arena<Future> = Arena::new();

/// The task's residence in its future, given away to the pool. In a forked child those of the parent are void.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    future: *const (),
    /// The process that it belongs to, among those forked from each other.
    process: u32,
}

impl Handle<Future> {
    /// A future for a task of this pool, and the residence of the task.
    pub fn new(
        function: TaskFunction,
        argument: *mut c_void,
        pool: *mut c_void,
    ) -> Result<(Handle<Future>, Promise), Error> {
        let handle = Handle::make(0, |future: &Future| {
            future.task.set(Some((function, argument)));
            future.pool.set(pool);
        })?;
        let resident = handle.reside()?;
        resident.own.set(handle.into_raw());
        let promise = Promise::of(resident);
        // SAFETY: not released yet.
        unsafe { promise.future() }.place.set(Queued::Promised(promise));
        // SAFETY: not released yet.
        race::before(&raw const unsafe { promise.future() }.place);
        Ok((handle, promise))
    }

    /// Waits for the end of the task: its result.
    pub fn result(self) -> Result<*mut c_void, Error> {
        self.result_within(|| Ok(Timeout::Forever))
    }

    pub fn try_result(self) -> Result<*mut c_void, Error> {
        self.outcome(self.alive()?).unwrap_or(Err(Error::Busy))
    }

    pub fn result_timeout(self, seconds: f64) -> Result<*mut c_void, Error> {
        self.result_within(|| Timeout::from_seconds(seconds))
    }

    fn result_within(self, timeout: impl FnOnce() -> Result<Timeout, Error>) -> Result<*mut c_void, Error> {
        let future = self.alive()?;
        let timeout = timeout()?;
        if let Some(outcome) = self.outcome(future) {
            return outcome;
        }
        let _aside = match timeout {
            Timeout::Poll => None,
            _ => match self.help()? {
                Help::NoRoom => Some(self.stand_aside()?),
                Help::Ran | Help::NotNeeded => None,
            },
        };
        self.await_outcome(timeout)
    }

    /// What became of the task, seen by who is no resident: still that of this future, if the handle is alive after.
    fn outcome(self, future: &Future) -> Option<Result<*mut c_void, Error>> {
        let outcome = future.outcome()?;
        Some(self.check().and(outcome))
    }

    fn await_outcome(self, timeout: Timeout) -> Result<*mut c_void, Error> {
        let future = self.wait()?;
        let mut block = None;
        let mut told = None;
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
                None => block.insert(Block::begin(What::of(Verb::Wait, self), timeout)?),
            };
            if told.is_none() {
                told = block.declare()?;
            }
            let Some(state) = future.mark(AWAITED) else { continue };
            let wake = block.sleep(&future.state, state);
            if wake.ends_wait() && future.outcome().is_none() {
                block.reason(wake).map_or(Ok(()), Err)?;
            }
        }
    }

    /// The error that the task failed with, valid as long as the handle.
    pub fn error(self) -> Result<*const lt_error_info, Error> {
        let future = self.alive()?;
        let life = future.life.lock();
        life.report.as_ref().map(|report| ptr::from_ref(report.info())).ok_or(Error::Empty)
    }

    pub fn is_over(self) -> Result<bool, Error> {
        // Acquire, here and below: who sees the end sees what the task did.
        let future = self.alive()?;
        let over = is_over(future.state.load(Ordering::Acquire));
        if over {
            race::after(&raw const future.state);
        }
        Ok(over)
    }

    /// The ident of the thread that is in the task. Async-signal-safe.
    pub fn runner(self) -> Option<u64> {
        let future = self.alive().ok()?;
        // Relaxed: what is told of others. Nobody's at the very beginning of the task.
        let runs = future.state.load(Ordering::Relaxed) & STATE == RUNNING;
        runs.then(|| future.runner.load(Ordering::Relaxed)).filter(|runner| *runner != NOBODY)
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
    pub fn cancel(self) -> Result<(), Error> {
        let resident = self.reside()?;
        match resident.cancel() {
            Ok(listened) => {
                pool::pass_over(&resident);
                Promise::of(resident).conclude_if(listened);
                Ok(())
            }
            Err(Error::Cancelled) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Has the callback called when the task is over: at once, if it is and the earlier ones were called.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn add_done_callback(self, callback: Callback, argument: *mut c_void) -> Result<(), Error> {
        self.check()?;
        let listed = Listed::new(callback, argument)?;
        // The residence of who calls it, should that be this thread.
        let promise = match self.reside() {
            Ok(resident) => Promise::of(resident),
            Err(error) => {
                // SAFETY: never added.
                unsafe { Listed::call_on(listed, ptr::null_mut()) };
                return Err(error);
            }
        };
        // SAFETY: not released yet.
        promise.conclude_if(unsafe { promise.future() }.add_callback(listed));
        Ok(())
    }

    /// Gives the handle back; the task goes on. Not while somebody waits.
    pub fn free(self) -> Result<(), Error> {
        let future = self.end(|future, _| future.awaited.check())?;
        let mut life = future.life.lock();
        future.freed.store(true, Ordering::Relaxed);
        let report = life.report.take();
        drop(life);
        drop(report);
        Ok(())
    }

    /// Puts a watcher in, by `f`, if the task is not over; then it counts as one that waits.
    pub fn watch(self, f: impl FnOnce(&Watchers)) -> Result<Option<Waiting<Future>>, Error> {
        let future = self.wait()?;
        let mut life = future.life.lock();
        let listens = future.listen(&mut life);
        if listens {
            f(&life.watchers);
        }
        drop(life);
        Ok(listens.then_some(future))
    }

    /// Counts as one that waits.
    pub fn wait(self) -> Result<Waiting<Future>, Error> {
        Waiting::begin(self, |future| &future.awaited)
    }

    /// An error if the calling thread is in the task.
    pub fn check_other(self) -> Result<(), Error> {
        let own = this_thread::current().map(Record::ident);
        if own.is_some_and(|own| self.alive().is_ok_and(|future| future.is_run_by(own))) {
            return Err(Error::WaitsForItself);
        }
        self.check()
    }

    /// Takes the report of a failed task, to be told elsewhere.
    pub fn take_report(self) -> Result<Option<Report>, Error> {
        Ok(self.alive()?.life.lock().report.take())
    }
}

impl Future {
    /// Takes a watcher out, by `f`, that was put in.
    pub fn unwatch(&self, f: impl FnOnce(&Watchers)) {
        f(&self.life.lock().watchers);
    }

    /// What became of the task, once it is over.
    fn outcome(&self) -> Option<Result<*mut c_void, Error>> {
        // Acquire: what the task did happens before the return of who waited for it.
        let state = self.state.load(Ordering::Acquire) & STATE;
        if is_over(state) {
            race::after(&raw const self.state);
        }
        match state {
            // And before a look at the handle that comes after.
            FINISHED => Some(Ok(self.result.load(Ordering::Acquire))),
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

    /// Whether anybody has pending work with it, seen by this thread.
    pub(super) fn is_pending(&self) -> bool {
        // Relaxed: the pool's lock decides who runs it.
        self.state.load(Ordering::Relaxed) & STATE == PENDING
    }

    /// Whether the thread with this ident is in the task.
    pub(super) fn is_run_by(&self, ident: u64) -> bool {
        // Relaxed: if it is, it knows.
        self.state.load(Ordering::Relaxed) & STATE == RUNNING && self.runner.load(Ordering::Relaxed) == ident
    }

    // Those who end a future conclude it if they are told so: somebody listens.

    /// Cancels it. Cancelled if it is so already, Busy if the task has begun, or is over.
    fn cancel(&self) -> Result<bool, Error> {
        let cancelled = |state: u32| (state & STATE == PENDING).then_some(CANCELLED);
        match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, cancelled) {
            Ok(before) => Ok(self.wake(before)),
            Err(state) if state & STATE == CANCELLED => Err(Error::Cancelled),
            Err(_) => Err(Error::Busy),
        }
    }

    /// The task has returned.
    fn finish(&self, result: *mut c_void) -> bool {
        race::before(&raw const self.state);
        // Relaxed: published by the state.
        self.result.store(result, Ordering::Relaxed);
        // AcqRel: what the task did happens before the return of who waits; sees who listens.
        self.wake(self.state.swap(FINISHED, Ordering::AcqRel))
    }

    /// Wakes those that the state before the end speaks of. Whether somebody listens.
    fn wake(&self, before: u32) -> bool {
        if before & AWAITED != 0 {
            wait::wake_all(&self.state);
        }
        if before & LISTENED != 0 {
            let failed = self.state.load(Ordering::Relaxed) & STATE == FAILED;
            self.life.lock().watchers.tell(failed);
            let key = Key::of(self.own.get().addr());
            watchers::tell(key, Sides::ONE, watchers::AT_ONCE, News::New, &|| ());
        }
        before & LISTENED != 0
    }

    /// Has who ends the future look after what listens. False if it is over.
    fn listen(&self, life: &mut Life) -> bool {
        let listens = self.mark(LISTENED).is_some();
        if listens {
            life.callbacks.owe();
        }
        listens
    }

    /// Puts a callback at the end of the list. Whether the calling thread is to call those in the list.
    fn add_callback(&self, listed: *mut Listed) -> bool {
        let mut life = self.life.lock();
        // SAFETY: new, as the caller made it.
        unsafe { life.callbacks.add(listed) };
        race::before(&raw const self.life);
        !self.listen(&mut life) && life.callbacks.owe()
    }

    fn next_callback(&self) -> Option<*mut Listed> {
        self.life.lock().callbacks.take_next()
    }

    /// The task has failed; the hook is told if nobody else can ask. Out of line, as `Problem::report`.
    #[cold]
    #[inline(never)]
    fn fail_by(&self, problem: Problem, record: &'static Record) -> bool {
        let (report, listened) = self.fail(problem.report(record));
        if let Some(report) = report {
            excepthook::tell(report);
        }
        listened
    }

    /// The task has failed. The report, if nobody can ask for it any more.
    fn fail(&self, report: Report) -> (Option<Report>, bool) {
        race::before(&raw const self.state);
        let mut report = Some(report);
        let mut life = self.life.lock();
        if !self.freed.load(Ordering::Relaxed) {
            life.report = report.take();
        }
        // Under the lock: who sees it failed finds the report.
        let before = self.state.swap(FAILED, Ordering::AcqRel);
        drop(life);
        (report, self.wake(before))
    }
}

// Nothing here has a destructor: tasks and callbacks may be left by lt_exit.
impl Promise {
    fn of(resident: Resident<Future>) -> Promise {
        Promise { future: resident.into_raw(), process: registry::forks() }
    }

    /// # Safety
    /// It was not released.
    pub(super) unsafe fn future<'a>(self) -> &'a Future {
        // SAFETY: as the caller vouches.
        unsafe { Resident::<Future>::peek(self.future) }
    }

    /// Not in a child that was forked since it was made.
    pub(super) fn is_valid(self) -> bool {
        self.process == registry::forks()
    }

    /// Runs the task, unless it is cancelled, or begun; whether it did. Releases the promise.
    pub fn run(self) -> bool {
        // SAFETY: released by `conclude_if` or here, once.
        let future = unsafe { self.future() };
        let (Some(record), Some((function, argument))) =
            (this_thread::current().filter(|record| future.begin(record)), future.task.get())
        else {
            self.release();
            return false;
        };
        race::after(&raw const future.place);
        let traced = future.place.traced();
        let shown = Some((function, traced));
        let mut task = Task { function, argument, result: ptr::null_mut(), shown };
        // SAFETY: the user gave both; and `exited` asks for a promise, which stays where it is.
        let listened = match unsafe { task.run(record, exited, (&raw const self).cast_mut().cast()) } {
            None => future.finish(task.result),
            Some(problem) => future.fail_by(problem, record),
        };
        self.conclude_if(listened);
        true
    }

    /// Ends it without running: its pool does not.
    pub fn cancel(self) {
        // SAFETY: released by `conclude_if`, once.
        self.conclude_if(unsafe { self.future() }.cancel() == Ok(true));
    }

    /// The future is over, or was never to be: calls who wants to hear of it, if anybody does and it was left to
    /// this thread, and releases the promise.
    fn conclude_if(self, owing: bool) {
        // SAFETY: not released yet.
        let future = unsafe { self.future() };
        while let Some(listed) = if owing { future.next_callback() } else { None } {
            // What was done before the add, the end of the task, and the callbacks before.
            race::after(&raw const future.life);
            race::after(&raw const future.state);
            // SAFETY: each function gets the argument that it asks for; the promise stays where it is.
            unsafe {
                let mut call = Listed::call_on(listed, future.own.get());
                let promise = (&raw const self).cast_mut().cast();
                cleanup::call(Call::run, (&raw mut call).cast(), concluded, promise);
            }
            race::before(&raw const future.life);
        }
        self.release();
    }

    /// The task is over, or was never to be.
    pub fn release(self) {
        // In a child that was forked meanwhile, by the task or a callback, the residence is forgotten already.
        if self.is_valid() {
            // SAFETY: given away by `into_raw`, and taken back once.
            drop(unsafe { Resident::<Future>::from_raw(self.future) });
        }
    }
}

/// The task was left by lt_exit.
///
/// # Safety
/// The argument is a promise.
unsafe extern "C-unwind" fn exited(promise: *mut c_void) {
    // SAFETY: as the caller vouches; not released yet.
    let (promise, future) = unsafe {
        let promise = *promise.cast::<Promise>();
        (promise, promise.future())
    };
    let description = Description {
        kind: LT_ERROR_EXITED,
        code: 0,
        type_name: Text::Static(c"exit"),
        message: Text::Static(c"the task called lt_exit()"),
    };
    // Nobody hears of it but those who ask.
    let (_, listened) = future.fail(Report::of(this_thread::current(), description, &Frames::here()));
    promise.conclude_if(listened);
}

/// A callback was left by lt_exit: the others are called all the same.
///
/// # Safety
/// The argument is a promise.
unsafe extern "C-unwind" fn concluded(promise: *mut c_void) {
    // SAFETY: as the caller vouches.
    unsafe { *promise.cast::<Promise>() }.conclude_if(true);
}
