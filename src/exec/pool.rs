//! The pool: threads that take tasks in their order.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | `Open` | takes tasks | shutdown: `Shut`; no thread is left that could run them, and none is to be had: `Broken` |
//! | `Shut` | its workers finish what is queued, and end | |
//! | `Broken` | what was queued is cancelled | |
//!
//! A worker is started when a task comes and none is idle, up to the pool's bound; without the lock, but counted
//! already. One that a task ends, by lt_exit, is followed by another. One that stands aside, since it waits for
//! a task that it has no stack left to run, does not count towards the bound meanwhile: another may be
//! started, and when it is back, whoever comes out of a task first leaves. Each is a resident of the pool, so
//! its memory stays until the last has gone.

use crate::base::arena::{Arena, Resident};
use crate::base::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use crate::base::awaited::Awaited;
use crate::base::block::Block;
use crate::base::cleanup;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::heap::{self, Text};
use crate::base::mutex::{Guard, Mutex};
use crate::base::race;
use crate::base::record::{Record, Role};
use crate::base::spin::{Spin, pause_for};
use crate::base::status::Error;
use crate::base::trace::{self, Opened, Point};
use crate::base::unwind::Function;
use crate::base::waiting::{Verb, What};
use crate::base::{registry, this_thread, wait};
use crate::exec::bunch::{Bunch, Forgotten};
use crate::exec::future::{Future, Promise};
use crate::exec::line::{Line, Next, Place, Queued};
use crate::exec::map::Batch;
use crate::exec::task::{self, Task, TaskFunction};
use crate::sync::discard::Discard;
use crate::sync::grants::Grants;
use crate::sys::cpus::Cpus;
use crate::sys::process;
use crate::sys::thread::End;
use crate::thread::start::Plan;
use crate::thread::{excepthook, failure};
use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_void};
use core::ptr;
use std::io::Write;

/// What a pool has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Pool {
    inside: Mutex<Inside>,
    /// What idle workers sleep on: one grant for each that is to look for a task.
    calls: Grants,
    /// How many workers there are; the futex of who waits for their end. Changes under the lock.
    workers: AtomicU32,
    /// Changes when a worker has begun, or could not be started; the futex of who needs to know.
    starts: AtomicU32,
    /// Whether somebody wants visitors to look at the line.
    recall: Recall,
    /// Changes when those who look are to look at the line.
    news: News,
    /// While it is, the handle is not freed.
    awaited: Awaited,
    /// These do not change while the pool lives: its handle, and what its workers are given.
    own: Cell<*mut c_void>,
    outfit: UnsafeCell<Outfit>,
    /// Called for the argument of each task that is cancelled and has no future.
    drop: Discard,
}

/// Written under the lock, and seldom; read before each task. So alone in its cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Recall(AtomicBool);

/// Written only while somebody looks.
#[derive(Debug)]
#[repr(align(64))]
struct News(AtomicU32);

/// What a worker is given, wherever it is started from.
#[derive(Debug)]
struct Outfit {
    /// What its name begins with.
    name_prefix: Text,
    /// Where the thread ran that made the pool.
    cpus: Cpus,
}

impl Outfit {
    const NONE: Outfit = Outfit { name_prefix: Text::Static(c""), cpus: Cpus::Unknown };
}

#[derive(Debug)]
struct Inside {
    state: State,
    tasks: Line,
    most_workers: u32,
    /// How many sleep and have not been called.
    idle: u32,
    /// How many were called, and are not here yet; how many are awake and look for something to do: both come to what
    /// joins the line.
    called: u32,
    looking: u32,
    /// How many are in a task; how many have found that there will be none for them any more.
    running: u32,
    leaving: u32,
    /// How many count already, and have not begun; how many stand aside.
    starting: u32,
    aside: u32,
    completed: u64,
    /// How many were ever started: for their names.
    started: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Shut,
    Broken,
}

// SAFETY: the arguments are the user's, who asked for them to be passed on any thread.
unsafe impl Send for Inside {}
// SAFETY: the cells are set while nobody else knows the handle.
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
    const fn new(most_workers: u32) -> Inside {
        Inside {
            state: State::Open,
            tasks: Line::none(),
            most_workers,
            idle: 0,
            called: 0,
            looking: 0,
            running: 0,
            leaving: 0,
            starting: 0,
            aside: 0,
            completed: 0,
            started: 0,
        }
    }

    /// The visit of a worker that ends, which counts its last task itself.
    fn end_visit(&mut self, bunch: *const Bunch, looked: bool) {
        // SAFETY: called once for each visit.
        unsafe { self.tasks.go_uncounted(bunch, looked) };
    }

    /// Whether one is awake that sees what joins the line.
    fn has_looker(&self) -> bool {
        self.looking > 0 || self.tasks.is_looked_at()
    }

    /// How many workers there may be at this moment.
    fn bound(&self) -> u32 {
        self.most_workers.saturating_add(self.aside)
    }
}

