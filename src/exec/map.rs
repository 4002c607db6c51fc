//! Maps: one function, called for each of many arguments. A map is one place in the line of its pool, a *batch*, to
//! which workers pay *visits*.
//!
//! | an item of the batch | meaning | goes on by |
//! |---|---|---|
//! | pending | nobody has begun: those from `next` on | a visitor: begun; cancel: over |
//! | begun | a thread is in it | its end |
//! | over | it has a result, has failed, or was cancelled | |
//!
//! To begin the next one is one addition. So the items are begun in their order, one by one, as if each stood in line
//! itself: one that waits for others finds them begun, as long as there are workers. All that costs more is done once
//! a visit. That is as long as takes some microseconds, by what the items before it took, since in the line something
//! may have come that goes first.
//!
//! | state of the batch, as a set | meaning |
//! |---|---|
//! | `AWAITED` | who maps sleeps on it |
//! | `DONE` | who maps has nothing to wait for: all are over, or one has failed |
//! | `FAILED`, `CANCELLED` | so did, so was an item |
//! | `LEFT` | who maps has gone: who fails now tells the hook |

use crate::base::arena::Resident;
use crate::base::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::base::block::Block;
use crate::base::cleanup;
use crate::base::deadline::{Deadline, Timeout, now};
use crate::base::handle::Handle;
use crate::base::heap::{self, Text, boxed};
use crate::base::record::Record;
use crate::base::spin::{Spin, pause_for};
use crate::base::status::Error;
use crate::base::unwind::Frames;
use crate::base::waiting::{Verb, What};
use crate::base::{race, registry, this_thread, wait};
use crate::exec::line::{Place, Queued};
use crate::exec::pool::Pool;
use crate::exec::task::{Task, TaskFunction};
use crate::thread::exception::{Description, LT_ERROR_EXITED};
use crate::thread::report::Report;
use crate::thread::{excepthook, failure, stack};
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// How long a visit is to take, in nanoseconds: much more than to come and go, and less than anybody notices. And how
/// many items it has at most, should they take longer than those before.
const VISIT: u64 = 5_000;
const MOST: u64 = 1024;

/// Where an item takes less than so many nanoseconds, visitors that take turns are slower than one alone: each takes
/// from the other the line that both write. So another one stays out, as long as so many items at least are begun while
/// it makes so many pauses.
const QUICK: u64 = 100;
const AT_LEAST: usize = 8;
const PAUSES: u32 = 64;

const AWAITED: u32 = 1;
const DONE: u32 = 2;
const FAILED: u32 = 4;
const CANCELLED: u32 = 8;
const LEFT: u32 = 16;

/// The items of one map. Boxed; who uses it counts as a user.
#[derive(Debug)]
pub struct Batch {
    pub(super) place: Place,
    /// Another one in the same line.
    pub(super) next_map: Cell<*const Batch>,
    pool: &'static Pool,
    function: TaskFunction,
    items: Vec<Item>,
    /// The process that it belongs to, among those forked from each other.
    process: u32,
    users: AtomicUsize,
    /// The futex.
    state: AtomicU32,
    /// How many are not over.
    left: AtomicUsize,
    /// What an item took lately, in nanoseconds.
    cost: AtomicU64,
    /// How many visitors are at work, and do not stay out.
    at_work: AtomicUsize,
    next: Next,
}

#[derive(Debug)]
struct Item {
    argument: *mut c_void,
    /// NULL until it has one.
    result: AtomicPtr<c_void>,
    /// What it failed with: a report. Who takes it out tells of it.
    report: AtomicPtr<c_void>,
}

/// The first item that is pending, or any number behind the last. Alone in its cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Next(AtomicUsize);

// SAFETY: the cells are touched under the pool's lock; the arguments are the user's, who asked for them to be passed
// on any thread.
unsafe impl Sync for Batch {}

/// One visit. Without a destructor: items may be left by lt_exit.
struct Visit<'a> {
    batch: &'a Batch,
    record: &'static Record,
    /// The item that was begun last; how many that makes, and may be.
    item: Option<&'a Item>,
    begun: u64,
    most: u64,
    /// Whether who maps pays it, and not a worker that came by the line.
    helps: bool,
}

