//! How an operation waits: for what, until when, and whether the thread can be interrupted meanwhile.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::{Deadline, Timeout, now};
use crate::base::insight::{self, Waited};
use crate::base::interrupt::Interrupt;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::trace;
use crate::base::wait::{self, Wake};
use crate::base::waiting::{Told, Wait, What};
use crate::base::{registry, this_thread};
use core::cell::Cell;

/// How long a waiter lets others overtake it, in nanoseconds.
const PATIENCE: u64 = 1_000_000;

/// One operation's wait, however often it sleeps.
pub struct Block {
    deadline: Deadline,
    /// When the operation began to wait.
    began: u64,
    /// None for a wait of a moment, which nobody is told of.
    what: Option<What>,
    record: Option<&'static Record>,
    can_be_interrupted: bool,
    can_be_refused: bool,
    /// Whether it is told of as a whole, and not only while the thread sleeps.
    declared: Cell<bool>,
    /// Whether it ended by a hand-over.
    pub handed_over: Cell<bool>,
    /// In which process it has last begun, among those forked from each other.
    process: Cell<u32>,
}

impl Block {
    /// For an operation that could not be done at once. A poll ends here.
    pub fn begin(what: What, timeout: Timeout) -> Result<Block, Error> {
        match timeout {
            Timeout::Poll => Err(Error::TimedOut),
            _ => Ok(Block::start(what, timeout)),
        }
    }

    /// For an operation whose poll is a wait that ends at once. That is not interrupted.
    pub fn start(what: What, timeout: Timeout) -> Block {
        let record = if timeout == Timeout::Poll { None } else { this_thread::current() };
        let deadline = timeout.start();
        Block { deadline, what: Some(what), record, can_be_interrupted: true, ..Block::brief() }
    }

    /// For an operation that may not be interrupted.
    pub fn uninterruptible(what: What) -> Block {
        Block { what: Some(what), record: this_thread::existing(), ..Block::brief() }
    }

    /// The same, and that comes back with what it waits for, whatever insight says.
    pub fn irrefusable(what: What) -> Block {
        Block { can_be_refused: false, ..Block::uninterruptible(what) }
    }

    /// For what is on its way, and comes in a moment.
    pub fn brief() -> Block {
        Block {
            deadline: Deadline::Never,
            began: now(),
            what: None,
            record: None,
            can_be_interrupted: false,
            can_be_refused: true,
            declared: Cell::new(false),
            handed_over: Cell::new(false),
            process: Cell::new(registry::forks()),
        }
    }

    /// The same, but not longer than this.
    pub fn moment(nanoseconds: u64) -> Block {
        Block { deadline: Timeout::Nanoseconds(nanoseconds).start(), ..Block::brief() }
    }

    /// Tells of the wait until the result is dropped. Where insight looks for circles it fails if the wait would close
    /// one. For a wait for what is held, before its thread stands anywhere.
    pub fn declare(&self) -> Result<Option<Told<'static>>, Error> {
        let Some(hooks) = insight::told(insight::DEADLOCK) else { return Ok(None) };
        let Some((record, wait)) = self.record.zip(self.wait()) else { return Ok(None) };
        let told = (hooks.waits)(record, wait, self.can_be_refused)?;
        self.declared.set(true);
        Ok(Some(told))
    }

    /// The wait is over, which was for what is held.
    pub fn count(&self, longest_hold: impl FnOnce() -> u32) {
        if let Some((hooks, what)) = insight::told(insight::CONTENTION).zip(self.what) {
            let nanoseconds = now().saturating_sub(self.began);
            let waited = Waited {
                nanoseconds,
                // Those who read are always let in by who was in their way, however short they have waited.
                handed_over: self.handed_over.get() && nanoseconds >= PATIENCE,
                longest_hold: longest_hold(),
                place: self.record.map_or(0, |record| record.own().called_from.get()),
            };
            (hooks.has_waited)(what, waited);
        }
    }

    fn wait(&self) -> Option<Wait> {
        let (until, can_be_interrupted) = (self.deadline.in_nanoseconds(), self.can_be_interrupted);
        self.what.map(|what| Wait { what, since: self.began, until, can_be_interrupted })
    }

    /// Sleeps until `done` says that it is so. `word` changes, and is woken, after whatever may make it so.
    pub fn until(
        what: What,
        word: &AtomicU32,
        timeout: Timeout,
        done: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let mut block = None;
        loop {
            // Acquire: the word first. What makes it so after the look at `done` changes it.
            let before = word.load(Ordering::Acquire);
            if done() {
                return Ok(());
            }
            let block = match &block {
                Some(block) => block,
                None => block.insert(Block::begin(what, timeout)?),
            };
            let wake = block.sleep(word, before);
            if wake.ends_wait() && !done() {
                block.reason(wake).map_or(Ok(()), Err)?;
            }
        }
    }

    /// Whether the operation has waited for `PATIENCE`: whoever comes may no longer go before it.
    pub fn is_starving(&self) -> bool {
        now().saturating_sub(self.began) >= PATIENCE
    }

    /// Sleeps while `word` is `expected`.
    pub fn sleep(&self, word: &AtomicU32, expected: u32) -> Wake {
        if self.was_forked() {
            return Wake::Forked;
        }
        let untold = self.record.filter(|_| !self.declared.get());
        let _told = untold.zip(self.wait()).map(|(record, wait)| record.waiting.tell(wait));
        let asleep = trace::falls_asleep(self.record, self.what);
        let wake = wait::wait(word, expected, self.deadline, self.interrupt());
        if let Some(asleep) = asleep {
            asleep.end((wake == Wake::Woken).then(|| word.as_ptr().addr()));
        }
        if self.was_forked() { Wake::Forked } else { wake }
    }

    /// Whether this is the child of a process in which it has begun.
    pub fn was_forked(&self) -> bool {
        self.process.get() != registry::forks()
    }

    /// Why the operation gives up, once it is out of the wait. Takes the interrupt; None if that was
    /// taken meanwhile, by a signal handler of this thread, or that has forked: then the operation begins again.
    pub fn reason(&self, wake: Wake) -> Option<Error> {
        match wake {
            Wake::Interrupted => {
                self.interruptible().is_some_and(Record::take_interrupt).then_some(Error::Interrupted)
            }
            Wake::Forked => {
                self.process.set(registry::forks());
                None
            }
            _ => Some(Error::TimedOut),
        }
    }

    fn interrupt(&self) -> Option<&Interrupt> {
        self.interruptible().map(Record::interrupt)
    }

    fn interruptible(&self) -> Option<&'static Record> {
        self.record.filter(|_| self.can_be_interrupted)
    }
}