impl Object for Pool {
    const KIND: Kind = Kind::Pool;

    fn arena() -> &'static Arena<Pool> {
        &POOLS
    }

    fn blank() -> Pool {
        Pool {
            inside: Mutex::new(Inside::new(0)),
            calls: Grants::none(),
            workers: AtomicU32::new(0),
            starts: AtomicU32::new(0),
            recall: Recall(AtomicBool::new(false)),
            news: News(AtomicU32::new(0)),
            awaited: Awaited::by_none(),
            own: Cell::new(ptr::null_mut()),
            outfit: UnsafeCell::new(Outfit::NONE),
            drop: Discard::none(),
        }
    }

    // Relaxed: nobody else has it.
    fn reset(&self) {
        self.end();
        self.calls.forget();
        self.workers.store(0, Ordering::Relaxed);
        self.starts.store(0, Ordering::Relaxed);
        self.recall.0.store(false, Ordering::Relaxed);
        self.news.0.store(0, Ordering::Relaxed);
        self.awaited.forget();
        self.own.set(ptr::null_mut());
        self.drop.set(None);
    }

    /// The workers are gone, and what they had to do is the parent's.
    fn forget(&self, _word: &AtomicU64) {
        let mut inside = self.inside.lock();
        inside.completed += inside.tasks.completed();
        inside.tasks.abandon();
        inside.idle = 0;
        inside.called = 0;
        inside.looking = 0;
        inside.running = 0;
        inside.leaving = 0;
        inside.starting = 0;
        inside.aside = 0;
        drop(inside);
        // Relaxed: there is one thread.
        self.workers.store(0, Ordering::Relaxed);
        self.awaited.forget();
        self.calls.forget();
    }
}

static POOLS: Arena<Pool> = Arena::new();

/// How many pools there were: for their names.
static POOLS_MADE: AtomicU64 = AtomicU64::new(0);

impl Handle<Pool> {
    pub fn new(max_workers: u32, name_prefix: Option<&CStr>) -> Result<Handle<Pool>, Error> {
        let most_workers = if max_workers == 0 { default_workers() } else { max_workers };
        let prefix = match name_prefix {
            Some(prefix) => {
                prefix.to_str().map_err(|_| Error::BadName)?;
                Text::copy(prefix.to_bytes())?
            }
            // Relaxed: only that each value is given once matters.
            None => numbered(b"Pool", b"-", POOLS_MADE.fetch_add(1, Ordering::Relaxed) + 1)?,
        };
        let pool = Handle::make(0, |pool: &Pool| {
            pool.inside.lock().most_workers = most_workers;
            // SAFETY: nobody else has it.
            unsafe { *pool.outfit.get() = Outfit { name_prefix: prefix, cpus: Cpus::of(0) } };
        })?;
        let body = pool.alive()?;
        body.own.set(pool.into_raw());
        Ok(pool)
    }

