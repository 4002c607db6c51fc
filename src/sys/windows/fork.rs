//! There are no forks.

/// Nobody will be told.
pub fn install(_before: extern "C" fn(), _parent: extern "C" fn(), _child: extern "C" fn()) -> bool {
    true
}