impl Item {
    fn new(argument: *mut c_void) -> Item {
        let none = ptr::null_mut();
        Item { argument, result: AtomicPtr::new(none), report: AtomicPtr::new(none) }
    }

    fn take_report(&self) -> Option<Report> {
        // Acquire: pairs with `Batch::fail`.
        let report = self.report.swap(ptr::null_mut(), Ordering::Acquire);
        // SAFETY: given away by `fail`, and taken once.
        (!report.is_null()).then(|| unsafe { Report::from_raw(report) })
    }
}

impl Batch {
    /// # Safety
    /// There are n arguments.
    unsafe fn new(
        pool: &'static Pool,
        function: TaskFunction,
        arguments: *const *mut c_void,
        n: usize,
    ) -> Result<*const Batch, Error> {
        let mut items = Vec::new();
        heap::reserve(|| items.try_reserve_exact(n))?;
        // SAFETY: as the caller vouches.
        items.extend((0..n).map(|i| Item::new(unsafe { *arguments.add(i) })));
        let batch = boxed(Batch {
            place: Place::nowhere(),
            next_map: Cell::new(ptr::null()),
            pool,
            function,
            items,
            process: registry::forks(),
            users: AtomicUsize::new(1),
            state: AtomicU32::new(0),
            left: AtomicUsize::new(n),
            // Not known yet: the first visits are short.
            cost: AtomicU64::new(u64::MAX),
            at_work: AtomicUsize::new(0),
            next: Next(AtomicUsize::new(0)),
        })?;
        let batch: *const Batch = Box::into_raw(batch);
        // SAFETY: just boxed.
        unsafe { (*batch).place.set(Queued::Mapped(batch)) };
        Ok(batch)
    }

    /// Not in a child that was forked since it was made: there only who maps has it, if that came along.
    fn is_valid(&self) -> bool {
        self.process == registry::forks()
    }

    /// How many are pending.
    pub fn pending(&self) -> usize {
        // Relaxed, here and below: the items were there before anybody got the batch, by the pool's lock.
        self.items.len().saturating_sub(self.next.0.load(Ordering::Relaxed))
    }

