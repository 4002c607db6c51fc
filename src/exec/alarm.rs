//! Alarms: the one thread that serves all timers and watchdogs, and the order in which they are due.
//!
//! | state of an alarm | meaning | goes on by |
//! |---|---|---|
//! | `IDLE` | not due: never set, over, or cancelled | set |
//! | `WAITING` | in the heap | its time: `RUNNING`; cancel: `IDLE`; put off, without the lock: `WAITING`, until later |
//! | `RUNNING` | its action runs, on the alarm thread | its end, if it repeats: `WAITING`; else its end: `IDLE`; cancel: `CANCELLED` |
//! | `CANCELLED` | its action runs, and is the last | the end of that: `IDLE` |
//!
//! An alarm serves one owner after the other, and may do so while the last action of an earlier one
//! still runs: it has the handle of its owner, which never comes twice.
//!
//! One that is put off stays where it is in the heap, and goes to its new place when its old time has come. Of its time and
//! a put-off one is second, by the exchange that both make.

use crate::base::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::{Deadline, Timeout, now};
use crate::base::fork::Participant;
use crate::base::handle::{Handle, Object};
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};
use crate::base::{this_thread, wait};
use crate::exec::due::{Due, Links, Member};
#[cfg(shuttle)]
use crate::thread::service::Modelled;
use crate::thread::service::{Attendance, Duty, Service};
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// One alarm: part of a timer or a watchdog, in a slot that is never unmapped, and set before another thread has the
/// handle of that. Its cells are under the schedule's lock.
#[derive(Debug)]
pub struct Alarm {
    state: Cell<State>,
    /// Whether the state is `IDLE`: for those without the lock.
    idle: AtomicBool,
    /// Whose it is, or was: a handle.
    owner: Cell<usize>,
    /// When it is due, in nanoseconds, by its place in the heap.
    due: Cell<u64>,
    /// That, or until when it was put off; 0 while it does not wait. Changes without the lock only from what is not 0.
    until: AtomicU64,
    /// The time between two, 0 for once.
    period: Cell<u64>,
    /// Its place in the heap, while it is `WAITING`.
    links: Links<Alarm>,
    action: Cell<Option<Action>>,
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
            idle: AtomicBool::new(true),
            owner: Cell::new(0),
            due: Cell::new(0),
            until: AtomicU64::new(0),
            period: Cell::new(0),
            links: Links::new(),
            action: Cell::new(None),
        }
    }

    /// Whether it is, for those without the lock.
    pub(super) fn is_idle(&self) -> bool {
        // Acquire: pairs with `go`.
        self.idle.load(Ordering::Acquire)
    }

    /// Until when it waits; 0 if it does not.
    pub(super) fn until(&self) -> u64 {
        // Acquire: pairs with `go` and `put_in`.
        self.until.load(Ordering::Acquire)
    }

    fn go(&self, state: State) {
        if state != State::Waiting {
            // Release: who finds that finds the owner's end, too, if that came before.
            self.until.store(0, Ordering::Release);
        }
        self.state.set(state);
        // Release: what an action did happens before the return of a cancel that finds that it is over.
        self.idle.store(state == State::Idle, Ordering::Release);
    }
}

impl Member for Alarm {
    fn links(&self) -> &Links<Alarm> {
        &self.links
    }
    fn due(&self) -> u64 {
        self.due.get()
    }
}

