//! The pool: threads that take tasks in their order.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | `Open` | takes tasks | shutdown: `Shut`; no thread is left, and none is to be had: `Broken` |
//! | `Shut` | its workers finish what is queued, and end | |
//! | `Broken` | what was queued is cancelled | |
//!
//! A worker is started when a task comes and none is idle, up to the pool's bound. One that a task ends, by
//! lt_exit, is followed by another. Each is a resident of the pool, so its memory stays until the last has
//! gone.

use crate::base::arena::{Arena, Resident};
use crate::base::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::heap::{self, Text};
use crate::base::mutex::{Guard, Mutex};
use crate::base::record::Role;
use crate::base::status::Error;
use crate::base::unwind::Function;
use crate::base::{this_thread, wait};
use crate::exec::future::{Future, Promise, Task, TaskFunction};
use crate::exec::watch::{self, Mode};
use crate::sync::discard::Discard;
use crate::sync::grants::Grants;
use crate::thread::excepthook;
use crate::thread::start::Plan;
use core::cell::Cell;
use core::ffi::{CStr, c_void};
use core::mem::ManuallyDrop;
use core::ptr;
use std::collections::VecDeque;
use std::io::Write;

/// What a pool has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Pool {
    inside: Mutex<Inside>,
    /// What idle workers sleep on: one grant for each that is to look for a task.
    calls: Grants,
    /// How many workers there are; the futex of who waits for their end. Changes under the lock.
    workers: AtomicU32,
    /// How many threads wait: while there are some, the handle is not freed.
    waiters: AtomicU32,
    own: Cell<*mut c_void>,
    /// Called for the argument of each task that is cancelled and has no future.
    drop: Discard,
}

#[derive(Debug)]
struct Inside {
    state: State,
    tasks: VecDeque<Queued>,
    most_workers: u32,
    /// How many sleep and have not been called.
    idle: u32,
    /// How many are in a task; how many have found that there will be none for them any more.
    running: u32,
    leaving: u32,
    completed: u64,
    /// How many were ever started: for their names.
    started: u64,
    name_prefix: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Shut,
    Broken,
}

/// A task in the queue: with a future, or forgotten by who submitted it.
#[derive(Clone, Copy, Debug)]
enum Queued {
    Promised(Promise),
    Forgotten(TaskFunction, *mut c_void),
}

// SAFETY: the arguments are the user's, who asked for them to be passed on any thread.
unsafe impl Send for Inside {}
// SAFETY: the handle is set while nobody else knows it.
unsafe impl Sync for Pool {}

/// What lt_pool_stats tells.
pub struct Stats {
    pub max_workers: u32,
    pub workers: u32,
    pub idle: u32,
    pub queued: usize,
    pub running: u32,
    pub completed: u64,
}

impl Inside {
    const fn new(most_workers: u32, name_prefix: Text) -> Inside {
        Inside {
            state: State::Open,
            tasks: VecDeque::new(),
            most_workers,
            idle: 0,
            running: 0,
            leaving: 0,
            completed: 0,
            started: 0,
            name_prefix,
        }
    }
}

impl Object for Pool {
    const KIND: Kind = Kind::Pool;

    fn arena() -> &'static Arena<Pool> {
        &POOLS
    }

    fn blank() -> Pool {
        Pool {
            inside: Mutex::new(Inside::new(0, Text::Static(c""))),
            calls: Grants::none(),
            workers: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            own: Cell::new(ptr::null_mut()),
            drop: Discard::none(),
        }
    }

    // Relaxed: nobody else has it.
    fn reset(&self) {
        let inside = core::mem::replace(&mut *self.inside.lock(), Inside::new(0, Text::Static(c"")));
        drop(inside);
        self.calls.forget();
        self.workers.store(0, Ordering::Relaxed);
        self.waiters.store(0, Ordering::Relaxed);
        self.own.set(ptr::null_mut());
        self.drop.set(None);
    }

    /// The workers are gone, and what they had to do is the parent's.
    fn forget(&self, _word: &AtomicU64) {
        let mut inside = self.inside.lock();
        inside.tasks.clear();
        inside.idle = 0;
        inside.running = 0;
        inside.leaving = 0;
        // Relaxed: there is one thread.
        self.workers.store(0, Ordering::Relaxed);
        self.waiters.store(0, Ordering::Relaxed);
        self.calls.forget();
    }
}

static POOLS: Arena<Pool> = Arena::new();

/// How many pools there were: for their names.
static POOLS_MADE: AtomicU64 = AtomicU64::new(0);