    /// A visitor goes to work. Where items are quick, not beside others, unless they are in a slow one; but one that
    /// helps, and has a deadline of its own, at once.
    fn go_to_work(&self, helps: bool) {
        // Relaxed, here and below: it decides nothing but who waits a moment.
        while self.at_work.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            let pending = self.pending();
            if !helps && self.cost.load(Ordering::Relaxed) < QUICK {
                pause_for(PAUSES);
            }
            let begun = pending.saturating_sub(self.pending());
            if helps || begun < AT_LEAST {
                self.at_work.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }

    /// So many items later.
    fn leave_work(&self, begun: u64) {
        self.at_work.fetch_sub(1, Ordering::Relaxed);
        if begun > 0 {
            self.count(begun as usize);
        }
    }

    fn begin_next(&self) -> Option<&Item> {
        self.items.get(self.next.0.fetch_add(1, Ordering::Relaxed))
    }

    /// What nobody has begun is over.
    pub fn cancel(&self) {
        let begun = self.next.0.swap(self.items.len(), Ordering::Relaxed);
        let cancelled = self.items.len().saturating_sub(begun);
        if cancelled > 0 {
            // Relaxed: published by what follows.
            self.state.fetch_or(CANCELLED, Ordering::Relaxed);
            self.count(cancelled);
        }
    }

    /// So many more are over.
    fn count(&self, n: usize) {
        race::before(&raw const self.left);
        // AcqRel: who sees the last counted sees what all of them did.
        if self.left.fetch_sub(n, Ordering::AcqRel) == n {
            self.be_done(DONE);
        }
    }

    /// The state before.
    fn be_done(&self, how: u32) -> u32 {
        // AcqRel: what is done happens before the return of who maps.
        let before = self.state.fetch_or(how, Ordering::AcqRel);
        if before & (AWAITED | DONE) == AWAITED {
            wait::wake_all(&self.state);
        }
        before
    }

    /// Whether who maps has nothing to wait for. In a forked child the others are gone.
    fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) & DONE != 0 || !self.is_valid()
    }

    /// An item has failed. The report, if who maps does not take it.
    fn fail(&self, item: &Item, report: Report) -> Option<Report> {
        // Release: pairs with who takes it.
        item.report.store(report.into_raw(), Ordering::Release);
        race::before(&raw const self.left);
        let before = self.be_done(FAILED | DONE);
        if before & LEFT != 0 { item.take_report() } else { None }
    }

    pub fn hold(&self) {
        // Relaxed: under the pool's lock, under which who maps takes it out of line before it stops to be a user.
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// One user less. The last one frees it.
    ///
    /// # Safety
    /// The caller is a user, and is none afterwards.
    pub unsafe fn release(batch: *const Batch) {
        // AcqRel: all that users did happens before the end. SAFETY: as the caller vouches.
        if unsafe { (*batch).users.fetch_sub(1, Ordering::AcqRel) } == 1 {
            // SAFETY: from a box, and nobody uses it any more.
            drop(unsafe { Box::from_raw(batch.cast_mut()) });
        }
    }

    /// A worker visits it that came by the line; how many items it began.
    ///
    /// # Safety
    /// The caller is a user, and is none afterwards.
    pub unsafe fn receive(batch: *const Batch, record: &'static Record) -> u64 {
        // SAFETY: as the caller vouches. In a forked child it is not freed, or by who maps.
        unsafe {
            let begun = (*batch).visit(record, false);
            if (*batch).is_valid() {
                Batch::release(batch);
            }
            begun
        }
    }

    fn visit(&self, record: &'static Record, helps: bool) -> u64 {
        // Relaxed: a guess.
        let most = (VISIT / self.cost.load(Ordering::Relaxed).max(1)).clamp(1, MOST);
        let mut visit = Visit { batch: self, record, item: None, begun: 0, most, helps };
        self.go_to_work(helps);
        let began = now();
        race::after(&raw const self.next);
        let argument = (&raw mut visit).cast();
        let shown = Some((self.function, self.place.traced()));
        let mut task = Task { function: Visit::pay, argument, result: ptr::null_mut(), shown };
        // SAFETY: both ask for a visit.
        let problem = unsafe { task.run(record, Visit::exited, argument) };
        let Visit { item, begun, .. } = visit;
        // Its end counts it, too: who maps takes the report first.
        let refused = match (item, problem) {
            (Some(item), Some(problem)) => self.fail(item, problem.report(record)),
            _ => None,
        };
        if let Some(cost) = now().saturating_sub(began).checked_div(begun) {
            self.cost.store(cost, Ordering::Relaxed);
        }
        self.leave_work(begun);
        if let Some(report) = refused {
            excepthook::tell(report);
        }
        begun
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Relaxed: nobody else has it.
        if self.state.load(Ordering::Relaxed) & FAILED != 0 {
            self.items.iter().for_each(|item| drop(item.take_report()));
        }
    }
}

