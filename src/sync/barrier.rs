//! The barrier: threads that wait until all of them are there, round after round.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | `Filling` | the round waits for more threads | the last one, or a drop that leaves no more than are there: `Acting`; the end of a wait, abort, the last drop: `Broken` |
//! | `Acting` | the last one runs the action; who comes now waits outside for the next round | its end: `Filling`, and those outside come in, perhaps for an `Acting` of their own; the end of a wait, abort, the last drop: `BrokenActing` |
//! | `Broken` | nobody waits | reset: `Filling`, unless all parties have dropped out |
//! | `BrokenActing` | the action of the round before still runs | its end: `Broken`; reset: `Acting` |
//!
//! Without an action there is no `Acting`. An action that is left by an exception breaks the barrier. A
//! break, an abort and a reset send all who wait away with LT_BROKEN; but not those of a round that is
//! complete, who are released when the action is over.

use crate::base::arena::{Arena, Resident};
use crate::base::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::cleanup;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::mutex::{Guard, Mutex};
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::unwind::Function;
use crate::base::waiting::{Verb, What};
use crate::sync::waiters::{Chosen, Lines, Waiter, Waiters};
use core::ffi::c_void;

/// What a barrier has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Barrier {
    round: Mutex<Round>,
    /// Whether there is an action: while that runs nobody need be in the slow path.
    has_action: AtomicBool,
}

#[derive(Debug)]
struct Round {
    state: State,
    parties: u32,
    action: Option<(Function, *mut c_void)>,
    /// Those that wait for the rest of the round, in the order in which they came.
    inside: Waiters,
    /// Those that came while the action ran.
    outside: Waiters,
    /// The round that is complete but for its action, and the ident of the thread that runs that.
    complete: Option<Chosen>,
    actor: u64,
}

// SAFETY: the action's argument is the user's, who asked for it to be passed on any thread.
unsafe impl Send for Round {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Filling,
    Acting,
    Broken,
    BrokenActing,
}

impl State {
    fn acts(self) -> bool {
        matches!(self, State::Acting | State::BrokenActing)
    }

    fn is_broken(self) -> bool {
        matches!(self, State::Broken | State::BrokenActing)
    }

    fn broken(self) -> State {
        if self.acts() { State::BrokenActing } else { State::Broken }
    }

    /// While there are parties.
    fn mended(self) -> State {
        if self.acts() { State::Acting } else { State::Filling }
    }

    fn after_action(self) -> State {
        if self.is_broken() { State::Broken } else { State::Filling }
    }
}

const NOBODY: u64 = 0;

/// What a waiter outside wants; one inside has its index there.
const OUTSIDE: usize = usize::MAX;

/// What waiters are served with.
const RELEASED: u32 = 1;
const SENT_AWAY: u32 = 2;
/// It is the last one of a round.
const ACT: u32 = 3;
/// The barrier was freed at the moment in which the waiter came.
const GONE: u32 = 4;

impl Object for Barrier {
    const KIND: Kind = Kind::Barrier;

    fn arena() -> &'static Arena<Barrier> {
        &BARRIERS
    }

    fn blank() -> Barrier {
        Barrier { round: Mutex::new(Round::of(0, None)), has_action: AtomicBool::new(false) }
    }

    fn reset(&self) {
        // SAFETY: nobody else has it.
        unsafe { *self.round.as_ptr() = Round::of(0, None) };
        // Relaxed: as above.
        self.has_action.store(false, Ordering::Relaxed);
    }

    /// Nobody waits. The forking thread may be in the action of a round.
    fn forget(&self, _word: &AtomicU64) {
        let mut round = self.round.lock();
        round.inside.forget();
        round.outside.forget();
        round.complete = None;
        if this_thread::existing().is_none_or(|record| record.ident() != round.actor) {
            round.state = round.state.after_action();
        }
    }
}

static BARRIERS: Arena<Barrier> = Arena::new();

impl Round {
    const fn of(parties: u32, action: Option<(Function, *mut c_void)>) -> Round {
        Round {
            state: State::Filling,
            parties,
            action,
            inside: Waiters::none(),
            outside: Waiters::none(),
            complete: None,
            actor: NOBODY,
        }
    }

    /// The round is complete, and `actor` runs its action; `NOBODY` until it knows that.
    fn begin_action(&mut self, complete: Chosen, actor: u64) {
        self.state = State::Acting;
        self.complete = Some(complete);
        self.actor = actor;
    }

