//! How an operation waits: for what, until when, and whether the thread can be interrupted meanwhile.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::{Deadline, Timeout, now};
use crate::base::interrupt::Interrupt;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::wait::{self, Wake};
use crate::base::waiting::{Wait, What};

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
        Block { deadline, began: now(), what: Some(what), record, can_be_interrupted: true }
    }

    /// For an operation that may not be interrupted.
    pub fn uninterruptible(what: What) -> Block {
        Block { what: Some(what), record: this_thread::existing(), ..Block::brief() }
    }

    /// For what is on its way, and comes in a moment.
    pub fn brief() -> Block {
        let deadline = Deadline::Never;
        Block { deadline, began: now(), what: None, record: None, can_be_interrupted: false }
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
        let _told = self.record.zip(self.what).map(|(record, what)| {
            record.waiting.tell(Wait { what, since: self.began, until: self.deadline.in_nanoseconds() })
        });
        wait::wait(word, expected, self.deadline, self.interrupt())
    }

    /// Why the operation gives up, once it is out of the wait. Takes the interrupt; None if that was
    /// taken meanwhile, by a signal handler of this thread: then the operation begins again.
    pub fn reason(&self, wake: Wake) -> Option<Error> {
        match wake {
            Wake::Interrupted => {
                self.interruptible().is_some_and(Record::take_interrupt).then_some(Error::Interrupted)
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
