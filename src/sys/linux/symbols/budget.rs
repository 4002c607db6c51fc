//! What reading the files of one module may cost: a damaged file can say anything of its sizes and counts.

use core::cell::Cell;

/// So many bytes of a file are read and unpacked at the most, with those of its debug information.
const MOST_BYTES: usize = 256 << 20;

/// So many single reads are made in them: a second or two.
const MOST_STEPS: u64 = 1 << 27;

pub struct Budget {
    bytes: Cell<usize>,
    steps: Cell<u64>,
}

impl Budget {
    pub fn new() -> Budget {
        Budget::of(MOST_BYTES, MOST_STEPS)
    }

    pub fn of(bytes: usize, steps: u64) -> Budget {
        Budget { bytes: Cell::new(bytes), steps: Cell::new(steps) }
    }

    /// Takes so many bytes; if there are fewer, none.
    pub fn take_bytes(&self, bytes: usize) -> bool {
        let left = self.bytes.get().checked_sub(bytes);
        self.bytes.set(left.unwrap_or(self.bytes.get()));
        left.is_some()
    }

    /// A copy, if so many bytes may be had and are there.
    pub fn copy(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut copy = Vec::new();
        (self.take_bytes(bytes.len()) && copy.try_reserve_exact(bytes.len()).is_ok()).then(|| {
            copy.extend_from_slice(bytes);
            copy
        })
    }

    /// Takes so many steps; if there are fewer, all.
    #[inline]
    pub fn step(&self, steps: u64) -> bool {
        let left = self.steps.get().checked_sub(steps);
        self.steps.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Does what must not take more than so many steps.
    pub fn within<T>(&self, most: u64, work: impl FnOnce() -> T) -> T {
        let before = self.steps.get();
        let given = before.min(most);
        self.steps.set(given);
        let done = work();
        self.steps.set(before - (given - self.steps.get()));
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_gone() {
        let budget = Budget::of(10, 3);
        assert!(budget.take_bytes(8) && !budget.take_bytes(3));
        assert!(budget.copy(&[1, 2]).is_some() && budget.copy(&[1]).is_none());
        assert!(budget.step(2) && !budget.step(2) && !budget.step(1));
    }

    #[test]
    fn a_part_of_the_work_has_a_bound_of_its_own() {
        let budget = Budget::of(0, 10);
        assert!(budget.within(3, || budget.step(3)));
        assert!(!budget.within(3, || budget.step(2) && budget.step(2)));
        assert!(!budget.within(100, || budget.step(5)));
    }
}