    /// Shuts the pool down, waits for its workers, and ends it.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn free(self) -> Result<(), Error> {
        // SAFETY: as the caller vouches.
        unsafe { self.shutdown(true, false)? };
        self.end(|pool, _| pool.awaited.check())?.end();
        Ok(())
    }

    /// Has a worker run the task; without a future nobody hears of its end.
    pub fn submit_forgotten(self, function: TaskFunction, argument: *mut c_void) -> Result<(), Error> {
        let pool = self.alive()?;
        let task = Forgotten { function, argument, traced: trace::number() };
        trace::timed(Point::Submit, task.traced, || {
            pool.queue(self, 1, |tasks, alone| tasks.put(task, alone))
        })
    }

    /// Has a worker run the task.
    pub fn submit(self, function: TaskFunction, argument: *mut c_void) -> Result<Handle<Future>, Error> {
        let pool = self.alive()?;
        let (future, promise) = Handle::<Future>::new(function, argument, self.into_raw())?;
        // SAFETY: the promise keeps it where it is until it is taken out.
        let queued = unsafe { pool.queue_place(self, &promise.future().place, 1) };
        if queued.is_err() {
            promise.release();
            future.free()?;
        }
        queued.map(|()| future)
    }

    /// No more tasks; those that are queued are run, or cancelled. Waits for the workers' end, if asked to.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn shutdown(self, wait: bool, cancel_pending: bool) -> Result<(), Error> {
        let pool = self.alive()?;
        if wait && this_thread::existing().is_some_and(|record| record.own().pool.get() == self.into_raw()) {
            return Err(Error::WaitsForItsPool);
        }
        let mut inside = pool.inside.lock();
        if inside.state == State::Open {
            inside.state = State::Shut;
        }
        let idle = inside.idle;
        pool.tell_news(&inside);
        pool.call(inside, idle);
        if cancel_pending {
            pool.cancel_queued(self);
        }
        if !wait {
            return Ok(());
        }
        self.await_workers()?;
        race::after(&raw const pool.calls);
        // Of a pool that broke: who found that out may be in the midst of it.
        pool.cancel_queued(self);
        Ok(())
    }

    /// What is to be called for the argument of each task that is cancelled and has no future.
    pub fn set_drop(self, drop: Option<Function>) -> Result<(), Error> {
        self.alive()?.drop.set(drop);
        Ok(())
    }

    pub fn stats(self) -> Result<Stats, Error> {
        let pool = self.alive()?;
        let inside = pool.inside.lock();
        let looking = inside.tasks.looking();
        Ok(Stats {
            max_workers: inside.most_workers,
            workers: pool.workers.load(Ordering::Relaxed),
            idle: inside.idle + inside.looking + looking,
            queued: inside.tasks.len(),
            running: inside.running.saturating_sub(looking),
            completed: inside.completed + inside.tasks.completed(),
        })
    }

    fn await_workers(self) -> Result<(), Error> {
        let pool = self.reside()?;
        let _waits = pool.awaited.wait();
        // Acquire: what the workers did happens before the return.
        let gone = || pool.workers.load(Ordering::Acquire) == 0;
        Block::until(What::of(Verb::Shutdown, self), &pool.workers, Timeout::Forever, gone)
    }

    /// For models, where nobody starts workers: puts a task in line, and takes the first one out.
    #[cfg(shuttle)]
    pub fn line_up(self, promise: Promise) -> Result<(), Error> {
        // SAFETY: the promise keeps it where it is.
        let _ = unsafe { self.alive()?.inside.lock().tasks.join(&promise.future().place) };
        Ok(())
    }

    #[cfg(shuttle)]
    pub fn take_first(self) -> Result<Option<Promise>, Error> {
        Ok(match self.alive()?.inside.lock().tasks.next() {
            Some(Next::Promised(promise)) => Some(promise),
            _ => None,
        })
    }

    /// So many threads of a model are to serve it, and no others are started.
    #[cfg(shuttle)]
    pub fn expect(self, servers: u32) -> Result<(), Error> {
        let pool = self.alive()?;
        pool.inside.lock().most_workers = servers;
        pool.workers.store(servers, Ordering::Relaxed);
        Ok(())
    }

    /// Is one of them, until the pool is shut down.
    #[cfg(shuttle)]
    pub fn serve(self) -> Result<(), Error> {
        let record = this_thread::current().ok_or(Error::NoMemory)?;
        let _resident = self.reside()?;
        let pool = self.alive()?;
        pool.serve(record);
        pool.lose_worker();
        Ok(())
    }

    /// Does what a worker does with a map or a bunch that is first in line; how many items that were.
    #[cfg(shuttle)]
    pub fn visit_first(self) -> Result<u64, Error> {
        let record = this_thread::current().ok_or(Error::NoMemory)?;
        let pool = self.alive()?;
        let first = pool.inside.lock().tasks.next();
        Ok(match first {
            // SAFETY: the caller became a user as it took it.
            Some(Next::Mapped(batch)) => unsafe { Batch::receive(batch, record) },
            Some(Next::Forgotten(first, bunch)) => {
                // SAFETY: as above.
                let (visited, looked) = unsafe { Visit::pay(pool, bunch, first, record) };
                // SAFETY: once.
                unsafe { pool.inside.lock().tasks.go(bunch, looked) };
                visited
            }
            _ => 0,
        })
    }
}

impl Pool {
    /// As `queue`, by a place.
    ///
    /// # Safety
    /// It is set, and stays where it is until it is taken out: a map's, until the return at least.
    pub(super) unsafe fn queue_place(
        &'static self,
        own: Handle<Pool>,
        place: &Place,
        n: usize,
    ) -> Result<(), Error> {
        let join = |tasks: &Line, _| {
            // SAFETY: as the caller vouches.
            Some(unsafe { tasks.join(place) })
        };
        trace::timed(Point::Submit, place.be_traced(), || self.queue(own, n, join))
    }

