//! The wait engine, as far as its contract goes: see src/base/wait/mod.rs. Nobody sleeps for ever here: who
//! would, fails the model.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicU32, Ordering};

pub struct Futex {
    pub word: AtomicU32,
    line: Mutex<Line>,
}

#[derive(Clone, Copy, PartialEq)]
enum Line {
    Empty,
    Asleep,
    Woken,
}

impl Futex {
    pub fn new(value: u32) -> Futex {
        Futex { word: AtomicU32::new(value), line: Mutex::new(Line::Empty) }
    }

    /// Sleeps if the word is still as expected: calls `others`, which returns when all that the other threads
    /// do has been done, and among that must have been a wake. Whether it slept.
    pub fn sleep(&self, expected: u32, others: impl FnOnce()) -> bool {
        {
            let mut line = self.line.lock().unwrap();
            // The kernel looks in the line's lock: a waker that comes later finds the sleeper.
            if self.word.load(Ordering::Acquire) != expected {
                return false;
            }
            *line = Line::Asleep;
        }
        others();
        let woken = *self.line.lock().unwrap() == Line::Woken;
        assert!(woken, "asleep for ever");
        true
    }

    pub fn wake_all(&self) {
        let mut line = self.line.lock().unwrap();
        if *line == Line::Asleep {
            *line = Line::Woken;
        }
    }
}
