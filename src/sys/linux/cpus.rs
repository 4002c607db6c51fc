//! On which processors a thread may run. A new thread has it from the one that starts it; where that is
//! whichever came first, the library gives it what another one has.

#[cfg(target_os = "linux")]
use crate::base::errno::Errno;
#[cfg(target_os = "linux")]
use crate::base::heap::boxed;

/// Whether there is such a thing here.
pub const KNOWN: bool = true;

/// What the kernel says of one thread, or nothing where it does not tell.
#[derive(Debug, PartialEq)]
pub enum Cpus {
    Unknown,
    /// Of the first 64 processors.
    Few(u64),
    Many(Box<Mask>, usize),
}

/// As many as Linux can be built for.
type Mask = [u64; 128];

impl Cpus {
    /// Those of the thread with this native id; 0 for the calling thread's.
    #[cfg(target_os = "linux")]
    pub fn of(native_id: i64) -> Cpus {
        let _errno = Errno::keep();
        let mut mask: Mask = [0; 128];
        // SAFETY: a buffer of the size that is said. The system call, since the wrapper does not say how
        // much of it was written.
        let written = unsafe {
            libc::syscall(
                libc::SYS_sched_getaffinity,
                native_id as libc::pid_t,
                size_of::<Mask>(),
                mask.as_mut_ptr(),
            )
        };
        match usize::try_from(written) {
            Err(_) => Cpus::Unknown,
            Ok(bytes) => match mask {
                [first, rest @ ..] if rest.iter().all(|word| *word == 0) => Cpus::Few(first),
                _ => boxed(mask).map_or(Cpus::Unknown, |mask| Cpus::Many(mask, bytes)),
            },
        }
    }

    /// The calling thread may run where this one may. Out of line, as below: the caller's frame, above user
    /// code, is to have nothing with a destructor.
    #[inline(never)]
    pub fn share(native_id: i64) {
        Cpus::of(native_id).apply();
    }

    /// The calling thread may run there, and nowhere else, from now on.
    #[cfg(target_os = "linux")]
    #[inline(never)]
    pub fn apply(&self) {
        let (mask, bytes) = match self {
            Cpus::Unknown => return,
            Cpus::Few(mask) => (core::ptr::from_ref(mask), size_of::<u64>()),
            Cpus::Many(mask, bytes) => (mask.as_ptr(), *bytes),
        };
        // To ask is cheap, to change is not.
        if *self == Cpus::of(0) {
            return;
        }
        let _errno = Errno::keep();
        // SAFETY: a mask of the size that is said. If the system refuses, the thread runs where it did.
        unsafe { libc::sched_setaffinity(0, bytes, mask.cast()) };
    }

    #[cfg(not(target_os = "linux"))]
    pub fn of(_native_id: i64) -> Cpus {
        Cpus::Unknown
    }

    #[cfg(not(target_os = "linux"))]
    pub fn apply(&self) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_takes_what_another_has() {
        let own = Cpus::of(0);
        assert!(!matches!(own, Cpus::Unknown));
        std::thread::spawn(move || {
            Cpus::Few(1).apply();
            own.apply();
            assert_eq!(Cpus::of(0), own);
        })
        .join()
        .unwrap();
    }
}
