//! The last error of a thread that has no record, small enough for the thread-specific value.
//!
//! A call that signal handlers may make must not make a record, which takes memory and a lock. But its
//! thread has a word of its own, the thread-specific value, and that is free as long as there is no
//! record: the error waits there until there is one, and goes into it.
//!
//! ```text
//! 19..15 second kind | 14..10 kind | 9..5 what was wrong | 4..0 which function
//! ```

use crate::base::handle::{KIND_SHIFT, Kind};
use crate::base::status::Error;

/// The functions that signal handlers may call and that can fail.
static FUNCTIONS: [&str; 6] = [
    "lt_lock_try_acquire",
    "lt_lock_release",
    "lt_semaphore_release",
    "lt_event_set",
    "lt_interrupt_main",
    "lt_dump",
];

/// What can be wrong in them, apart from the handle.
const PLAIN: [Error; 5] =
    [Error::NotHeld, Error::ZeroCount, Error::AboveBound, Error::SignalOutOfRange, Error::NotWritten];

/// What is wrong with the handle, in numbers behind those of `PLAIN`.
const NULL: usize = 16;
const STALE: usize = 17;
const WRONG: usize = 18;
const NONE: usize = 19;

const FIELD: u32 = 5;
const FIELD_MASK: usize = (1 << FIELD) - 1;

/// A function and why it failed. Of `BITS` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note(usize);

impl Note {
    pub const BITS: u32 = 4 * FIELD;

    /// None if it is not one of those above.
    pub fn of(function: &str, error: Error) -> Option<Note> {
        let function = FUNCTIONS.iter().position(|known| *known == function)?;
        let (what, kind, other) = match error {
            Error::NullHandle(kind) => (NULL, kind as usize, 0),
            Error::StaleHandle(kind) => (STALE, kind as usize, 0),
            Error::NoHandle(kind) => (NONE, kind as usize, 0),
            Error::WrongHandle(wanted, given) => (WRONG, wanted as usize, given as usize),
            plain => (PLAIN.iter().position(|known| *known == plain)?, 0, 0),
        };
        Some(Note(other << (3 * FIELD) | kind << (2 * FIELD) | what << FIELD | function))
    }

    pub fn read(self) -> Option<(&'static &'static str, Error)> {
        let field = |i: u32| self.0 >> (i * FIELD) & FIELD_MASK;
        let kind = |i: u32| Kind::of((field(i) as u64) << KIND_SHIFT);
        let error = match field(1) {
            NULL => Error::NullHandle(kind(2)?),
            STALE => Error::StaleHandle(kind(2)?),
            NONE => Error::NoHandle(kind(2)?),
            WRONG => Error::WrongHandle(kind(2)?, kind(3)?),
            plain => *PLAIN.get(plain)?,
        };
        Some((FUNCTIONS.get(field(0))?, error))
    }

    pub fn bits(self) -> usize {
        self.0
    }

    pub fn from_bits(bits: usize) -> Note {
        Note(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read() {
        let mut errors = PLAIN.to_vec();
        errors.extend([
            Error::NullHandle(Kind::Lock),
            Error::StaleHandle(Kind::Future),
            Error::NoHandle(Kind::Semaphore),
            Error::WrongHandle(Kind::Event, Kind::Record),
        ]);
        for function in &FUNCTIONS {
            for error in &errors {
                let note = Note::of(function, *error).unwrap();
                assert!(note.bits() < 1 << Note::BITS);
                assert_eq!(Note::from_bits(note.bits()).read(), Some((function, *error)));
            }
        }
    }

    #[test]
    fn what_no_signal_handler_meets_is_not_noted() {
        assert_eq!(Note::of("lt_sleep", Error::NegativeSeconds), None);
        assert_eq!(Note::of("lt_lock_release", Error::NegativeSeconds), None);
    }
}
