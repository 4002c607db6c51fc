//! Nobody looks for races.

pub fn is_looked_for() -> bool {
    false
}

pub fn leave_out_own() {}

pub fn before(_address: *const ()) {}

pub fn after(_address: *const ()) {}