    /// Puts a task in line, or the n of a map, and sees to it that workers come for it. On failure it is not in line.
    /// `join` does it, in a place of its own if told so, and tells the number; or wants a spare bunch.
    fn queue(
        &'static self,
        own: Handle<Pool>,
        n: usize,
        join: impl Fn(&Line, bool) -> Option<u64>,
    ) -> Result<(), Error> {
        race::before(&raw const self.workers);
        loop {
            let inside = self.inside.lock();
            own.check()?;
            match inside.state {
                State::Open => (),
                State::Shut => return Err(Error::Closed),
                State::Broken => return Err(Error::Broken),
            }
            #[cfg(shuttle)]
            if crate::base::model::inside() && self.workers.load(Ordering::Relaxed) == 0 {
                if join(&inside.tasks, false).is_some() {
                    return Ok(());
                }
                self.provide(inside)?;
                continue;
            }
            // Relaxed: changes under the lock.
            let workers = self.workers.load(Ordering::Relaxed);
            let wanted = u32::try_from(n).unwrap_or(u32::MAX);
            // Else all there may be are awake, and look at the line under the lock before they sleep.
            let can_call = inside.idle > 0 || workers < inside.bound();
            // So many are awake, and come by themselves.
            let seen = can_call && inside.has_looker();
            let coming = inside.looking.max(seen.into()).min(wanted);
            let start = wanted > coming && inside.idle == 0 && workers < inside.bound();
            if inside.idle == 0 && !start && workers == inside.starting {
                // None has begun: whether one will is known to who starts it.
                let starts = self.starts.load(Ordering::Relaxed);
                drop(inside);
                // The pool may be freed meanwhile: then this is no other's before the next look.
                let _resident = own.reside()?;
                Block::uninterruptible(What::of(Verb::Submit, own)).sleep(&self.starts, starts);
                continue;
            }
            let Some(number) = join(&inside.tasks, start) else {
                self.provide(inside)?;
                continue;
            };
            self.tell_news(&inside);
            if can_call {
                // SeqCst: what was put in comes before the look whether somebody looks for it; see `Bunch::has_more`.
                fence(Ordering::SeqCst);
            }
            if start {
                // Those that there are will come to it, if this one does not.
                if let Err((inside, error)) = self.start_one_more(inside) {
                    return if self.uncount(inside, Some(number)) { Ok(()) } else { Err(error) };
                }
                self.start_more(wanted - coming - 1);
                return Ok(());
            }
            // Who looked may have taken another meanwhile, and be in that for long.
            let is_seen = seen && inside.has_looker();
            let missing = if is_seen { wanted - coming } else { wanted };
            let called = inside.idle.min(missing);
            let may_start = workers < inside.bound();
            self.call(inside, called);
            if may_start {
                self.start_more(missing - called);
            }
            return Ok(());
        }
    }

    /// A spare bunch for the line.
    #[cold]
    fn provide(&self, inside: Guard<'_, Inside>) -> Result<(), Error> {
        drop(inside);
        let bunch = Bunch::new()?;
        // SAFETY: just made.
        unsafe { self.inside.lock().tasks.provide(bunch) };
        Ok(())
    }

    /// Starts up to so many workers more, while there are tasks for them.
    fn start_more(&'static self, n: u32) {
        for _ in 0..n {
            let inside = self.inside.lock();
            // Relaxed: under the lock.
            if self.workers.load(Ordering::Relaxed) >= inside.bound() || inside.tasks.is_empty() {
                return;
            }
            if let Err((inside, _)) = self.start_one_more(inside) {
                // Those that there are come to it.
                self.uncount(inside, None);
                return;
            }
        }
    }

    /// Starts a worker, which counts from now on, without the lock. If it cannot be started, it still counts.
    fn start_one_more(
        &'static self,
        inside: Guard<'static, Inside>,
    ) -> Result<(), (Guard<'static, Inside>, Error)> {
        // Relaxed: under the lock.
        self.workers.fetch_add(1, Ordering::Relaxed);
        self.start_counted(inside)
    }

    /// The same for one that counts already. Once it is started, it may have ended, and the pool with it.
    fn start_counted(
        &'static self,
        mut inside: Guard<'static, Inside>,
    ) -> Result<(), (Guard<'static, Inside>, Error)> {
        let number = inside.started;
        inside.started += 1;
        inside.starting += 1;
        drop(inside);
        self.start_worker(number).map_err(|error| {
            let mut inside = self.inside.lock();
            if inside.started == number + 1 {
                inside.started = number;
            }
            self.know(&mut inside);
            (inside, error)
        })
    }

    /// It is known what has become of one that was being started.
    fn know(&self, inside: &mut Guard<'_, Inside>) {
        inside.starting -= 1;
        // Relaxed: under the lock, and only says that something has changed.
        self.starts.fetch_add(1, Ordering::Relaxed);
        wait::wake_all(&self.starts);
    }