    /// Lets those in who wait outside, as many as make a round; if it is complete, who is to run its action.
    fn admit(&mut self) -> Option<Chosen> {
        let parties = self.parties as usize;
        while self.inside.len() < parties && !self.outside.is_empty() {
            self.outside.move_first(&self.inside, self.inside.len());
        }
        if self.inside.len() < parties {
            return None;
        }
        let complete = self.inside.take(parties - 1);
        let last = self.inside.take(1);
        self.begin_action(complete, NOBODY);
        Some(last)
    }
}

impl Lines for Round {
    fn of(&self, waiter: &Waiter) -> &Waiters {
        if waiter.wants() == OUTSIDE { &self.outside } else { &self.inside }
    }
}

impl Handle<Barrier> {
    pub fn new(parties: u32, action: Option<Function>, argument: *mut c_void) -> Result<Self, Error> {
        if parties == 0 {
            return Err(Error::NoParties);
        }
        Handle::make(0, |barrier: &Barrier| {
            // SAFETY: nobody else has it.
            let round = unsafe { &mut *barrier.round.as_ptr() };
            round.parties = parties;
            round.action = action.map(|action| (action, argument));
            // Relaxed: published by the word.
            barrier.has_action.store(action.is_some(), Ordering::Relaxed);
        })
    }

    /// Ends the barrier, unless a thread waits for it or runs its action.
    pub fn free(self) -> Result<(), Error> {
        let unused = |barrier: &Barrier, visitors: u32| match visitors {
            // Relaxed: does not change while it is alive.
            0 if !barrier.has_action.load(Ordering::Relaxed) => Ok(()),
            _ => Err(Error::Busy),
        };
        let ended = match self.end(unused) {
            Err(Error::Busy) => return self.free_visited(),
            ended => ended?,
        };
        if !ended.is_alone() {
            send_away(ended.round.lock(), GONE);
        }
        Ok(())
    }

    /// Somebody has come, or is on the way out; or there is an action.
    fn free_visited(self) -> Result<(), Error> {
        let (_resident, round) = self.round()?;
        let idle = round.inside.is_empty() && round.outside.is_empty() && !round.state.acts();
        let ended = self.end(|_, _| if idle { Ok(()) } else { Err(Error::Busy) })?;
        drop(round);
        drop(ended);
        Ok(())
    }