impl Handle<Pool> {
    pub fn new_pool(max_workers: u32, name_prefix: Option<&CStr>) -> Result<Handle<Pool>, Error> {
        let most_workers = if max_workers == 0 { default_workers() } else { max_workers };
        let prefix = match name_prefix {
            Some(prefix) => {
                prefix.to_str().map_err(|_| Error::BadName)?;
                Text::copy(prefix.to_bytes())?
            }
            // Relaxed: only that each value is given once matters.
            None => numbered(b"Pool", b"-", POOLS_MADE.fetch_add(1, Ordering::Relaxed) + 1)?,
        };
        let pool = Handle::new(0, |pool: &Pool| *pool.inside.lock() = Inside::new(most_workers, prefix))?;
        let body = pool.alive()?;
        body.own.set(pool.into_raw());
        Ok(pool)
    }

    /// Shuts the pool down, waits for its workers, and ends it.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn free_pool(self) -> Result<(), Error> {
        // SAFETY: as the caller vouches.
        unsafe { self.shutdown(true, false)? };
        let pool = self.reside()?;
        self.free(|_, pool, _| {
            // SeqCst: of a wait and a free that come together, one sees the other.
            if pool.waiters.load(Ordering::SeqCst) == 0 { Ok(()) } else { Err(Error::Busy) }
        })?;
        // The memory of its name and of its queue.
        *pool.inside.lock() = Inside::new(0, Text::Static(c""));
        Ok(())
    }

    /// Has a worker run the task; without a future nobody hears of its end.
    pub fn submit_forgotten(self, function: TaskFunction, argument: *mut c_void) -> Result<(), Error> {
        self.alive()?.queue(Queued::Forgotten(function, argument))
    }

    /// Has a worker run the task.
    pub fn submit(self, function: TaskFunction, argument: *mut c_void) -> Result<Handle<Future>, Error> {
        let pool = self.alive()?;
        let (future, promise) = Handle::new_future(function, argument, self.into_raw())?;
        let queued = pool.queue(Queued::Promised(promise));
        if queued.is_err() {
            promise.release();
            future.free_future()?;
        }
        queued.map(|()| future)
    }

    /// Runs the task once for each argument; what came of each, or NULL.
    ///
    /// # Safety
    /// `arguments` has `n` elements; `results` is NULL or has room for as many.
    pub unsafe fn map(
        self,
        function: TaskFunction,
        arguments: *const *mut c_void,
        n: usize,
        results: *mut *mut c_void,
        seconds: f64,
    ) -> Result<(), Error> {
        self.alive()?;
        let timeout = Timeout::from_seconds(seconds)?;
        // Without a destructor: a worker that maps runs tasks here, and one of these may leave by lt_exit.
        let mut futures = ManuallyDrop::new(Vec::new());
        heap::reserve(|| futures.try_reserve_exact(n))?;
        let mut submitted = Ok(());
        for i in 0..n {
            // SAFETY: as the caller vouches.
            match self.submit(function, unsafe { *arguments.add(i) }) {
                Ok(future) => futures.push(future),
                Err(error) => {
                    submitted = Err(error);
                    break;
                }
            }
        }
        let met = submitted.and_then(|()| watch::wait_many(&futures, Mode::FirstError, timeout));
        let mut failed = Ok(());
        let mut cancelled = Ok(());
        for (i, future) in futures.iter().enumerate() {
            let result = match future.cancel_future().and(future.try_result()) {
                Err(Error::Busy) => future.try_result(),
                result => result,
            };
            if result == Err(Error::Failed) {
                failed = Err(Error::Failed);
                // Nobody else can ask for it.
                if let Some(report) = future.take_report()? {
                    excepthook::tell(heap::unboxed(report));
                }
            }
            if result == Err(Error::Cancelled) {
                cancelled = Err(Error::Cancelled);
            }
            if !results.is_null() {
                // SAFETY: as the caller vouches.
                unsafe { results.add(i).write(result.unwrap_or(ptr::null_mut())) };
            }
            future.free_future()?;
        }
        drop(ManuallyDrop::into_inner(futures));
        // If all are over and none has failed, it was not this that cancelled some.
        met.and(failed).and(cancelled)
    }

    /// No more tasks; those that are queued are run, or cancelled. Waits for the workers' end, if asked to.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn shutdown(self, wait: bool, cancel_pending: bool) -> Result<(), Error> {
        let pool = self.alive()?;
        if wait && this_thread::existing().is_some_and(|record| record.pool.get() == self.into_raw()) {
            return Err(Error::WaitsForItsPool);
        }
        let mut inside = pool.inside.lock();
        if inside.state == State::Open {
            inside.state = State::Shut;
        }
        let idle = core::mem::take(&mut inside.idle);
        drop(inside);
        pool.calls.post(idle);
        if cancel_pending {
            pool.cancel_queued();
        }
        if wait { self.await_workers() } else { Ok(()) }
    }

    /// What is to be called for the argument of each task that is cancelled and has no future.
    pub fn set_pool_drop(self, drop: Option<Function>) -> Result<(), Error> {
        self.alive()?.drop.set(drop);
        Ok(())
    }

    pub fn stats(self) -> Result<Stats, Error> {
        let pool = self.alive()?;
        let inside = pool.inside.lock();
        Ok(Stats {
            max_workers: inside.most_workers,
            workers: pool.workers.load(Ordering::Relaxed),
            idle: inside.idle,
            queued: inside.tasks.len(),
            running: inside.running,
            completed: inside.completed,
        })
    }

    fn await_workers(self) -> Result<(), Error> {
        let pool = self.reside()?;
        // SeqCst: see `free_pool`.
        pool.waiters.fetch_add(1, Ordering::SeqCst);
        // Acquire: what the workers did happens before the return.
        let gone = || pool.workers.load(Ordering::Acquire) == 0;
        let result = Block::until(&pool.workers, Timeout::Forever, gone);
        pool.waiters.fetch_sub(1, Ordering::SeqCst);
        result
    }

    fn alive(self) -> Result<&'static Pool, Error> {
        // Acquire: the body is that of the object that the word was seen alive for.
        self.state(Ordering::Acquire)?;
        // SAFETY: the word was just seen alive.
        Ok(unsafe { self.body() })
    }
}