    fn start_worker(&'static self, number: u64) -> Result<(), Error> {
        // SAFETY: set by `new`.
        let own = unsafe { Handle::<Pool>::from_raw(self.own.get()) }?;
        // SAFETY: does not change while the pool lives, which it does while a worker counts.
        let outfit = unsafe { &*self.outfit.get() };
        let name = numbered(outfit.name_prefix.bytes(), b"_", number)?;
        let pool = ptr::from_ref(self).cast_mut().cast();
        let plan = Plan { name: Some(name.as_c_str()), ..Plan::new(work, pool) };
        let resident = own.reside()?;
        let record = plan.record(Role::Started)?;
        record.own().pool.set(self.own.get());
        record.own().on_gone.set(Some((gone, resident.into_raw().cast_mut().cast())));
        plan.create(record, End::Detached).inspect_err(|_| {
            if let Some((_, resident)) = record.own().on_gone.take() {
                // SAFETY: given away above.
                drop(unsafe { Resident::<Pool>::from_raw(resident.cast_const().cast()) });
            }
            record.end();
        })?;
        Ok(())
    }

    /// A worker counts no more. If no other has begun, a task that was put in line for it, by this number, leaves
    /// again: then false. If none is left that could run them, and still there are tasks, the pool is broken.
    fn uncount(&'static self, mut inside: Guard<'static, Inside>, number: Option<u64>) -> bool {
        // Release: pairs with `await_workers`.
        let left = self.workers.fetch_sub(1, Ordering::Release) - 1;
        let number = number.filter(|_| left == inside.starting);
        // Meanwhile it may have been run or cancelled, and its memory be gone.
        let left_again = number.is_some_and(|number| inside.tasks.leave_by_number(number).is_some());
        // Those that stand aside run nothing before the task that they wait for is over.
        let lost = match left {
            0 => !inside.tasks.is_empty(),
            _ => left == inside.aside && inside.tasks.is_any_preferred(),
        };
        if lost {
            inside.state = State::Broken;
        }
        let own = self.own.get();
        drop(inside);
        if lost {
            // SAFETY: set by `new`.
            let _ = unsafe { Handle::from_raw(own) }.map(|own| self.cancel_queued(own));
        }
        if left == 0 {
            wait::wake_all(&self.workers);
        }
        !left_again
    }

    /// What a worker does until it is to end.
    fn serve(&'static self, record: &'static Record) {
        let role = record.role();
        let mut done = None;
        while let Some(task) = self.next_task(done) {
            let (ran, looked) = match task {
                Next::Promised(promise) => (u64::from(promise.run()), false),
                // SAFETY: this worker became a user when it took it.
                Next::Mapped(batch) => (unsafe { Batch::receive(batch, record) }, false),
                // SAFETY: this worker visits it since it took the first.
                Next::Forgotten(first, bunch) => unsafe { Visit::pay(self, bunch, first, record) },
            };
            // The task has forked, and this is the child: there is no pool here that it works for. Or an exception
            // has left something on this thread that the next task is not to find: another worker follows.
            if record.role() != role {
                return;
            }
            let is_spoilt = ran > 0 && record.own().spoilt.get();
            done = Some(match task {
                Next::Forgotten(_, bunch) if is_spoilt => return self.inside.lock().end_visit(bunch, looked),
                Next::Forgotten(_, bunch) => Done::Visit(bunch, looked),
                _ if is_spoilt => {
                    self.inside.lock().completed += ran - 1;
                    return;
                }
                _ => Done::Tasks(ran),
            });
        }
    }

    /// What a worker does next, after so many tasks; it sleeps until there is something. None when it is to end.
    fn next_task(&'static self, done: Option<Done>) -> Option<Next> {
        let mut inside = self.inside.lock();
        if let Some(done) = done {
            inside.running -= 1;
            match done {
                Done::Tasks(n) => inside.completed += n,
                // SAFETY: once.
                Done::Visit(bunch, looked) => unsafe { inside.tasks.go(bunch, looked) },
            }
        }
        let mut has_looked = false;
        loop {
            // Relaxed: under the lock.
            let staying = self.workers.load(Ordering::Relaxed) - inside.leaving;
            let task = if staying > inside.bound() { None } else { inside.tasks.next() };
            let is_recalled = inside.tasks.is_any_preferred() || staying > inside.bound().saturating_add(1);
            if self.recall.0.load(Ordering::Relaxed) != is_recalled {
                self.recall.0.store(is_recalled, Ordering::Relaxed);
            }
            if task.is_some() {
                inside.running += 1;
                self.pass_on(inside);
                return task;
            }
            if staying > inside.bound() || inside.state != State::Open {
                inside.leaving += 1;
                self.pass_on(inside);
                return None;
            }
            if has_looked {
                inside.idle += 1;
                unlock(inside);
                let handle = self.own.get().addr();
                let what = What { verb: Verb::Idle, kind: Some(Kind::Pool), handle };
                self.calls.take_asleep(&Block::uninterruptible(what));
                inside = self.inside.lock();
                inside.called -= 1;
                has_looked = false;
            } else {
                inside.looking += 1;
                let before = self.news.0.load(Ordering::Relaxed);
                unlock(inside);
                has_looked = !self.await_news(before);
                inside = self.inside.lock();
                inside.looking -= 1;
            }
        }
    }

