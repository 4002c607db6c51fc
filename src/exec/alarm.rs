//! Alarms: the one thread that serves all timers and watchdogs, and the order in which they are due.
//!
//! | state of an alarm | meaning | goes on by |
//! |---|---|---|
//! | `IDLE` | not due: never set, over, or cancelled | set |
//! | `WAITING` | in the heap | its time; cancel |
//! | `RUNNING` | its action runs, on the alarm thread | the end of that: `WAITING` if it repeats |
//! | `CANCELLED` | its action runs, and is the last | the end of that: `IDLE` |
//!
//! An alarm serves one owner after the other, and may do so while the last action of an earlier one
//! still runs: each owner has an epoch.

use crate::base::arena::Kept;
use crate::base::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::{Deadline, Timeout, now};
use crate::base::fork::Participant;
use crate::base::heap;
use crate::base::mutex::{Guard, Mutex};
use crate::base::status::Error;
use crate::base::{this_thread, wait};
use crate::thread::service;
use core::cell::Cell;
use core::ffi::c_void;

/// One alarm: part of a timer or a watchdog, in a slot that is never unmapped. Its cells are under the
/// schedule's lock.
#[derive(Debug)]
pub struct Alarm {
    state: Cell<State>,
    /// When it is due, in nanoseconds.
    due: Cell<u64>,
    /// The time between two, 0 for once.
    period: Cell<u64>,
    /// Where it is in the heap, while it is `WAITING`.
    place: Cell<usize>,
    action: Cell<Option<Action>>,
    epoch: Kept<Cell<u64>>,
}

/// What an alarm does, with its argument. May be left by lt_exit.
pub type Action = (unsafe fn(*const c_void), *const c_void);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Waiting,
    Running,
    Cancelled,
}

// SAFETY: the cells are touched under the schedule's lock alone.
unsafe impl Sync for Alarm {}

impl Alarm {
    pub const fn idle() -> Alarm {
        Alarm {
            state: Cell::new(State::Idle),
            due: Cell::new(0),
            period: Cell::new(0),
            place: Cell::new(0),
            action: Cell::new(None),
            epoch: Kept(Cell::new(0)),
        }
    }
}

/// The alarms that wait, as a binary heap: the one that is due first comes first.
struct Schedule {
    heap: Vec<&'static Alarm>,
    /// The alarm whose action runs, and in which epoch; the count of those that have ended.
    running: Option<(&'static Alarm, u64)>,
    ended: u32,
    /// Whether there is an alarm thread.
    served: bool,
}

// SAFETY: the alarms are Sync.
unsafe impl Send for Schedule {}

static SCHEDULE: Mutex<Schedule> =
    Mutex::new(Schedule { heap: Vec::new(), running: None, ended: 0, served: false });

/// Changes when the first alarm does: what the alarm thread sleeps on.
static CHANGES: AtomicU32 = AtomicU32::new(0);
/// How many actions have ended, as in the schedule: what a cancel waits for.
static ENDED: AtomicU32 = AtomicU32::new(0);
/// The ident of the alarm thread, 0 when there is none.
static THREAD: AtomicU64 = AtomicU64::new(0);

static PARTICIPANT: Participant = Participant::new(forget);

/// In a forked child: no alarm is set, and there is no thread.
fn forget() {
    let mut schedule = SCHEDULE.lock();
    let running = schedule.running.take().map(|(alarm, _)| alarm);
    for alarm in schedule.heap.drain(..).chain(running) {
        alarm.state.set(State::Idle);
    }
    schedule.served = false;
    // Relaxed: there is one thread.
    THREAD.store(0, Ordering::Relaxed);
}

/// Sets an alarm: `period` is 0 for once. One that was set before is set anew.
pub fn set(alarm: &'static Alarm, after: Timeout, period: u64, action: Action) -> Result<(), Error> {
    let due = match after {
        Timeout::Poll | Timeout::Forever => now(),
        Timeout::Nanoseconds(n) => now().saturating_add(n),
    };
    PARTICIPANT.join();
    let mut schedule = SCHEDULE.lock();
    heap::reserve(|| schedule.heap.try_reserve(1))?;
    if !schedule.served {
        service::start(c"lt-alarm", serve, core::ptr::null_mut())?;
        schedule.served = true;
    }
    schedule.take_out(alarm);
    alarm.due.set(due);
    alarm.period.set(period);
    alarm.action.set(Some(action));
    schedule.put_in(alarm);
    let first = alarm.place.get() == 0;
    drop(schedule);
    if first {
        // Relaxed: the alarm thread reads it before it takes the lock that was just released.
        CHANGES.fetch_add(1, Ordering::Relaxed);
        wait::wake(&CHANGES, 1);
    }
    Ok(())
}

/// Gives an alarm to a new owner.
pub fn renew(alarm: &Alarm) {
    let _schedule = SCHEDULE.lock();
    alarm.state.set(State::Idle);
    alarm.due.set(0);
    alarm.period.set(0);
    alarm.place.set(0);
    alarm.action.set(None);
    alarm.epoch.set(alarm.epoch.get() + 1);
}

/// Cancels an alarm. When it returns, the action neither runs nor will; from the action itself, it
/// only does not run again. Interrupted: it may still run, for the last time.
pub fn cancel(alarm: &'static Alarm) -> Result<(), Error> {
    let mut schedule = SCHEDULE.lock();
    schedule.take_out(alarm);
    let epoch = alarm.epoch.get();
    if !schedule.runs(alarm, epoch) {
        return Ok(());
    }
    alarm.state.set(State::Cancelled);
    let ended = schedule.ended;
    drop(schedule);
    // Relaxed: a thread knows its own ident.
    if THREAD.load(Ordering::Relaxed) == this_thread::ident() {
        return Ok(());
    }
    // The run that was found, and no later one: that is not what was to be cancelled.
    let block = Block::begin(Timeout::Forever)?;
    // Acquire: what the action did happens before the return.
    while ENDED.load(Ordering::Acquire) == ended {
        let wake = block.sleep(&ENDED, ended);
        if wake.ends_wait() && ENDED.load(Ordering::Acquire) == ended {
            block.reason(wake).map_or(Ok(()), Err)?;
        }
    }
    Ok(())
}

/// The alarm thread.
unsafe extern "C-unwind" fn serve(_: *mut c_void) {
    let Some(record) = service::attend() else { return };
    precise();
    THREAD.store(record.ident(), Ordering::Relaxed);
    // An action that ended the thread before this one has ended too.
    finish(SCHEDULE.lock());
    while service::serving(record) {
        let changes = CHANGES.load(Ordering::Relaxed);
        let mut schedule = SCHEDULE.lock();
        match schedule.first_due() {
            Ok(alarm) => {
                let action = alarm.action.get();
                drop(schedule);
                if let Some((action, argument)) = action {
                    // SAFETY: whoever set the alarm gave both, the one for the other.
                    unsafe { action(argument) };
                }
                finish(SCHEDULE.lock());
            }
            Err(deadline) => {
                drop(schedule);
                wait::wait(&CHANGES, changes, deadline, None);
            }
        }
    }
}

/// The action of the running alarm has ended.
fn finish(mut schedule: Guard<'static, Schedule>) {
    let Some((alarm, epoch)) = schedule.running.take() else { return };
    if alarm.epoch.get() == epoch {
        match alarm.state.get() {
            State::Running if alarm.period.get() > 0 => {
                // Keeps the phase, and leaves out what was missed.
                let late = now().saturating_sub(alarm.due.get());
                let periods = late / alarm.period.get() + 1;
                alarm.due.set(alarm.due.get().saturating_add(periods.saturating_mul(alarm.period.get())));
                schedule.put_in(alarm);
            }
            State::Running | State::Cancelled => alarm.state.set(State::Idle),
            // It was set anew by its own action.
            State::Waiting | State::Idle => (),
        }
    }
    schedule.ended = schedule.ended.wrapping_add(1);
    // Release: pairs with `cancel`.
    ENDED.store(schedule.ended, Ordering::Release);
    drop(schedule);
    wait::wake_all(&ENDED);
}

/// Asks for wake-ups without the usual slack, for the calling thread.
fn precise() {
    #[cfg(target_os = "linux")]
    // SAFETY: a setting of the calling thread, in nanoseconds.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
    }
}

