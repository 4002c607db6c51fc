//! Alarms: the one thread that serves all timers and watchdogs, and the order in which they are due.
//!
//! | state of an alarm | meaning | goes on by |
//! |---|---|---|
//! | `IDLE` | not due: never set, over, or cancelled | set |
//! | `WAITING` | in the heap | its time; cancel |
//! | `RUNNING` | its action runs, on the alarm thread | the end of that: `WAITING` if it repeats |
//! | `CANCELLED` | its action runs, and is the last | the end of that: `IDLE` |

use crate::base::block::Block;
use crate::base::deadline::{Deadline, Timeout, now};
use crate::base::fork::Participant;
use crate::base::mutex::{Guard, Mutex};
use crate::base::status::Error;
use crate::base::wait;
use crate::thread::service;
use core::cell::Cell;
use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// One alarm: part of a timer or a watchdog, in a slot that is never unmapped. Its cells are under the
/// schedule's lock.
pub struct Alarm {
    state: Cell<State>,
    /// When it is due, in nanoseconds.
    due: Cell<u64>,
    /// The time between two, 0 for once.
    period: Cell<u64>,
    /// Where it is in the heap, while it is `WAITING`.
    place: Cell<usize>,
    action: Cell<Option<Action>>,
}

/// What an alarm does, with its argument. May be left by lt_exit.
pub type Action = (unsafe fn(*const c_void), *const c_void);

#[derive(Clone, Copy, PartialEq, Eq)]
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
        }
    }
}

/// The alarms that wait, as a binary heap: the one that is due first comes first.
struct Schedule {
    heap: Vec<&'static Alarm>,
    /// The alarm whose action runs.
    running: Option<&'static Alarm>,
    /// Whether there is an alarm thread.
    served: bool,
}

// SAFETY: the alarms are Sync.
unsafe impl Send for Schedule {}

static SCHEDULE: Mutex<Schedule> = Mutex::new(Schedule { heap: Vec::new(), running: None, served: false });

/// Changes when the first alarm does: what the alarm thread sleeps on.
static CHANGES: AtomicU32 = AtomicU32::new(0);
/// Changes when an action ends: what a cancel waits for.
static ENDS: AtomicU32 = AtomicU32::new(0);
/// The ident of the alarm thread, 0 when there is none.
static THREAD: AtomicU64 = AtomicU64::new(0);

static PARTICIPANT: Participant =
    Participant::new(|| SCHEDULE.raw_lock(), || SCHEDULE.raw_unlock(), in_child);

/// In a forked child: no alarm is set, and there is no thread.
fn in_child() {
    // SAFETY: locked before the fork, by this thread, and there is no other.
    let schedule = unsafe { SCHEDULE.peek_mut() };
    for alarm in schedule.heap.drain(..).chain(schedule.running.take()) {
        alarm.state.set(State::Idle);
    }
    schedule.served = false;
    // Relaxed: there is one thread.
    THREAD.store(0, Ordering::Relaxed);
    SCHEDULE.raw_unlock();
}

/// Sets an alarm: `period` is 0 for once. One that was set before is set anew.
pub fn set(alarm: &'static Alarm, after: Timeout, period: u64, action: Action) -> Result<(), Error> {
    let due = match after {
        Timeout::Poll | Timeout::Forever => now(),
        Timeout::Nanoseconds(n) => now().saturating_add(n),
    };
    PARTICIPANT.join()?;
    let mut schedule = SCHEDULE.lock();
    schedule.heap.try_reserve(1).map_err(|_| Error::NoMemory)?;
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

/// Cancels an alarm. When it returns, the action neither runs nor will; from the action itself, it
/// only does not run again. Interrupted: it may still run, for the last time.
pub fn cancel(alarm: &'static Alarm) -> Result<(), Error> {
    let own = crate::base::this_thread::existing().map_or(0, |record| record.ident());
    let mut block = None;
    loop {
        // Relaxed: read before the look at what runs, which is under the lock.
        let ends = ENDS.load(Ordering::Relaxed);
        let mut schedule = SCHEDULE.lock();
        schedule.take_out(alarm);
        if !schedule.running.is_some_and(|running| core::ptr::eq(running, alarm)) {
            return Ok(());
        }
        alarm.state.set(State::Cancelled);
        drop(schedule);
        // Relaxed: a thread knows its own ident.
        if THREAD.load(Ordering::Relaxed) == own {
            return Ok(());
        }
        let block = match &block {
            Some(block) => block,
            None => block.insert(Block::begin(Timeout::Forever)?),
        };
        let wake = block.sleep(&ENDS, ends);
        if wake.ends_wait() {
            block.reason(wake).map_or(Ok(()), Err)?;
        }
    }
}

/// The alarm thread.
unsafe extern "C-unwind" fn serve(_: *mut c_void) {
    let Some(record) = service::attend() else { return };
    precise();
    THREAD.store(record.ident(), Ordering::Relaxed);
    // An action that ended the thread before this one has ended too.
    finish(SCHEDULE.lock());
    loop {
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
    let Some(alarm) = schedule.running.take() else { return };
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
    drop(schedule);
    // Relaxed: the lock orders it.
    ENDS.fetch_add(1, Ordering::Relaxed);
    wait::wake_all(&ENDS);
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
        self.running = Some(first);
        Ok(first)
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