    /// Lets go of the lock. If there is something in line that nobody comes to, since this worker looked for it and
    /// does something else, another is called.
    fn pass_on(&'static self, inside: Guard<'static, Inside>) {
        // Relaxed: under the lock.
        let may_start = self.workers.load(Ordering::Relaxed) < inside.bound();
        // One that is being started may be refused: it is counted upon only where none sleeps that could be called.
        let is_served = inside.looking + inside.called > 0 || (inside.idle == 0 && inside.starting > 0);
        if is_served || (inside.idle == 0 && !may_start) || inside.tasks.is_empty() {
            return unlock(inside);
        }
        if let Err(inside) = self.rouse(inside) {
            unlock(inside);
            self.start_more(1);
        }
    }

    /// Has one look at the line that is in no task, and lets go of the lock; which it gives back if all are.
    fn rouse<'a>(&'static self, inside: Guard<'a, Inside>) -> Result<(), Guard<'a, Inside>> {
        if inside.looking > 0 {
            self.tell_news(&inside);
            return Ok(());
        }
        if inside.idle == 0 {
            return Err(inside);
        }
        self.call(inside, 1);
        Ok(())
    }

    /// Calls so many of those that sleep, and lets go of the lock.
    fn call(&self, mut inside: Guard<'_, Inside>, n: u32) {
        inside.idle -= n;
        inside.called += n;
        drop(inside);
        if n > 0 {
            self.calls.post(n);
        }
    }

