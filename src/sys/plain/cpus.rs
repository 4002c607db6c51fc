//! Threads run wherever the system has them run.

/// Whether there is such a thing here.
pub const KNOWN: bool = false;

/// Nothing is known.
#[derive(Debug)]
pub enum Cpus {
    Unknown,
}

#[allow(clippy::unused_self, reason = "as where something is known")]
impl Cpus {
    pub fn of(_native_id: i64) -> Cpus {
        Cpus::Unknown
    }

    pub fn share(_native_id: i64) {}

    pub fn apply(&self) {}
}
