//! Threads are not cancelled here: winpthreads' pthread_cancel comes at its own functions alone.

/// Nothing is put off.
pub struct PutOff;

impl PutOff {
    pub fn begin() -> PutOff {
        PutOff
    }
}

/// As where its end lets a cancellation come again.
impl Drop for PutOff {
    fn drop(&mut self) {}
}

pub fn put_off<R>(f: impl FnOnce() -> R) -> R {
    f()
}