    fn tell_news(&self, inside: &Inside) {
        if inside.looking > 0 {
            // Relaxed, here and where it is read: who has seen it looks at the line under the lock, and who has not in
            // a moment.
            self.news.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Looks for a while whether there are news; whether there were.
    fn await_news(&self, before: u32) -> bool {
        let mut spin = Spin::new();
        loop {
            if self.news.0.load(Ordering::Relaxed) != before {
                return true;
            }
            if !spin.again() {
                return false;
            }
        }
    }

    /// A worker counts no more: another one takes its place, unless there is nothing left to do.
    fn lose_worker(&'static self) {
        race::before(&raw const self.calls);
        let mut inside = self.inside.lock();
        if inside.leaving > 0 {
            inside.leaving -= 1;
        } else {
            // It was in a task, and that was left by lt_exit, or has spoilt the thread.
            inside.running -= 1;
            inside.completed += 1;
        }
        // Relaxed: under the lock.
        let in_place = self.workers.load(Ordering::Relaxed) <= inside.bound();
        if in_place && (inside.state == State::Open || !inside.tasks.is_empty()) {
            match self.start_counted(inside) {
                Ok(()) => return,
                Err((again, _)) => inside = again,
            }
        }
        self.uncount(inside, None);
    }

    /// Cancels what is queued, one after the other: each may have callbacks, which may free the pool. What is
    /// in line then is another pool's.
    fn cancel_queued(&self, own: Handle<Pool>) {
        loop {
            let inside = self.inside.lock();
            let task = own.check().ok().and_then(|()| inside.tasks.cancel_first());
            // Under the lock: without it another thread may find nothing left, and free the pool.
            let discard = self.drop.get();
            if let Some(Next::Mapped(batch)) = task {
                // SAFETY: under the lock, without which who maps cannot have gone.
                unsafe { &*batch }.cancel();
                continue;
            }
            unlock(inside);
            match (task, discard) {
                (Some(Next::Promised(promise)), _) => promise.cancel(),
                // SAFETY: the argument is the user's; nothing here has a destructor.
                (Some(Next::Forgotten(task, _)), Some(discard)) => unsafe { discard(task.argument) },
                (Some(Next::Forgotten(..)), None) => (),
                (Some(Next::Mapped(_)) | None, _) => return,
            }
        }
    }

    /// Whether visitors are to look at the line.
    pub(super) fn is_recalling(&self) -> bool {
        // Relaxed: a hint; what it speaks of is under the lock.
        self.recall.0.load(Ordering::Relaxed)
    }

    /// Nobody comes to what stands there any more.
    pub(super) fn leave_line(&self, place: &Place) {
        self.inside.lock().tasks.leave(place);
    }

    /// Who waited for so many tasks has run them.
    pub(super) fn count_completed(&self, n: u64) {
        self.inside.lock().completed += n;
    }

    /// Whether this is a worker of it.
    pub(super) fn is_served_by(&self, record: &Record) -> bool {
        !self.own.get().is_null() && record.own().pool.get() == self.own.get()
    }

    /// Gives back the memory of what has ended, or never began.
    fn end(&self) {
        let inside = core::mem::replace(&mut *self.inside.lock(), Inside::new(0));
        drop(inside);
        // SAFETY: nobody else has it.
        unsafe { *self.outfit.get() = Outfit::NONE };
    }
}

/// Lets go of the lock, and frees what was in line.
fn unlock(inside: Guard<'_, Inside>) {
    let surplus = inside.tasks.surplus();
    drop(inside);
    drop(surplus);
}

/// What a worker has done.
enum Done {
    Tasks(u64),
    /// What it did in a bunch that it visited; whether it looked for more in the end.
    Visit(*const Bunch, bool),
}

/// In pauses: some one to four microseconds.
const GATHERING: u32 = 100;

/// A worker's visit to a bunch. Without a destructor: tasks may be left by lt_exit.
struct Visit {
    pool: &'static Pool,
    bunch: *const Bunch,
    record: &'static Record,
    /// The task that was taken, and has not begun.
    next: Option<Forgotten>,
    /// What a trace knows of the one that runs.
    told: Option<Opened>,
    /// How many were in the bunch lately, and how many of them had come since the look before.
    put: usize,
    came: usize,
    begun: u64,
    /// Whether it looks for what is put in.
    looks: bool,
    /// The process that it belongs to, among those forked from each other.
    process: u32,
}

impl Visit {
    /// Runs the first, and what else is in the bunch, until the worker is wanted elsewhere; how many, and whether it
    /// looks for more.
    ///
    /// # Safety
    /// The worker visits it, and has taken the first.
    unsafe fn pay(
        pool: &'static Pool,
        bunch: *const Bunch,
        first: Forgotten,
        record: &'static Record,
    ) -> (u64, bool) {
        let (next, process) = (Some(first), registry::forks());
        let mut visit =
            Visit { pool, bunch, record, next, told: None, put: 0, came: 0, begun: 0, looks: false, process };
        let argument = (&raw mut visit).cast();
        // SAFETY: all ask for a visit; nothing here has a destructor.
        unsafe { cleanup::call(Visit::run_all, argument, Visit::exited, argument) };
        (visit.begun, visit.looks)
    }

    /// # Safety
    /// The argument is a visit.
    unsafe extern "C-unwind" fn run_all(argument: *mut c_void) {
        // SAFETY: as the caller vouches.
        let visit = unsafe { &mut *argument.cast::<Visit>() };
        while visit.next.is_some() {
            let mut task = Task { function: Visit::run, argument, result: ptr::null_mut(), shown: None };
            // SAFETY: the function asks for a visit.
            if let Some(problem) = unsafe { task.run(visit.record, left, ptr::null_mut()) } {
                trace::close(visit.record, visit.told.take());
                excepthook::deliver_report(visit.record, problem.report(visit.record));
                visit.go_on();
            }
        }
    }

    /// Runs one after the other, until one fails.
    ///
    /// # Safety
    /// The argument is a visit.
    unsafe extern "C-unwind" fn run(visit: *mut c_void) -> *mut c_void {
        // SAFETY: as the caller vouches.
        let visit = unsafe { &mut *visit.cast::<Visit>() };
        while let Some(task) = visit.next.take() {
            visit.begun += 1;
            visit.told = task::open(visit.record, task.function, task.traced);
            race::after(&raw const visit.pool.workers);
            // SAFETY: the user gave both; nothing here has a destructor.
            unsafe { (task.function)(task.argument) };
            trace::close(visit.record, visit.told.take());
            if failure::is_pending(visit.record) {
                break;
            }
            visit.go_on();
        }
        ptr::null_mut()
    }

    /// Not in a child that a task has forked.
    fn is_valid(&self) -> bool {
        self.process == registry::forks()
    }

    /// Takes the next task, unless this worker is to do something else, or is none any more. It looks for a while
    /// whether one is put in: else it would be called for each by who submits faster than it comes and goes.
    fn go_on(&mut self) {
        if !self.is_valid() || self.record.own().spoilt.get() {
            return;
        }
        // SAFETY: it stays in line while it has visitors.
        let bunch = unsafe { &*self.bunch };
        if self.pool.is_recalling() {
            return;
        }
        self.let_gather(bunch);
        let before = self.put;
        self.next = bunch.take(&mut self.put);
        if self.next.is_some() || bunch.is_full(self.put) {
            if self.put != before {
                self.came = self.put - before;
            }
            return;
        }
        self.came = 0;
        bunch.look();
        self.looks = true;
        let mut spin = Spin::new();
        loop {
            self.next = bunch.take_looking(&mut self.put);
            if self.next.is_some() {
                self.looks = false;
                if bunch.has_more() {
                    self.pool.pass_on(self.pool.inside.lock());
                }
                return;
            }
            if bunch.is_full(self.put) || self.pool.is_recalling() || !spin.again() {
                // It is counted upon until it is at the lock, under which it looks at the line.
                return;
            }
        }
    }

    /// Where several came since the last look, more are to come; and each look takes from who puts them in the line that
    /// he is about to write. So it lets some come together.
    fn let_gather(&self, bunch: &Bunch) {
        if self.came > 1 && bunch.taken() >= self.put && !bunch.is_full(self.put) {
            pause_for(GATHERING);
        }
    }

    /// A task, or the hook, was left by lt_exit, and the worker ends.
    ///
    /// # Safety
    /// The argument is a visit.
    unsafe extern "C-unwind" fn exited(visit: *mut c_void) {
        // SAFETY: as the caller vouches.
        let visit = unsafe { &*visit.cast::<Visit>() };
        if visit.is_valid() {
            visit.pool.inside.lock().end_visit(visit.bunch, visit.looks);
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
    pool.know(&mut pool.inside.lock());
    let Some(record) = this_thread::current() else {
        pool.inside.lock().leaving += 1;
        return;
    };
    record.own().stack_reserve.set(0);
    // SAFETY: does not change while the pool lives, which it does while a worker counts.
    unsafe { &*pool.outfit.get() }.cpus.apply();
    pool.serve(record);
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

/// The pool that a future's task belongs to.
fn of(future: &Future) -> Result<&'static Pool, Error> {
    // SAFETY: NULL, or the handle of the pool.
    unsafe { Handle::<Pool>::from_raw(future.pool.get()) }?.alive()
}

/// Takes a future's task out of the line, to be run by who waits for it.
pub fn take(future: &Future) -> Option<Promise> {
    let pool = of(future).ok()?;
    match pool.inside.lock().tasks.leave(&future.place) {
        Some(Queued::Promised(promise)) => Some(promise),
        _ => None,
    }
}

/// Who waited for the task has run it.
pub fn count_helped(future: &Future) {
    if let Ok(pool) = of(future) {
        pool.inside.lock().completed += 1;
    }
}

/// The task was cancelled: it leaves the line, if it still stands there.
pub fn pass_over(future: &Future) {
    if let Some(promise) = take(future) {
        promise.release();
    }
}

/// A worker that waits, and does not count as one meanwhile.
pub struct Aside(&'static Pool);

/// The calling worker waits for a future's task, which it cannot run itself.
pub fn stand_aside(future: &Future) -> Result<Aside, Error> {
    of(future)?.stand_aside(&future.place)
}

impl Pool {
    /// The calling worker waits for what is in line there, and cannot run it itself: lets that be the next, and has
    /// another worker for it. An error if there is none to be had, and all others stand aside too.
    pub(super) fn stand_aside(&'static self, place: &Place) -> Result<Aside, Error> {
        let mut inside = self.inside.lock();
        inside.tasks.prefer(place);
        // Relaxed, here and below: whoever sees it takes the lock.
        self.recall.0.store(true, Ordering::Relaxed);
        inside.aside += 1;
        let Err(inside) = self.rouse(inside) else { return Ok(Aside(self)) };
        // Relaxed, here and below: under the lock.
        if self.workers.load(Ordering::Relaxed) >= inside.bound() {
            return Ok(Aside(self));
        }
        let Err((mut inside, _)) = self.start_one_more(inside) else { return Ok(Aside(self)) };
        // Not to 0: the calling one is left.
        let left = self.workers.fetch_sub(1, Ordering::Relaxed) - 1;
        if left > inside.aside {
            return Ok(Aside(self));
        }
        inside.aside -= 1;
        Err(Error::NoStackLeft)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let mut inside = self.0.inside.lock();
        inside.aside = inside.aside.saturating_sub(1);
        // Relaxed: under the lock.
        let staying = self.0.workers.load(Ordering::Relaxed) - inside.leaving;
        if staying <= inside.bound() {
            return;
        }
        // One too many: it finds that out by itself.
        if let Err(_inside) = self.0.rouse(inside) {
            // Or whoever comes out of a task.
            self.0.recall.0.store(true, Ordering::Relaxed);
        }
    }
}

/// As many as Python starts.
fn default_workers() -> u32 {
    process::processors().saturating_add(4).min(32)
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