    /// Waits without bound; as which one of the round it came.
    ///
    /// # Safety
    /// Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn wait(self) -> Result<u32, Error> {
        self.check()?;
        // SAFETY: as the caller vouches.
        unsafe { self.wait_within(Timeout::Forever) }
    }

    /// The same, for at most so long.
    ///
    /// # Safety
    /// As for `wait`.
    pub unsafe fn wait_timeout(self, seconds: f64) -> Result<u32, Error> {
        self.check()?;
        let timeout = Timeout::from_seconds(seconds)?;
        // SAFETY: as the caller vouches.
        unsafe { self.wait_within(timeout) }
    }

    /// Sends all who wait away, and begins a new round.
    pub fn reset(self) -> Result<(), Error> {
        self.happens_before();
        let (_resident, mut round) = self.round()?;
        if round.parties > 0 {
            round.state = round.state.mended();
        }
        send_away(round, SENT_AWAY);
        Ok(())
    }

    /// Takes one party out, of this round and the later ones: it does not wait, and those that do are all, perhaps.
    pub fn drop_out(self) -> Result<(), Error> {
        self.happens_before();
        let (_resident, mut round) = self.round()?;
        round.parties = round.parties.checked_sub(1).ok_or(Error::NoPartiesLeft)?;
        if round.parties == 0 {
            // Nobody is expected any more. Who waits all the same has come outside, during an action.
            round.state = round.state.broken();
            send_away(round, SENT_AWAY);
            return Ok(());
        }
        if round.state != State::Filling {
            return Ok(());
        }
        if round.action.is_some() {
            // By one of those who wait: what it throws is theirs.
            let last = round.admit();
            drop(round);
            if let Some(last) = last {
                last.serve(ACT);
            }
        } else if round.inside.len() == round.parties as usize {
            let complete = round.inside.take(usize::MAX);
            drop(round);
            complete.serve(RELEASED);
        }
        Ok(())
    }

    /// Breaks the barrier.
    pub fn abort(self) -> Result<(), Error> {
        self.happens_before();
        let (_resident, mut round) = self.round()?;
        round.state = round.state.broken();
        send_away(round, SENT_AWAY);
        Ok(())
    }

    pub fn parties(self) -> Result<u32, Error> {
        let (_resident, round) = self.round()?;
        Ok(round.parties)
    }

    /// How many wait for the rest of the round.
    pub fn waiting(self) -> Result<u32, Error> {
        let (_resident, round) = self.round()?;
        Ok(round.inside.len() as u32)
    }

    /// The same, of how many; None also while that changes. Async-signal-safe where threads can be woken in handlers.
    pub fn try_waiting(self) -> Option<(usize, u32)> {
        let _resident = self.reside().ok()?;
        let round = self.alive().ok()?.round.try_lock()?;
        // SeqCst: as in `round`.
        self.state(Ordering::SeqCst).ok()?;
        Some((round.inside.len(), round.parties))
    }

    pub fn is_broken(self) -> Result<bool, Error> {
        let (_resident, round) = self.round()?;
        Ok(round.state.is_broken())
    }

    /// The round, locked. Who does that resides: `free` takes the lock only beside residents.
    fn round(self) -> Result<(Resident<Barrier>, Guard<'static, Round>), Error> {
        let resident = self.reside()?;
        let round = self.alive()?.round.lock();
        // SeqCst: of a resident and a free, one sees the other. What was freed beside one was so under the lock.
        self.state(Ordering::SeqCst)?;
        Ok((resident, round))
    }

    /// # Safety
    /// As for `wait`.
    unsafe fn wait_within(self, timeout: Timeout) -> Result<u32, Error> {
        self.happens_before();
        let arrival = self.arrive(timeout);
        // Also after who broke it.
        self.happens_after();
        match arrival? {
            Arrival::Over(index) => Ok(index),
            Arrival::Last(index, action, argument) => {
                let handle = self.into_raw();
                // SAFETY: the action and its argument are what the user asked to be called; nothing
                // here has a destructor.
                unsafe { cleanup::call(action, argument, left_action, handle) };
                self.happens_before();
                self.end_action(RELEASED);
                Ok(index)
            }
        }
    }

    /// Comes to the barrier, and waits; or is the last one, and has an action to run.
    fn arrive(self, timeout: Timeout) -> Result<Arrival, Error> {
        // Before the lock: a thread's first call makes its record, which takes memory and another lock.
        let me = this_thread::ident();
        let mut block = None;
        loop {
            let begin = || Block::start(What::of(Verb::Wait, self), timeout);
            if let Some(arrival) = self.arrive_within(me, || block.get_or_insert_with(begin))? {
                return Ok(arrival);
            }
        }
    }

    /// None if the thread was forked meanwhile: in the child it has not come.
    fn arrive_within<'a>(
        self,
        me: u64,
        block: impl FnOnce() -> &'a mut Block,
    ) -> Result<Option<Arrival>, Error> {
        // While it is there, what it wakes up to is the same barrier, freed or not.
        let (barrier, mut round) = self.round()?;
        let index = round.inside.len() as u32;
        if round.state.is_broken() {
            return Err(Error::Broken);
        }
        if round.state.acts() && round.actor == me {
            return Err(Error::CalledFromWithin);
        }
        if round.state == State::Filling && index + 1 == round.parties {
            let complete = round.inside.take(usize::MAX);
            if let Some((action, argument)) = round.action {
                round.begin_action(complete, me);
                return Ok(Some(Arrival::Last(index, action, argument)));
            }
            drop(round);
            complete.serve(RELEASED);
            return Ok(Some(Arrival::Over(index)));
        }
        let waiter = Waiter::new(if round.state.acts() { OUTSIDE } else { index as usize });
        // SAFETY: stays here, and is out of the line and served, or not chosen, before it goes.
        unsafe { round.of(&waiter).join(&waiter) };
        drop(round);
        let Some(served) = barrier.await_service(&waiter, block())? else { return Ok(None) };
        match (served, waiter.wants()) {
            (RELEASED, index) => Ok(Some(Arrival::Over(index as u32))),
            (ACT, index) => {
                let mut round = barrier.round.lock();
                round.actor = me;
                let (action, argument) = round.action.ok_or(Error::Broken)?;
                Ok(Some(Arrival::Last(index as u32, action, argument)))
            }
            (GONE, _) => Err(Error::StaleHandle(Kind::Barrier)),
            _ => Err(Error::Broken),
        }
    }

    /// The action has ended, and so has its round; the next one begins, or the barrier is broken.
    fn end_action(self, end: u32) {
        // The barrier is not freed while an action runs.
        let Ok((_resident, mut round)) = self.round() else { return };
        if end == SENT_AWAY {
            round.state = round.state.broken();
        }
        round.state = round.state.after_action();
        let complete = round.complete.take();
        let (outside, last) = if round.state.is_broken() {
            (round.outside.take(usize::MAX), None)
        } else {
            (Chosen::none(), round.admit())
        };
        drop(round);
        if let Some(complete) = complete {
            complete.serve(end);
        }
        outside.serve(SENT_AWAY);
        if let Some(last) = last {
            last.serve(ACT);
        }
    }
}

