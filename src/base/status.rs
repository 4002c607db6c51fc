//! The statuses that C sees, the reasons behind them, and the one table that gives both their words.

#![allow(non_camel_case_types, reason = "these are the names that C sees")]

use crate::base::handle::Kind;

/// What a call did. LT_OK is 0; a positive status is an answer ("it would have to wait"), a
/// negative one an error ("the argument is wrong"), for which lt_last_error() has a sentence.
pub type lt_status = i32;

/// Done.
pub const LT_OK: lt_status = 0;
/// Not done: it would have to wait, or the object is still in use.
pub const LT_BUSY: lt_status = 1;
/// Not done: the time was up first.
pub const LT_TIMED_OUT: lt_status = 2;
/// Not done: this thread was interrupted while it waited.
pub const LT_INTERRUPTED: lt_status = 3;
/// The queue or the pool is shut down.
pub const LT_CLOSED: lt_status = 4;
/// The barrier or the pool is broken.
pub const LT_BROKEN: lt_status = 5;
/// The future was cancelled.
pub const LT_CANCELLED: lt_status = 6;
/// The task or the thread ended with an error.
pub const LT_FAILED: lt_status = 7;
/// The queue, or the container, has nothing to give.
pub const LT_EMPTY: lt_status = 8;
/// The queue has no room.
pub const LT_FULL: lt_status = 9;
/// An argument is out of range, not a number, or NULL.
pub const LT_INVALID: lt_status = -1;
/// The handle is NULL, freed, or of another type.
pub const LT_BAD_HANDLE: lt_status = -2;
/// Released, but it was not acquired.
pub const LT_NOT_HELD: lt_status = -3;
/// The re-entrant lock is held by another thread.
pub const LT_NOT_OWNER: lt_status = -4;
/// A timeout or a count is too large.
pub const LT_OVERFLOW: lt_status = -5;
/// Out of memory; nothing was changed.
pub const LT_NO_MEMORY: lt_status = -6;
/// No new thread could be started; lt_last_errno() says why.
pub const LT_NO_THREAD: lt_status = -7;
/// The thread would have to wait for itself.
pub const LT_DEADLOCK: lt_status = -8;
/// Not available on this platform.
pub const LT_UNSUPPORTED: lt_status = -9;

/// The name and the meaning of a status, NUL-terminated.
pub fn describe(status: lt_status) -> (&'static core::ffi::CStr, &'static core::ffi::CStr) {
    match status {
        LT_OK => (c"LT_OK", c"success"),
        LT_BUSY => (c"LT_BUSY", c"it would have to wait, or is still in use"),
        LT_TIMED_OUT => (c"LT_TIMED_OUT", c"the time was up first"),
        LT_INTERRUPTED => (c"LT_INTERRUPTED", c"the waiting thread was interrupted"),
        LT_CLOSED => (c"LT_CLOSED", c"the queue or pool is shut down"),
        LT_BROKEN => (c"LT_BROKEN", c"the barrier or pool is broken"),
        LT_CANCELLED => (c"LT_CANCELLED", c"the future was cancelled"),
        LT_FAILED => (c"LT_FAILED", c"the task or thread ended with an error"),
        LT_EMPTY => (c"LT_EMPTY", c"there is nothing to get"),
        LT_FULL => (c"LT_FULL", c"the queue has no room"),
        LT_INVALID => (c"LT_INVALID", c"an argument is out of range"),
        LT_BAD_HANDLE => (c"LT_BAD_HANDLE", c"the handle is NULL, freed, or of another type"),
        LT_NOT_HELD => (c"LT_NOT_HELD", c"released without having been acquired"),
        LT_NOT_OWNER => (c"LT_NOT_OWNER", c"held by another thread"),
        LT_OVERFLOW => (c"LT_OVERFLOW", c"the timeout or count is too large"),
        LT_NO_MEMORY => (c"LT_NO_MEMORY", c"out of memory"),
        LT_NO_THREAD => (c"LT_NO_THREAD", c"a new thread could not be started"),
        LT_DEADLOCK => (c"LT_DEADLOCK", c"the thread would wait for itself"),
        LT_UNSUPPORTED => (c"LT_UNSUPPORTED", c"not available on this platform"),
        _ => (c"LT_UNKNOWN", c"not a status of this library"),
    }
}

/// The parameters of the header that are pointers but no handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    Function,
    Args,
    Item,
    Array,
    Buf,
    Name,
    Event,
    Callback,
    Message,
    Predicate,
    Flag,
    Items,
    Futures,
    Cases,
    Info,
    Ready,
    Path,
}

impl Argument {
    fn name(self) -> &'static str {
        match self {
            Argument::Function => "function",
            Argument::Args => "args",
            Argument::Item => "item",
            Argument::Array => "array",
            Argument::Buf => "buf",
            Argument::Name => "name",
            Argument::Event => "event",
            Argument::Callback => "callback",
            Argument::Message => "message",
            Argument::Predicate => "predicate",
            Argument::Flag => "flag",
            Argument::Items => "items",
            Argument::Futures => "futures",
            Argument::Cases => "cases",
            Argument::Info => "info",
            Argument::Ready => "ready",
            Argument::Path => "path",
        }
    }
}