impl Pool {
    fn queue(&'static self, task: Queued) -> Result<(), Error> {
        let mut inside = self.inside.lock();
        match inside.state {
            State::Open => (),
            State::Shut => return Err(Error::Closed),
            State::Broken => return Err(Error::Broken),
        }
        heap::reserve(|| inside.tasks.try_reserve(1))?;
        let workers = self.workers.load(Ordering::Relaxed);
        if inside.idle > 0 {
            inside.idle -= 1;
            inside.tasks.push_back(task);
            drop(inside);
            self.calls.post(1);
            return Ok(());
        }
        if workers < inside.most_workers {
            match self.start_worker(&mut inside) {
                Ok(()) => {
                    // Relaxed, here and above: under the lock.
                    self.workers.fetch_add(1, Ordering::Relaxed);
                }
                // Those that there are will come to it.
                Err(_) if workers > 0 => (),
                Err(error) => return Err(error),
            }
        }
        inside.tasks.push_back(task);
        Ok(())
    }

    /// Starts a worker, which counts already or will: under the lock, for which it then waits.
    fn start_worker(&'static self, inside: &mut Guard<'_, Inside>) -> Result<(), Error> {
        // SAFETY: set by `new_pool`.
        let own = unsafe { Handle::<Pool>::from_raw(self.own.get()) }?;
        let name = numbered(inside.name_prefix.bytes(), b"_", inside.started)?;
        let pool = ptr::from_ref(self).cast_mut().cast();
        let plan = Plan { name: Some(name.as_c_str()), ..Plan::new(work, pool) };
        let resident = own.reside()?;
        let record = plan.record(Role::Started)?;
        record.pool.set(self.own.get());
        record.on_gone.set(Some((gone, resident.into_raw().cast_mut().cast())));
        plan.create(record, libc::PTHREAD_CREATE_DETACHED).inspect_err(|_| {
            if let Some((_, resident)) = record.on_gone.take() {
                // SAFETY: given away above.
                drop(unsafe { Resident::<Pool>::from_raw(resident.cast_const().cast()) });
            }
            record.end();
        })?;
        inside.started += 1;
        Ok(())
    }

    /// What a worker does next; it sleeps until there is something. None when it is to end.
    fn next_task(&self, after_one: bool) -> Option<Queued> {
        let mut inside = self.inside.lock();
        if after_one {
            inside.running -= 1;
            inside.completed += 1;
        }
        loop {
            if let Some(task) = inside.tasks.pop_front() {
                inside.running += 1;
                return Some(task);
            }
            if inside.state != State::Open {
                inside.leaving += 1;
                return None;
            }
            inside.idle += 1;
            drop(inside);
            self.calls.take_the_coming();
            inside = self.inside.lock();
        }
    }