/// What became of a thread that came.
enum Arrival {
    /// The round is over, and this was its index.
    Over(u32),
    /// It was the last one, and runs the action.
    Last(u32, Function, *mut c_void),
}

/// The action was left by an exception or by lt_exit.
///
/// # Safety
/// The argument is the handle of a barrier.
unsafe extern "C-unwind" fn left_action(barrier: *mut c_void) {
    // SAFETY: as the caller vouches.
    if let Ok(barrier) = unsafe { Handle::<Barrier>::from_raw(barrier) } {
        barrier.end_action(SENT_AWAY);
    }
}

/// Sends all who wait away, with the reason.
fn send_away(round: Guard<'_, Round>, why: u32) {
    let inside = round.inside.take(usize::MAX);
    let outside = round.outside.take(usize::MAX);
    drop(round);
    inside.serve(why);
    outside.serve(why);
}

impl Barrier {
    /// Sleeps until served. If the wait ends before, the barrier is broken.
    fn await_service(&self, waiter: &Waiter, block: &Block) -> Result<Option<u32>, Error> {
        let served = waiter.await_service(block, &self.round, None);
        served.map(|served| served.map(|served| served.with())).map_err(|(mut round, reason)| {
            round.of(waiter).leave(waiter);
            round.state = round.state.broken();
            send_away(round, SENT_AWAY);
            reason
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::atomic::AtomicU32;

    unsafe extern "C-unwind" fn count(times: *mut c_void) {
        // SAFETY: the tests pass counters.
        unsafe { &*times.cast::<AtomicU32>() }.fetch_add(1, Ordering::SeqCst);
    }

    fn wait(barrier: Handle<Barrier>) -> Result<u32, Error> {
        // SAFETY: nothing here has a destructor.
        unsafe { barrier.wait() }
    }

    #[test]
    fn each_round_has_one_action_before_anybody_is_released() {
        let times = AtomicU32::new(0);
        let barrier = Handle::<Barrier>::new(3, Some(count), (&raw const times).cast_mut().cast()).unwrap();
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    for round in 0..2_000 {
                        assert!(wait(barrier).unwrap() < 3);
                        assert_eq!(times.load(Ordering::SeqCst), 2 * round + 1);
                        wait(barrier).unwrap();
                    }
                });
            }
        });
        assert_eq!(times.into_inner(), 4_000);
        assert_eq!(barrier.waiting(), Ok(0));
        barrier.free().unwrap();
    }

    #[test]
    fn the_last_one_that_is_missing_may_drop_out() {
        let times = AtomicU32::new(0);
        for action in [None, Some(count as Function)] {
            let barrier = Handle::<Barrier>::new(3, action, (&raw const times).cast_mut().cast()).unwrap();
            std::thread::scope(|threads| {
                for _ in 0..2 {
                    threads.spawn(|| assert!(wait(barrier).unwrap() < 2));
                }
                while barrier.waiting() != Ok(2) {
                    std::thread::yield_now();
                }
                barrier.drop_out().unwrap();
            });
            assert_eq!(barrier.parties(), Ok(2));
            barrier.drop_out().unwrap();
            assert_eq!(wait(barrier), Ok(0));
            barrier.drop_out().unwrap();
            assert_eq!(barrier.drop_out(), Err(Error::NoPartiesLeft));
            barrier.reset().unwrap();
            assert_eq!(wait(barrier), Err(Error::Broken));
            barrier.free().unwrap();
        }
        assert_eq!(times.into_inner(), 2);
    }

    #[test]
    fn who_gives_up_breaks_it_and_reset_mends_it() {
        let barrier = Handle::<Barrier>::new(2, None, core::ptr::null_mut()).unwrap();
        // SAFETY: nothing here has a destructor.
        assert_eq!(unsafe { barrier.wait_timeout(1e-4) }, Err(Error::TimedOut));
        assert_eq!(barrier.is_broken(), Ok(true));
        assert_eq!(wait(barrier), Err(Error::Broken));
        barrier.reset().unwrap();
        assert_eq!(barrier.is_broken(), Ok(false));
        std::thread::scope(|threads| {
            let waiter = threads.spawn(|| wait(barrier));
            while barrier.waiting() != Ok(1) {
                std::thread::yield_now();
            }
            barrier.abort().unwrap();
            assert_eq!(waiter.join().unwrap(), Err(Error::Broken));
        });
        barrier.free().unwrap();
        assert_eq!(wait(barrier), Err(Error::StaleHandle(Kind::Barrier)));
    }
}