/// Why a call did not do what it was asked: small enough to be returned in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    // Answers: nothing is recorded for them.
    Busy,
    TimedOut,
    Interrupted,
    Closed,
    Empty,
    Full,
    Broken,
    Cancelled,
    // Errors.
    NullHandle(Kind),
    StaleHandle(Kind),
    /// A value that no handle has: small, negative, or a pointer.
    NoHandle(Kind),
    /// A handle of the first kind was wanted, one of the second was given.
    WrongHandle(Kind, Kind),
    NullArgument(Argument),
    TimeoutNotANumber,
    TimeoutTooLong,
    NegativeSeconds,
    SignalOutOfRange,
    ZeroCount,
    InitialAboveMax,
    StackTooSmall,
    StackTooLarge,
    NotHeld,
    NotOwner,
    /// A re-entrant lock that is held more often than can be counted.
    TooOften,
    CountIsZero,
    HeldAlready,
    /// More readers than can be counted.
    TooManyReaders,
    NoParties,
    NoPartiesLeft,
    CalledFromWithin,
    /// More is said to be done than was put.
    NothingToBeDone,
    BadMode,
    /// A case of a select that is none.
    BadOp,
    /// A wait for nothing, without an end.
    NoCases,
    WaitsForItself,
    /// A wait that would never end: insight knows more.
    ClosesCircle,
    /// Bits that stand for nothing.
    NoSuchInsight,
    NoFunction,
    NoReport,
    WaitsForItsPool,
    NoStackLeft,
    AboveBound,
    BadSize,
    /// A struct has something set that is behind the members that are known.
    UnknownMember,
    NoSuchThread,
    ServesTheLibrary,
    EmptyBuffer,
    BadName,
    NotASignal,
    NoSuchSignalHere,
    /// The platform has nothing of the kind.
    NotHere,
    /// The descriptor takes nothing.
    NotWritten,
    /// Something of a trace was not written.
    TraceCutShort,
    NotPositiveSeconds,
    JoinSelf,
    ShutdownFromWithin,
    /// The thread ended with an error: an answer.
    Failed,
    NoMemory,
    /// These three with the errno of the system call that refused.
    NoThread(i32),
    NoDescriptor(i32),
    NoFile(i32),
}

impl Error {
    pub fn status(self) -> lt_status {
        self.describe().0
    }