struct Schedule {
    /// The alarms that wait.
    waiting: Due<Alarm>,
    /// Until when the alarm thread sleeps; 0 while it does not, or there is none.
    asleep_until: u64,
    /// The alarm whose action runs, and for which owner; the count of those that have ended.
    running: Option<(&'static Alarm, usize)>,
    ended: u32,
}

// SAFETY: the alarms are Sync.
unsafe impl Send for Schedule {}

static SCHEDULE: Mutex<Schedule> =
    Mutex::new(Schedule { waiting: Due::new(), asleep_until: 0, running: None, ended: 0 });

static SERVICE: Service = Service::absent();

static DUTY: Duty = Duty { name: c"lt-alarm", work: serve, left: finish };

/// Changes when the alarm thread is to look anew: what it sleeps on.
static CHANGES: AtomicU32 = AtomicU32::new(0);
/// How many actions have ended, as in the schedule: what a cancel waits for.
static ENDED: AtomicU32 = AtomicU32::new(0);
/// The ident of the alarm thread, 0 when there is none.
static THREAD: AtomicU64 = AtomicU64::new(0);

static PARTICIPANT: Participant = Participant::new(forget_all);

/// In a forked child: no alarm is set, and there is no thread.
fn forget_all() {
    let mut schedule = SCHEDULE.lock();
    schedule.waiting = Due::new();
    schedule.asleep_until = 0;
    schedule.running = None;
    drop(schedule);
    SERVICE.forget();
    // Relaxed: there is one thread.
    THREAD.store(0, Ordering::Relaxed);
}

#[cfg(shuttle)]
pub fn modelled() -> Modelled {
    Modelled { service: &SERVICE, duty: &DUTY, changes: &CHANGES }
}

/// Sets an owner's alarm: `period` is 0 for once. One that was set before is set anew.
pub fn set<T: Object>(
    owner: Handle<T>,
    alarm: &'static Alarm,
    after: Timeout,
    period: u64,
    action: Action,
) -> Result<(), Error> {
    PARTICIPANT.join();
    SERVICE.ensure(&DUTY, 0)?;
    set_until(from_now(after), owner, alarm, period, action)
}

/// The same, for one that may wait already: that is put off.
pub fn put_off<T: Object>(
    owner: Handle<T>,
    alarm: &'static Alarm,
    after: Timeout,
    action: Action,
) -> Result<(), Error> {
    PARTICIPANT.join();
    SERVICE.ensure(&DUTY, 0)?;
    let until = from_now(after);
    loop {
        let waits = alarm.until();
        // Behind that look: so what waits is this owner's, and not that of the next one in its slot.
        owner.check()?;
        if waits == 0 {
            return set_until(until, owner, alarm, 0, action);
        }
        // Relaxed: of this and its time, or a cancel, one is second.
        let later = waits.max(until);
        if alarm.until.compare_exchange(waits, later, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return Ok(());
        }
    }
}

fn from_now(after: Timeout) -> u64 {
    match after {
        Timeout::Poll | Timeout::Forever => now(),
        Timeout::Nanoseconds(n) => now().saturating_add(n),
    }
}

fn set_until<T: Object>(
    due: u64,
    owner: Handle<T>,
    alarm: &'static Alarm,
    period: u64,
    action: Action,
) -> Result<(), Error> {
    let mut schedule = SCHEDULE.lock();
    // Under the lock, under which `end` ends it.
    owner.check()?;
    schedule.take_out(alarm);
    alarm.owner.set(owner.into_raw().addr());
    alarm.due.set(due);
    alarm.period.set(period);
    alarm.action.set(Some(action));
    schedule.put_in(alarm);
    let rouse = due < schedule.asleep_until;
    if rouse {
        schedule.asleep_until = due;
        // Relaxed, here and where it is read: the lock orders it.
        CHANGES.fetch_add(1, Ordering::Relaxed);
    }
    drop(schedule);
    if rouse {
        wait::wake(&CHANGES, 1);
    }
    Ok(())
}

/// In a forked child: it is not set, as no alarm is.
pub fn forget(alarm: &Alarm) {
    alarm.go(State::Idle);
    alarm.links.clear();
}

/// Cancels an owner's alarm. When it returns, the action neither runs nor will; from the action itself, it
/// only does not run again. Interrupted: it may still run, for the last time.
pub fn cancel<T: Object>(owner: Handle<T>, alarm: &'static Alarm) -> Result<(), Error> {
    if alarm.is_idle() {
        return Ok(());
    }
    let mut schedule = SCHEDULE.lock();
    if alarm.owner.get() != owner.into_raw().addr() {
        // Freed by another thread, and the next owner's.
        return owner.check();
    }
    if !schedule.silence(alarm) {
        return Ok(());
    }
    let ended = schedule.ended;
    // While it waits, nobody frees the owner.
    let resident = owner.reside();
    drop(schedule);
    let _resident = resident?;
    if is_served_here() {
        return Ok(());
    }
    // The run that was found, and no later one: that is not what was to be cancelled.
    let block = Block::begin(What::of(Verb::Cancel, owner), Timeout::Forever)?;
    // Acquire: what the action did happens before the return.
    while ENDED.load(Ordering::Acquire) == ended {
        let wake = block.sleep(&ENDED, ended);
        if wake.ends_wait() && ENDED.load(Ordering::Acquire) == ended {
            block.reason(wake).map_or(Ok(()), Err)?;
        }
    }
    Ok(())
}

/// Cancels an owner's alarm, and ends the owner: of this and what sets it, one is second, by the lock.
pub fn end<T: Object>(owner: Handle<T>, alarm: &'static Alarm) -> Result<(), Error> {
    loop {
        cancel(owner, alarm)?;
        let mut schedule = SCHEDULE.lock();
        if alarm.owner.get() == owner.into_raw().addr() {
            // It may have been set since.
            if schedule.silence(alarm) && !is_served_here() {
                continue;
            }
        }
        let ended = owner.end_unvisited();
        drop(schedule);
        return ended.map(drop);
    }
}

/// Whether this is the alarm thread.
fn is_served_here() -> bool {
    // Relaxed: a thread knows its own ident.
    THREAD.load(Ordering::Relaxed) == this_thread::ident()
}

/// The alarm thread.
fn serve(attendance: &mut Attendance) {
    // Relaxed: a thread knows its own ident.
    THREAD.store(attendance.record.ident(), Ordering::Relaxed);
    while attendance.serving() {
        let mut schedule = SCHEDULE.lock();
        let changes = CHANGES.load(Ordering::Relaxed);
        match schedule.first_due() {
            Ok(alarm) => {
                let action = alarm.action.get();
                drop(schedule);
                attendance.be_ordinary();
                if let Some((action, argument)) = action {
                    // SAFETY: whoever set the alarm gave both, the one for the other.
                    unsafe { action(argument) };
                }
                finish();
            }
            Err(deadline) => {
                drop(schedule);
                attendance.sleep(&CHANGES, changes, deadline);
            }
        }
    }
}

/// The action of the running alarm has ended, if there is one; and maybe the thread with it.
fn finish() {
    let mut schedule = SCHEDULE.lock();
    let Some((alarm, owner)) = schedule.running.take() else { return };
    if alarm.owner.get() == owner {
        match alarm.state.get() {
            State::Running if alarm.period.get() > 0 => {
                // Keeps the phase, and leaves out what was missed.
                let late = now().saturating_sub(alarm.due.get());
                let periods = late / alarm.period.get() + 1;
                alarm.due.set(alarm.due.get().saturating_add(periods.saturating_mul(alarm.period.get())));
                schedule.put_in(alarm);
            }
            State::Running | State::Cancelled => alarm.go(State::Idle),
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

impl Schedule {
    /// Makes the first alarm the running one, if it is due; else until when to wait.
    fn first_due(&mut self) -> Result<&'static Alarm, Deadline> {
        // Once: what is put off meanwhile, again and again, is not looked at twice.
        let now = now();
        loop {
            let Some(first) = self.waiting.first() else {
                self.asleep_until = u64::MAX;
                return Err(Deadline::Never);
            };
            let due = first.due.get();
            if due > now {
                self.asleep_until = due;
                return Err(Deadline::At(due));
            }
            let until = first.until();
            if until > due {
                self.waiting.take_out(first);
                first.due.set(until);
                self.put_in(first);
            // Relaxed: of this and a put-off one is second.
            } else if first.until.compare_exchange(until, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                self.asleep_until = 0;
                self.take_out(first);
                first.go(State::Running);
                self.running = Some((first, first.owner.get()));
                return Ok(first);
            }
        }
    }

    /// Whether the action of this alarm, for its owner, runs.
    fn runs(&self, alarm: &Alarm) -> bool {
        self.running.is_some_and(|(running, owner)| ptr::eq(running, alarm) && owner == alarm.owner.get())
    }

    /// It waits no more, and if its action runs that is the last. Whether that runs.
    fn silence(&mut self, alarm: &'static Alarm) -> bool {
        self.take_out(alarm);
        let runs = self.runs(alarm);
        alarm.go(if runs { State::Cancelled } else { State::Idle });
        runs
    }

    fn put_in(&mut self, alarm: &'static Alarm) {
        if alarm.state.get() == State::Waiting {
            // Somebody may put it off just now. Release, here and below: as in `Alarm::go`.
            alarm.until.fetch_max(alarm.due.get(), Ordering::Release);
        } else {
            alarm.until.store(alarm.due.get(), Ordering::Release);
        }
        alarm.go(State::Waiting);
        self.waiting.put_in(alarm);
    }

    /// Takes an alarm out if it waits. The caller says what it is then, in one step for those without the lock.
    fn take_out(&mut self, alarm: &'static Alarm) {
        if alarm.state.get() == State::Waiting {
            self.waiting.take_out(alarm);
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::base::for_ever::for_ever;

    #[test]
    fn what_is_put_off_is_moved_when_its_old_time_has_come_and_not_before() {
        let [first, second]: &'static [Alarm; 2] = for_ever([Alarm::idle(), Alarm::idle()]);
        let mut schedule = Schedule { waiting: Due::new(), asleep_until: 0, running: None, ended: 0 };
        let far = now() + 1_000_000_000_000;
        for (alarm, due) in [(first, far), (second, far + 10)] {
            alarm.due.set(due);
            schedule.put_in(alarm);
        }
        first.until.store(far + 20, Ordering::Relaxed);
        assert!(matches!(schedule.first_due(), Err(Deadline::At(at)) if at == far));
        assert!(ptr::eq(schedule.waiting.first().unwrap(), first));
        schedule.take_out(first);
        first.due.set(1);
        schedule.put_in(first);
        assert!(matches!(schedule.first_due(), Err(Deadline::At(at)) if at == far + 10));
        assert!(ptr::eq(schedule.waiting.first().unwrap(), second));
        assert_eq!((first.due.get(), first.until()), (far + 20, far + 20));
    }
}
