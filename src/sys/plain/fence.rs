//! No fence for other threads: each fences for itself.

/// What the system is asked for.
#[derive(Clone, Copy)]
pub enum Ask {
    Register,
    Fence,
}

/// Whether the system did it.
pub fn membarrier(_ask: Ask) -> bool {
    false
}
