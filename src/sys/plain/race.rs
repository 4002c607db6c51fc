//! Nobody looks for races.

pub fn is_looked_for() -> bool {
    false
}

pub fn leave_out_own() {}

pub fn last_rounds() -> u32 {
    0
}

pub fn before(_address: *const ()) {}

pub fn after(_address: *const ()) {}

pub fn unseen<R>(f: impl FnOnce() -> R) -> R {
    f()
}