    /// A worker counts no more: another one takes its place, unless there is nothing left to do.
    fn lose_worker(&'static self) {
        let mut inside = self.inside.lock();
        if inside.leaving > 0 {
            inside.leaving -= 1;
        } else {
            // It was in a task, and that was left by lt_exit.
            inside.running -= 1;
            inside.completed += 1;
        }
        let wanted = inside.state == State::Open || !inside.tasks.is_empty();
        if wanted && self.start_worker(&mut inside).is_ok() {
            return;
        }
        // Release: pairs with `await_workers`.
        let last = self.workers.fetch_sub(1, Ordering::Release) == 1;
        let lost = last && !inside.tasks.is_empty();
        if lost {
            inside.state = State::Broken;
        }
        drop(inside);
        if lost {
            self.cancel_queued();
        }
        if last {
            wait::wake_all(&self.workers);
        }
    }

    /// Cancels what is queued, one after the other: each may have callbacks.
    fn cancel_queued(&self) {
        loop {
            let task = self.inside.lock().tasks.pop_front();
            match task {
                Some(Queued::Promised(promise)) => promise.cancel(),
                Some(Queued::Forgotten(_, argument)) => {
                    // SAFETY: the argument is the user's; nothing here has a destructor.
                    unsafe { self.drop.call(argument) };
                }
                None => return,
            }
        }
    }

    /// Takes the tasks that are over from both ends of the queue, where workers that are busy for long would
    /// let them gather.
    fn forget_over(&self) {
        let is_over = |task: Option<&Queued>| matches!(task, Some(Queued::Promised(task)) if task.is_over());
        loop {
            let mut inside = self.inside.lock();
            let over = if is_over(inside.tasks.front()) {
                inside.tasks.pop_front()
            } else if is_over(inside.tasks.back()) {
                inside.tasks.pop_back()
            } else {
                None
            };
            drop(inside);
            let Some(Queued::Promised(task)) = over else { return };
            task.release();
        }
    }
}

/// A worker.
///
/// # Safety
/// The argument is a pool, that the worker is a resident of.
unsafe extern "C-unwind" fn work(pool: *mut c_void) {
    // SAFETY: as the caller vouches.
    let pool = unsafe { &*pool.cast::<Pool>() };
    let Some(record) = this_thread::current() else { return };
    let mut after_one = false;
    while let Some(task) = pool.next_task(after_one) {
        after_one = match task {
            Queued::Promised(promise) => promise.run(),
            Queued::Forgotten(function, argument) => {
                let mut task = Task { function, argument, result: ptr::null_mut() };
                // SAFETY: the user gave both.
                if let Some(problem) = unsafe { task.run(record, left, ptr::null_mut()) } {
                    excepthook::deliver_report(record, problem.report(record));
                }
                true
            }
        };
        if !after_one {
            pool.inside.lock().running -= 1;
        }
        // The task has forked, and this is the child: there is no pool here that it works for.
        if record.role() != Role::Started {
            return;
        }
    }
}

/// A task without a future was left by lt_exit: nobody is told.
unsafe extern "C-unwind" fn left(_: *mut c_void) {}

/// A worker has left the registry.
fn gone(resident: *mut c_void) {
    // SAFETY: given away by `start_worker`, and taken back once.
    let resident = unsafe { Resident::<Pool>::from_raw(resident.cast_const().cast()) };
    let pool: *const Pool = &*resident;
    // SAFETY: a pool's memory stays, and the resident keeps it from being another's.
    unsafe { &*pool }.lose_worker();
}

/// A task of the pool with this handle is over, though no worker has taken it from the queue: `helped` if one
/// that waited for it has run it.
///
/// # Safety
/// As for [`Handle::from_raw`].
pub unsafe fn passed_over(pool: *mut c_void, helped: bool) {
    // SAFETY: passed on.
    if let Ok(pool) = unsafe { Handle::<Pool>::from_raw(pool) }.and_then(|pool| pool.alive()) {
        pool.inside.lock().completed += u64::from(helped);
        pool.forget_over();
    }
}

/// As many as Python starts.
fn default_workers() -> u32 {
    // SAFETY: asks for a number.
    let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    u32::try_from(processors).unwrap_or(1).saturating_add(4).min(32)
}

/// The prefix, the separator and the number.
fn numbered(prefix: &[u8], separator: &[u8], number: u64) -> Result<Text, Error> {
    // Room for the longest number: writing it takes no more memory.
    const DIGITS: usize = 20;
    let mut name = Vec::new();
    heap::reserve(|| name.try_reserve_exact(prefix.len() + separator.len() + DIGITS))?;
    name.extend_from_slice(prefix);
    name.extend_from_slice(separator);
    write!(name, "{number}").map_err(|_| Error::NoMemory)?;
    Text::copy(&name)
}