    /// The status, and for an error what was wrong, to follow "name_of_function: ".
    pub fn describe(self) -> (lt_status, &'static str) {
        match self {
            Error::Busy => (LT_BUSY, ""),
            Error::TimedOut => (LT_TIMED_OUT, ""),
            Error::Interrupted => (LT_INTERRUPTED, ""),
            Error::Closed => (LT_CLOSED, ""),
            Error::Empty => (LT_EMPTY, ""),
            Error::Full => (LT_FULL, ""),
            Error::Broken => (LT_BROKEN, ""),
            Error::Cancelled => (LT_CANCELLED, ""),
            Error::NullHandle(_) => (LT_BAD_HANDLE, "is NULL"),
            Error::StaleHandle(_) => (LT_BAD_HANDLE, "is stale: it was freed before"),
            Error::NoHandle(_) => (LT_BAD_HANDLE, "is not a handle"),
            Error::WrongHandle(..) => (LT_BAD_HANDLE, "is of another type"),
            Error::NullArgument(_) => (LT_INVALID, "must not be NULL"),
            Error::TimeoutNotANumber => (LT_INVALID, "seconds is not a number"),
            Error::TimeoutTooLong => (LT_OVERFLOW, "seconds is above LT_TIMEOUT_MAX"),
            Error::NegativeSeconds => (LT_INVALID, "seconds is negative"),
            Error::SignalOutOfRange => (LT_INVALID, "signum is outside 1..64"),
            Error::ZeroCount => (LT_INVALID, "n is 0"),
            Error::InitialAboveMax => (LT_INVALID, "initial is above max"),
            Error::StackTooSmall => (LT_INVALID, "size is below 4096 and not 0"),
            Error::StackTooLarge => (LT_INVALID, "size is more than half the address space"),
            Error::NotHeld => (LT_NOT_HELD, "the lock is not held"),
            Error::NotOwner => (LT_NOT_OWNER, "the lock is held by another thread"),
            Error::TooOften => (LT_OVERFLOW, "the lock is held too often to be counted"),
            Error::CountIsZero => (LT_INVALID, "count is 0"),
            Error::HeldAlready => (LT_DEADLOCK, "the calling thread holds the lock already"),
            Error::TooManyReaders => (LT_OVERFLOW, "the lock has too many readers to be counted"),
            Error::NoParties => (LT_INVALID, "parties is 0"),
            Error::NoPartiesLeft => (LT_INVALID, "all parties have dropped out"),
            Error::CalledFromWithin => (LT_DEADLOCK, "called from the function that it calls"),
            Error::NothingToBeDone => (LT_INVALID, "called more often than items were put"),
            Error::BadMode => (LT_INVALID, "mode is not one of LT_ALL, LT_ANY and LT_FIRST_ERROR"),
            Error::BadOp => (LT_INVALID, "op is not one of the LT_CASE_ constants"),
            Error::NoCases => (LT_DEADLOCK, "n is 0 and there is no timeout: nothing would end the wait"),
            Error::NoReport => (LT_INVALID, "info is not one that the library has given"),
            Error::NoFunction => {
                (LT_INVALID, "the calling thread runs no function that the library was given")
            }
            Error::ClosesCircle => (
                LT_DEADLOCK,
                "the wait would never end: each thread would wait for the next, round to this one",
            ),
            Error::NoSuchInsight => (LT_INVALID, "what has a bit that is none of the LT_INSIGHT_ constants"),
            Error::WaitsForItself => (LT_DEADLOCK, "the task would wait for itself"),
            Error::WaitsForItsPool => (LT_DEADLOCK, "the calling thread is a worker of the pool"),
            Error::NoStackLeft => {
                (LT_DEADLOCK, "neither stack is left to run the task nor another thread to be had")
            }
            Error::AboveBound => (LT_OVERFLOW, "the value would rise above the bound of the semaphore"),
            Error::BadSize => {
                (LT_INVALID, "size is not that of a struct: below that of a size_t, or above 4096")
            }
            Error::UnknownMember => (LT_INVALID, "a member is set that this library does not know"),
            Error::NoSuchThread => (LT_INVALID, "no thread with this ident is alive"),
            Error::ServesTheLibrary => {
                (LT_INVALID, "the calling thread is one of a pool's or of the library's own")
            }
            Error::EmptyBuffer => (LT_INVALID, "len is 0"),
            Error::BadName => (LT_INVALID, "name is not UTF-8"),
            Error::NotASignal => (LT_INVALID, "signum is not a signal that can be caught"),
            Error::NoSuchSignalHere => {
                (LT_UNSUPPORTED, "signum is not one that this platform has: SIGINT, SIGTERM, SIGBREAK")
            }
            Error::NotHere => (LT_UNSUPPORTED, "this platform has no such thing"),
            Error::NotWritten => (LT_INVALID, "fd cannot be written to"),
            Error::TraceCutShort => (LT_INVALID, "the file took no more: the trace ends before its end"),
            Error::NotPositiveSeconds => (LT_INVALID, "seconds is not above 0"),
            Error::JoinSelf => (LT_DEADLOCK, "the thread would wait for itself"),
            Error::ShutdownFromWithin => (LT_DEADLOCK, "the calling thread is one of those waited for"),
            Error::Failed => (LT_FAILED, ""),
            Error::NoMemory => (LT_NO_MEMORY, "out of memory"),
            Error::NoThread(_) => (LT_NO_THREAD, "the system refused a new thread"),
            Error::NoDescriptor(_) => (LT_NO_MEMORY, "the system refused a new descriptor"),
            Error::NoFile(_) => (LT_INVALID, "the file cannot be written"),
        }
    }

    /// The errno behind the error, 0 where there is none.
    pub fn errno(self) -> i32 {
        match self {
            Error::NoThread(errno) | Error::NoDescriptor(errno) | Error::NoFile(errno) => errno,
            Error::NoMemory => libc::ENOMEM,
            _ => 0,
        }
    }

    /// Writes what lt_last_error() gives behind the function: what was wrong with which argument.
    pub fn write(self, out: &mut impl core::fmt::Write) -> core::fmt::Result {
        let what = self.describe().1;
        match self {
            Error::NullHandle(kind) | Error::StaleHandle(kind) | Error::NoHandle(kind) => {
                write!(out, "{} {what}", kind.name())
            }
            Error::WrongHandle(wanted, given) => {
                write!(out, "{} {what}: lt_{}", wanted.name(), given.name())
            }
            Error::NullArgument(argument) => write!(out, "{} {what}", argument.name()),
            Error::NoThread(errno) | Error::NoDescriptor(errno) | Error::NoFile(errno) => {
                write!(out, "{what} (errno {errno})")
            }
            _ => write!(out, "{what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_fits_a_register() {
        assert!(size_of::<Result<(), Error>>() <= 8);
    }

    #[test]
    fn every_status_has_its_own_name_and_words() {
        let all: Vec<_> = (LT_UNSUPPORTED..=LT_FULL).map(describe).collect();
        for (i, a) in all.iter().enumerate() {
            assert_ne!(a.0, c"LT_UNKNOWN");
            assert!(all.iter().skip(i + 1).all(|b| a.0 != b.0 && a.1 != b.1));
        }
        assert_eq!(describe(10).0, c"LT_UNKNOWN");
        assert_eq!(describe(i32::MIN).0, c"LT_UNKNOWN");
    }

    #[test]
    fn the_sentence_names_the_argument() {
        let mut text = String::new();
        Error::WrongHandle(Kind::Lock, Kind::Event).write(&mut text).unwrap();
        assert_eq!(text, "lock is of another type: lt_event");
    }
}
