//! What each thread waits for, told to whoever asks: also to a signal handler, and also while the thread goes on.
//!
//! A thread tells it before it sleeps, and takes it back when it is up: some plain stores beside a system call. Only
//! it writes, between two changes of the version, which is odd meanwhile; who reads finds the version even, and the
//! same when all is read, or tries again. A handler that waits itself, in the middle of its thread's wait or of its
//! telling, leaves what it found.

use crate::base::handle::{Handle, Kind, Object};
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

/// Declares the verbs, with their words.
macro_rules! verbs {
    ($($verb:ident = $bits:literal $word:literal,)*) => {
        /// What a thread is about to do with an object when it waits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Verb {
            $($verb = $bits,)*
        }

        impl Verb {
            pub fn word(self) -> &'static str {
                match self {
                    $(Verb::$verb => $word,)*
                }
            }

            pub fn of(bits: u8) -> Option<Verb> {
                match bits {
                    $($bits => Some(Verb::$verb),)*
                    _ => None,
                }
            }
        }
    };
}

verbs! {
    Acquire = 1 "acquire",
    Read = 2 "read",
    Write = 3 "write",
    Wait = 4 "wait",
    Get = 5 "get",
    Put = 6 "put",
    Join = 7 "join",
    Cancel = 8 "cancel",
    CallOnce = 9 "call_once",
    Sleep = 10 "sleep",
    Map = 11 "map",
    Shutdown = 12 "shutdown",
    Submit = 13 "submit",
    NativeId = 14 "native_id",
    Select = 15 "select",
    Idle = 16 "idle",
}

/// What a wait is for: a verb, and mostly an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct What {
    pub verb: Verb,
    pub kind: Option<Kind>,
    /// The handle's number, 0 without an object.
    pub handle: usize,
}

impl What {
    pub fn of<T: Object>(verb: Verb, handle: Handle<T>) -> What {
        What { verb, kind: Some(T::KIND), handle: handle.into_raw().addr() }
    }

    /// A wait that no object is the reason of.
    pub fn plain(verb: Verb) -> What {
        What { verb, kind: None, handle: 0 }
    }
}

/// A wait, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub what: What,
    /// Nanoseconds on the monotonic clock; the most there can be without a deadline.
    pub since: u64,
    pub until: u64,
    pub can_be_interrupted: bool,
}

/// Where one thread tells it. Not the models': no thread goes another way for what stands here.
#[derive(Debug)]
pub struct Waiting {
    version: AtomicU32,
    /// The verb, 8 bits above it the kind, and above that whether it can be interrupted; 0 while it waits for nothing.
    what: AtomicU32,
    handle: AtomicUsize,
    since: AtomicU64,
    until: AtomicU64,
}

/// How often a reader tries: its thread may be one that comes and goes, or one that this handler has interrupted in
/// the middle.
const TRIES: u32 = 100;

// Relaxed where nothing else is said: the version and the fences order what is between.
impl Waiting {
    pub const fn for_nothing() -> Waiting {
        Waiting {
            version: AtomicU32::new(0),
            what: AtomicU32::new(0),
            handle: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            until: AtomicU64::new(0),
        }
    }

    /// Another thread's from now on, or that of the child of a fork: nobody reads what it was.
    pub fn clear(&self) {
        self.write(Raw::NOTHING);
        self.version.store(0, Ordering::Relaxed);
    }