impl Schedule {
    /// Makes the first alarm the running one, if it is due; else until when to wait.
    fn first_due(&mut self) -> Result<&'static Alarm, Deadline> {
        let Some(first) = self.heap.first().copied() else { return Err(Deadline::Never) };
        if first.due.get() > now() {
            return Err(Deadline::At(first.due.get()));
        }
        self.take_out(first);
        first.state.set(State::Running);
        self.running = Some((first, first.epoch.get()));
        Ok(first)
    }

    /// Whether the action of this alarm, for this owner, runs.
    fn runs(&self, alarm: &Alarm, epoch: u64) -> bool {
        self.running.is_some_and(|(running, of)| core::ptr::eq(running, alarm) && of == epoch)
    }

    /// Puts an alarm in; there is room.
    fn put_in(&mut self, alarm: &'static Alarm) {
        alarm.state.set(State::Waiting);
        alarm.place.set(self.heap.len());
        self.heap.push(alarm);
        self.rise(alarm);
    }

    /// Takes an alarm out if it waits.
    fn take_out(&mut self, alarm: &'static Alarm) {
        if alarm.state.get() != State::Waiting {
            return;
        }
        alarm.state.set(State::Idle);
        let place = alarm.place.get();
        self.heap.swap_remove(place);
        if let Some(moved) = self.heap.get(place).copied() {
            moved.place.set(place);
            self.rise(moved);
            self.sink(moved);
        }
    }

    /// Moves an alarm towards the top as far as it is due before those above it.
    fn rise(&mut self, alarm: &'static Alarm) {
        while let Some(above) = alarm.place.get().checked_sub(1).map(|place| place / 2) {
            if !self.swap_if_later(above, alarm.place.get()) {
                return;
            }
        }
    }

    /// Moves an alarm down as far as it is due after those below it.
    fn sink(&mut self, alarm: &'static Alarm) {
        loop {
            let left = alarm.place.get() * 2 + 1;
            let due = |place: usize| self.heap.get(place).map_or(u64::MAX, |alarm| alarm.due.get());
            let below = if due(left + 1) < due(left) { left + 1 } else { left };
            if !self.swap_if_later(alarm.place.get(), below) {
                return;
            }
        }
    }

    /// Swaps two places if what is above is due later than what is below.
    fn swap_if_later(&mut self, above: usize, below: usize) -> bool {
        let (Some(a), Some(b)) = (self.heap.get(above).copied(), self.heap.get(below).copied()) else {
            return false;
        };
        if a.due.get() <= b.due.get() {
            return false;
        }
        self.heap.swap(above, below);
        a.place.set(below);
        b.place.set(above);
        true
    }
}