impl Visit<'_> {
    /// Begins one item after the other, until one fails.
    ///
    /// # Safety
    /// The argument is a visit.
    unsafe extern "C-unwind" fn pay(visit: *mut c_void) -> *mut c_void {
        // SAFETY: as the caller vouches.
        let visit = unsafe { &mut *visit.cast::<Visit<'_>>() };
        while visit.begun < visit.most
            && (visit.helps || visit.begun == 0 || !visit.batch.pool.is_recalling())
        {
            let Some(item) = visit.batch.begin_next() else { break };
            visit.item = Some(item);
            visit.begun += 1;
            // SAFETY: the user gave both; nothing here has a destructor.
            let result = unsafe { (visit.batch.function)(item.argument) };
            if failure::is_pending(visit.record) {
                break;
            }
            // Release: who maps may look for it before all are over.
            item.result.store(result, Ordering::Release);
            if !visit.batch.is_valid() {
                break;
            }
        }
        ptr::null_mut()
    }

    /// An item was left by lt_exit, and the visitor ends.
    ///
    /// # Safety
    /// The argument is a visit.
    unsafe extern "C-unwind" fn exited(visit: *mut c_void) {
        // SAFETY: as the caller vouches.
        let Visit { batch, record, item, begun, helps, .. } = *unsafe { &*visit.cast::<Visit<'_>>() };
        let description = Description {
            kind: LT_ERROR_EXITED,
            code: 0,
            type_name: Text::Static(c"exit"),
            message: Text::Static(c"the task called lt_exit()"),
        };
        if let Some(item) = item {
            // Nobody hears of it but those who ask.
            drop(batch.fail(item, Report::of(Some(record), description, &Frames::here())));
        }
        if !batch.is_valid() {
            return;
        }
        // A worker that ends counts its last task itself.
        batch.pool.count_completed(if helps { begun } else { begun.saturating_sub(1) });
        batch.leave_work(begun);
        if !helps {
            // SAFETY: as in `receive`, which does not go on.
            unsafe { Batch::release(batch) };
        }
    }
}

/// Who maps. Without a destructor: what it runs, and the hook, may leave by lt_exit.
struct Mapping {
    batch: *const Batch,
    /// The residence in the pool.
    resident: *const (),
    timeout: Timeout,
    results: *mut *mut c_void,
    outcome: Result<(), Error>,
}

impl Handle<Pool> {
    /// Runs the task once for each argument; what came of each, or NULL.
    ///
    /// # Safety
    /// `arguments` has `n` elements; `results` is NULL or has room for as many. Nothing in the frames between here and
    /// the user's has a destructor.
    pub unsafe fn map(
        self,
        function: TaskFunction,
        arguments: *const *mut c_void,
        n: usize,
        results: *mut *mut c_void,
        seconds: f64,
    ) -> Result<(), Error> {
        self.check()?;
        let timeout = Timeout::from_seconds(seconds)?;
        if n == 0 {
            return Ok(());
        }
        // SAFETY: as the caller vouches.
        let (batch, resident) = unsafe { self.begin_map(function, arguments, n) }.inspect_err(|_| {
            if !results.is_null() {
                // SAFETY: as the caller vouches.
                unsafe { results.write_bytes(0, n) };
            }
        })?;
        let mut mapping = Mapping { batch, resident, timeout, results, outcome: Ok(()) };
        let argument = (&raw mut mapping).cast();
        // SAFETY: each function gets the argument that it asks for; nothing here has a destructor.
        unsafe {
            cleanup::call(Mapping::run, argument, Mapping::end, argument);
            Mapping::end(argument);
        }
        mapping.outcome
    }

    /// Puts a batch in line: that, and a residence in the pool.
    ///
    /// # Safety
    /// There are n arguments.
    unsafe fn begin_map(
        self,
        function: TaskFunction,
        arguments: *const *mut c_void,
        n: usize,
    ) -> Result<(*const Batch, *const ()), Error> {
        let resident = self.reside()?;
        let pool = self.alive()?;
        // SAFETY: as the caller vouches; who maps is a user of the batch until it is out of line.
        unsafe {
            let batch = Batch::new(pool, function, arguments, n)?;
            race::before(&raw const (*batch).next);
            pool.queue_place(self, &(*batch).place, n).inspect_err(|_| Batch::release(batch))?;
            Ok((batch, resident.into_raw()))
        }
    }
}

impl Mapping {
    /// # Safety
    /// The argument is a mapping.
    unsafe extern "C-unwind" fn run(mapping: *mut c_void) {
        // SAFETY: as the caller vouches.
        let mapping = unsafe { &mut *mapping.cast::<Mapping>() };
        // SAFETY: who maps is a user of it.
        let batch = unsafe { &*mapping.batch };
        let met = batch.wait(mapping.timeout);
        race::after(&raw const batch.left);
        // Acquire: what failed, and what was cancelled by others, shows by the end of the wait.
        let state = batch.state.load(Ordering::Acquire);
        // In a forked child those are missing that the others were in.
        let over = state & (CANCELLED | FAILED) == 0 && batch.left.load(Ordering::Acquire) == 0;
        let state = batch.leave();
        if !mapping.results.is_null() {
            for (i, item) in batch.items.iter().enumerate() {
                // Acquire: what the item did happens before the return. SAFETY: there is room for all.
                unsafe { mapping.results.add(i).write(item.result.load(Ordering::Acquire)) };
            }
        }
        mapping.outcome = match met {
            Ok(()) if state & FAILED != 0 => Err(Error::Failed),
            Ok(()) if !over => Err(Error::Cancelled),
            met => met,
        };
        if state & FAILED != 0 {
            // Nobody else can ask for them.
            batch.items.iter().filter_map(Item::take_report).for_each(excepthook::tell);
        }
    }

    /// It is over, or an item that the mapping worker ran, or the hook, has ended it.
    ///
    /// # Safety
    /// The argument is a mapping, which is not used any more.
    unsafe extern "C-unwind" fn end(mapping: *mut c_void) {
        // SAFETY: as the caller vouches. A user of the batch, and no more; in a child the only one. The residence was
        // given away by `begin_map`; in a child it is forgotten already.
        unsafe {
            let Mapping { batch, resident, .. } = *mapping.cast::<Mapping>();
            (*batch).leave();
            if (*batch).is_valid() {
                Batch::release(batch);
                drop(Resident::<Pool>::from_raw(resident));
            } else {
                drop(Box::from_raw(batch.cast_mut()));
            }
        }
    }
}

impl Batch {
    /// Who maps goes: what nobody has begun is cancelled; what runs goes on. The state before.
    fn leave(&self) -> u32 {
        self.pool.leave_line(&self.place);
        self.cancel();
        // AcqRel: of a failure and this, one finds the other.
        self.state.fetch_or(LEFT, Ordering::AcqRel)
    }

    /// Waits until it is done. A worker of the pool runs items meanwhile.
    fn wait(&self, timeout: Timeout) -> Result<(), Error> {
        if timeout == Timeout::Poll {
            return if self.is_done() { Ok(()) } else { Err(Error::TimedOut) };
        }
        let deadline = timeout.start();
        let _aside = match this_thread::existing() {
            Some(record) if self.pool.is_served_by(record) => {
                if self.help(record, deadline)? {
                    Some(self.pool.stand_aside(&self.place)?)
                } else {
                    None
                }
            }
            _ => None,
        };
        self.await_done(deadline.rest())
    }

    /// The calling worker runs items, as long as some are pending. Whether there still are some, for which it has no
    /// stack left.
    fn help(&self, record: &'static Record, deadline: Deadline) -> Result<bool, Error> {
        while !self.is_done() && self.pending() > 0 {
            if stack::is_short(&record.own().stack_reserve) {
                return Ok(true);
            }
            let begun = self.visit(record, true);
            if self.is_valid() {
                self.pool.count_completed(begun);
            }
            if deadline.passed() && !self.is_done() {
                return Err(Error::TimedOut);
            }
        }
        Ok(false)
    }

    fn await_done(&self, timeout: Timeout) -> Result<(), Error> {
        let mut block = None;
        let mut spin = Spin::new();
        while !self.is_done() {
            if timeout != Timeout::Poll && spin.again() {
                continue;
            }
            let block = match &block {
                Some(block) => block,
                None => block.insert(Block::begin(What::plain(Verb::Map), timeout)?),
            };
            // Relaxed: the end is looked for above.
            let state = self.state.fetch_or(AWAITED, Ordering::Relaxed);
            if state & DONE != 0 {
                continue;
            }
            let wake = block.sleep(&self.state, state | AWAITED);
            if wake.ends_wait() && !self.is_done() {
                block.reason(wake).map_or(Ok(()), Err)?;
            }
        }
        Ok(())
    }
}