    /// The thread waits, until what this gives is dropped. On that thread.
    pub fn tell(&self, wait: Wait) -> Told<'_> {
        let before = self.fields();
        self.write(Raw::of(wait));
        Told { waiting: self, before }
    }

    /// What the thread waits for now; None also if it changes all the time.
    pub fn read(&self) -> Option<Wait> {
        (0..TRIES)
            .find_map(|_| {
                // Acquire, and the fence below: what is read between is what was written before this version.
                let version = self.version.load(Ordering::Acquire);
                let fields = self.fields();
                fence(Ordering::Acquire);
                (version % 2 == 0 && self.version.load(Ordering::Relaxed) == version).then_some(fields)
            })?
            .wait()
    }

    fn fields(&self) -> Raw {
        Raw {
            what: self.what.load(Ordering::Relaxed),
            handle: self.handle.load(Ordering::Relaxed),
            since: self.since.load(Ordering::Relaxed),
            until: self.until.load(Ordering::Relaxed),
        }
    }

    fn write(&self, fields: Raw) {
        let version = self.version.load(Ordering::Relaxed);
        let odd = version | 1;
        self.version.store(odd, Ordering::Relaxed);
        // Release, and in the last line: who reads any of what is between finds the odd version, or another one.
        fence(Ordering::Release);
        self.what.store(fields.what, Ordering::Relaxed);
        self.handle.store(fields.handle, Ordering::Relaxed);
        self.since.store(fields.since, Ordering::Relaxed);
        self.until.store(fields.until, Ordering::Relaxed);
        // A handler in the middle of its thread's telling leaves that unfinished.
        let after = if version == odd { version } else { odd.wrapping_add(1) };
        self.version.store(after, Ordering::Release);
    }
}

/// That a thread tells what it waits for.
pub struct Told<'a> {
    waiting: &'a Waiting,
    before: Raw,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.waiting.write(self.before);
    }
}

/// The words that a wait is told in.
#[derive(Clone, Copy)]
struct Raw {
    what: u32,
    handle: usize,
    since: u64,
    until: u64,
}

impl Raw {
    const NOTHING: Raw = Raw { what: 0, handle: 0, since: 0, until: 0 };

    fn of(wait: Wait) -> Raw {
        let What { verb, kind, handle } = wait.what;
        let kind = kind.map_or(0, |kind| kind as u32);
        let what = verb as u32 | kind << 8 | u32::from(wait.can_be_interrupted) << 16;
        Raw { what, handle, since: wait.since, until: wait.until }
    }

    fn wait(self) -> Option<Wait> {
        let [verb, kind, interruptible, _] = self.what.to_le_bytes();
        let what = What { verb: Verb::of(verb)?, kind: Kind::numbered(kind), handle: self.handle };
        Some(Wait { what, since: self.since, until: self.until, can_be_interrupted: interruptible != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(n: u64) -> Wait {
        let what = What { verb: Verb::Get, kind: Some(Kind::Queue), handle: n as usize };
        Wait { what, since: n, until: !n, can_be_interrupted: n % 2 == 1 }
    }

    #[test]
    fn what_is_told_is_read_and_taken_back() {
        let waiting = Waiting::for_nothing();
        assert_eq!(waiting.read(), None);
        let outer = waiting.tell(wait(1));
        let inner = waiting.tell(Wait { what: What::plain(Verb::Sleep), ..wait(2) });
        assert_eq!(waiting.read().unwrap().what, What::plain(Verb::Sleep));
        drop(inner);
        assert_eq!(waiting.read(), Some(wait(1)));
        drop(outer);
        assert_eq!(waiting.read(), None);
    }

    #[test]
    fn a_handler_in_the_middle_leaves_it_unfinished() {
        let waiting = Waiting::for_nothing();
        waiting.version.store(5, Ordering::Relaxed);
        drop(waiting.tell(wait(1)));
        assert_eq!(waiting.version.load(Ordering::Relaxed), 5);
        assert_eq!(waiting.read(), None);
    }

    #[test]
    fn a_wait_is_read_whole_or_not_at_all() {
        const READS: u64 = if cfg!(miri) { 500 } else { 100_000 };
        let waiting = Waiting::for_nothing();
        std::thread::scope(|threads| {
            threads.spawn(|| (1..2 * READS).for_each(|n| drop(waiting.tell(wait(n)))));
            for _ in 0..READS {
                if let Some(read) = waiting.read() {
                    assert_eq!(read, wait(read.since));
                }
            }
        });
    }
}
